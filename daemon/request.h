/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods: the map of the whole daemon. A call is looked up in the table,
 * decoded by the row's parameter table, checked for the row's right and handed
 * to the row's function.
 */
#ifndef FETHD_REQUEST_H
#define FETHD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "params.h"
#include "varlink.h"
#include "warden_msg.h"

struct conn;
struct vlink;

/* A request under way. Owned by its connection, until request_end. */
struct request {
	struct conn	*conn;
	const struct method *method;
	bool		more, oneway;
	struct vlink	*link;		/* being opened or attached, or NULL */
	int		end;		/* of link */
};

/* "UID/NAME", or "@" and an id. */
#define LINK_REF	(11 + BOUND_NAME + 1)

/* The parameters of every method that needs NEED_OWNER begin with the link. */
struct link_params {
	char		link[LINK_REF];
};
#define P_LINK	{ .name = "link", .type = PARAM_STRING, .required = true, \
	  .offset = 0, .size = LINK_REF }

enum need { NEED_NOTHING, NEED_POLICY, NEED_OWNER };

struct method {
	const char	*interface;
	const char	*name;
	const struct param *params;
	size_t		size;		/* of the struct that params decode into */
	enum need	need;		/* enforced by the handler's look-up */
	unsigned int	flags;		/* M_* */
	void		(*run)(struct request *req, void *params);
	void		(*init)(void *params);	/* defaults, may be NULL */
};
#define M_FDS	0x01	/* takes descriptors from the caller */
#define M_MORE	0x02	/* only with "more" */

extern const struct method methods[];	/* ended by a NULL name */

/* request_impair.c */
struct impair_params {
	struct link_params l;
	int64_t		end;
	bool		end_given, set_given;
	struct impair_set {
		int64_t	delay_us, jitter_us, loss, duplicate, reorder, rate,
			seed;
		bool	down, seed_given;
	} set;
};
extern const struct param impair_params[];
void	impair_run(struct request *req, void *params);

/*
 * A whole message of C came: TEXT of SIZE bytes, without the NUL. Replies now
 * or later; c->req is set until then.
 */
void	request_start(struct conn *c, const char *text, size_t size);

/* vlink.c: the link that REQ opens is there; or it is not, and why. */
void	request_opened(struct request *req, struct vlink *l);
void	request_open_failed(struct request *req, enum wm_op op, int error);

/* REQ is answered: free it and let its connection go on. */
void	request_end(struct request *req);

/* C is about to be freed: its request, if any, goes. */
void	request_conn_gone(struct conn *c);

#endif

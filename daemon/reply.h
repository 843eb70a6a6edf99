/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds results and errors and hands them to conn.c.
 */
#ifndef FETHD_REPLY_H
#define FETHD_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct conn;
struct if_counters;
struct peer;
struct policy;
struct request;
struct vlink;

enum error_id {
	ERR_INTERFACE_NOT_FOUND, ERR_METHOD_NOT_FOUND, ERR_INVALID_PARAMETER,
	ERR_EXPECTED_MORE,
	ERR_NOT_PERMITTED, ERR_QUOTA_EXCEEDED, ERR_NO_SUCH_LINK,
	ERR_NAME_IN_USE, ERR_END_BUSY, ERR_UNSUPPORTED, ERR_INVALID_SPEC,
	ERR_BACKEND_FAILED, ERR_BUSY, ERR_INVALID_MESSAGE,
	ERRORS
};

struct error_field {
	const char	*name;		/* NULL ends */
	char		type;		/* 's' const char *, 'i' int64_t */
};

struct error_row {
	const char	*interface, *name;
	struct error_field fields[5];
};
extern const struct error_row errors[ERRORS];

/*
 * Answer REQ and end it. PARAMETERS moves (NULL: empty). FDS move.
 */
void	reply_done(struct request *req, cJSON *parameters, int *fds,
	    unsigned int nfds);
/* Answer with "continues"; REQ lives on. */
void	reply_more(struct conn *c, cJSON *parameters, bool continues);
/* Answer with the error ID and end REQ: one argument a field, in the order of
 * the table, const char * or int64_t. */
void	reply_error(struct request *req, enum error_id id, ...);

/* The Link object of L. FD[i] is the index of end i's descriptor in the reply or
 * -1 (FD may be NULL). The token only where WITH_TOKEN. NULL: no memory. */
cJSON	*reply_link(const struct vlink *l, const int *fd, bool with_token);
/* A LinkStats object. */
cJSON	*reply_stats(const struct vlink *l);
/* The reply of Impair. */
cJSON	*reply_impair(const struct vlink *l);
/* The reply of Policy. */
cJSON	*reply_policy(const struct policy *p);

#endif

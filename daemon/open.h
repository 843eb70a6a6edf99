/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The method Open: from decoded parameters to a link, and what Explain needs of
 * the way.
 */
#ifndef FETHD_OPEN_H
#define FETHD_OPEN_H

#include <stdbool.h>

#include "params.h"
#include "policy.h"
#include "spec.h"
#include "watch.h"

struct fethd;
struct peer;
struct request;

struct open_end {
	int		kind, class;
	int64_t		netns;
	bool		take, take_given, netns_given;
	uint8_t		offloads;
	struct mac_list { unsigned int n; uint8_t mac[6]; } mac;
	struct address_list {
		unsigned int	n;
		bool		automatic;
		struct prefix	prefix[BOUND_ADDRESSES];
	} addresses;
};

struct open_params {
	char		name[BOUND_NAME + 1];
	unsigned int	nends;
	struct open_end	ends[2];
	int		lease;
	struct label_list labels;
	int64_t		mtu;
	bool		dry_run;
};

extern const struct param open_params[];

/* Decode an object of strings into a struct label_list; also for Filter. */
int	open_decode_labels(const cJSON *v, void *field, char *reason,
	    size_t size);

void	open_init(void *params);
void	open_run(struct request *req, void *params);

/* PARAMS as a checked spec. 0, or -EINVAL with *ERR. */
int	open_spec(const struct fethd *d, const struct open_params *params,
	    struct link_spec *spec, struct spec_error *err);

/* The rule that V is about: its name, and its line or 0. */
const char *open_rule_name(const struct verdict *v);
uint32_t open_rule_line(const struct verdict *v);

/* Is there something that the backend cannot do? Its name, and in *HINT what
 * would help; or NULL. */
const char *open_unsupported(const struct fethd *d,
	    const struct link_spec *spec, const char **hint);

#endif

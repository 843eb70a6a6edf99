/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of a Varlink call: {"method","parameters","more","oneway",
 * "upgrade"}.
 */
#ifndef FETHD_VARLINK_H
#define FETHD_VARLINK_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

struct call {
	cJSON		*tree;		/* owned; varlink_clear frees it */
	const char	*interface;	/* "org.fethd.Broker": points into buf */
	const char	*method;	/* "Open" */
	const cJSON	*parameters;	/* an object; empty when absent */
	bool		more;
	bool		oneway;
	char		buf[160];
};

/*
 * Read the call in TEXT (SIZE bytes, the NUL not included). 0, or -EINVAL with
 * REASON and OFFSET for the error InvalidMessage.
 */
int	varlink_parse(const char *text, size_t size, struct call *call,
	    char *reason, size_t rsize, size_t *offset);
void	varlink_clear(struct call *call);

/* The text of include/org.fethd.Broker.varlink, and of org.varlink.service. */
extern const char varlink_broker_text[];
extern const char varlink_service_text[];

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a Link of the protocol looks to people; for list, show and watch.
 */
#ifndef FETHC_SHOW_H
#define FETHC_SHOW_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "fethc.h"

/* The parameters with the Filter that the options say; for cJSON_free. NULL
 * after a message: *R is the exit code. */
char	*show_filter(const struct args *a, int *r);
/* What the ends are, in one word each: "tap+feth10000". */
const char *show_ends(const cJSON *link, char *buf, size_t size);
/* The addresses of both ends, "-" when there are none. */
const char *show_addresses(const cJSON *link, char *buf, size_t size);

#endif

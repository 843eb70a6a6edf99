/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A method that replies again and again, for watch and stats.
 */
#ifndef FETHC_STREAM_H
#define FETHC_STREAM_H

#include <cjson/cJSON.h>

#include "fethc.h"

/* Prints one reply for people. */
typedef void stream_print_fn(const cJSON *parameters);

/*
 * Call METHOD with "more" and print each reply by PRINT, or as JSON, until the
 * end of the stream, a signal, the --count or the --timeout of A. The exit
 * code.
 */
int	stream_run(const struct args *a, const char *method,
	    const char *parameters, stream_print_fn *print);

#endif

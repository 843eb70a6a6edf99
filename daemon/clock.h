/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's clocks as one number; they cannot fail.
 */
#ifndef FETHD_CLOCK_H
#define FETHD_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND	INT64_C(1000000000)	/* in nanoseconds */

/* CLOCK_MONOTONIC or CLOCK_REALTIME, in nanoseconds. */
static inline int64_t
clock_ns(clockid_t id)
{
	struct timespec	ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_SECOND + ts.tv_nsec;
}

/* The monotonic clock in milliseconds, */
static inline int64_t
clock_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* and in whole seconds. */
static inline int64_t
clock_secs(void)
{
	return clock_ns(CLOCK_MONOTONIC) / CLOCK_SECOND;
}

#endif

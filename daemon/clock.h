/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's clocks as one number; they cannot fail.
 */
#ifndef FETHD_CLOCK_H
#define FETHD_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND	INT64_C(1000000000)	/* in nanoseconds */

/* CLOCK_MONOTONIC or CLOCK_REALTIME, in nanoseconds; to compare with its like, not
 * with those below. */
static inline int64_t
clock_ns(clockid_t id)
{
	struct timespec	ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_SECOND + ts.tv_nsec;
}

/*
 * The clock of grace times and limits stands still while the machine sleeps, so
 * that nobody's time runs out meanwhile. On Linux the monotonic one does, on macOS
 * it goes on.
 */
#ifdef CLOCK_UPTIME_RAW
#define CLOCK_AWAKE	CLOCK_UPTIME_RAW
#else
#define CLOCK_AWAKE	CLOCK_MONOTONIC
#endif

/* That clock in milliseconds, */
static inline int64_t
clock_ms(void)
{
	return clock_ns(CLOCK_AWAKE) / 1000000;
}

/* and in whole seconds. */
static inline int64_t
clock_secs(void)
{
	return clock_ns(CLOCK_AWAKE) / CLOCK_SECOND;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for the administrator: stderr in the foreground, syslog otherwise.
 * One info line for each grant, refusal and teardown is the audit trail.
 * Nothing is logged per frame. Text that came from a client goes through
 * log_escape first.
 */
#ifndef FETHD_LOG_H
#define FETHD_LOG_H

#include <stddef.h>

enum log_level { LOG_L_ERROR, LOG_L_WARN, LOG_L_INFO, LOG_L_DEBUG };

/* TAG names the process ("fethd", "warden", "broker"). */
void	log_init(const char *tag, enum log_level max, int use_stderr);
/* Another TAG after a fork; the rest stays. */
void	log_tag(const char *tag);
/* Connect anew in a child that closed its descriptors, after closelog(3). */
void	log_reopen(void);

/* _warn adds ": " and the text of errno; _warnx does not. */
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Start-up only: log and exit 1. */
void	fatal(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
void	fatalx(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

/* Write S with control and non-ASCII bytes as \xNN to BUF; returns BUF. */
const char *log_escape(const char *s, char *buf, size_t size);

#endif

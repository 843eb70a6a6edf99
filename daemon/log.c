/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for the administrator. Called from everywhere in daemon/; must never
 * allocate, fail or call back.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static struct {
	const char	*tag;
	enum log_level	max;
	int		use_stderr;
} log_state = { "fethd", LOG_L_INFO, 1 };

static const struct {
	const char	*name;
	int		priority;
} log_levels[] = {
	[LOG_L_ERROR] = { "error", LOG_ERR },
	[LOG_L_WARN] = { "warning", LOG_WARNING },
	[LOG_L_INFO] = { "info", LOG_INFO },
	[LOG_L_DEBUG] = { "debug", LOG_DEBUG },
};

void
log_init(const char *tag, enum log_level max, int use_stderr)
{
	log_state.tag = tag;
	log_state.max = max;
	log_state.use_stderr = use_stderr;
	log_reopen();
}

void
log_reopen(void)
{
	/* LOG_NDELAY: the broker cannot open the socket from its chroot. */
	if (!log_state.use_stderr)
		openlog("fethd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_tag(const char *tag)
{
	log_state.tag = tag;
}

static void __attribute__((format(printf, 3, 0)))
log_write(enum log_level level, int err, const char *fmt, va_list ap)
{
	char	 text[1024], line[1200];
	int	 n, saved = errno;

	if (level > log_state.max)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		goto out;
	if (err != 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s",
		    strerror(err));
	if (!log_state.use_stderr) {
		syslog(log_levels[level].priority, "%s: %s", log_state.tag,
		    text);
		goto out;
	}
	/* One write, so that lines of the two processes never mix. */
	n = snprintf(line, sizeof(line), "%s[%ld]: %s: %s\n", log_state.tag,
	    (long)getpid(), log_levels[level].name, text);
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		goto out;
out:
	errno = saved;
}

#define LOG_BODY(level, err) do {					\
	va_list	ap;							\
									\
	va_start(ap, fmt);						\
	log_write(level, err, fmt, ap);					\
	va_end(ap);							\
} while (0)

void
log_warn(const char *fmt, ...)
{
	LOG_BODY(LOG_L_WARN, errno);
}

void
log_warnx(const char *fmt, ...)
{
	LOG_BODY(LOG_L_WARN, 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY(LOG_L_INFO, 0);
}

void
log_debug(const char *fmt, ...)
{
	LOG_BODY(LOG_L_DEBUG, 0);
}

void
fatal(const char *fmt, ...)
{
	LOG_BODY(LOG_L_ERROR, errno);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	LOG_BODY(LOG_L_ERROR, 0);
	exit(1);
}

const char *
log_escape(const char *s, char *buf, size_t size)
{
	static const char	hex[] = "0123456789abcdef";
	size_t			n = 0;
	unsigned char		c;

	for (; (c = (unsigned char)*s) != '\0'; s++) {
		if (n + 5 > size)
			break;
		if (c >= ' ' && c < 0x7f && c != '\\') {
			buf[n++] = (char)c;
			continue;
		}
		buf[n++] = '\\';
		buf[n++] = 'x';
		buf[n++] = hex[c >> 4];
		buf[n++] = hex[c & 15];
	}
	if (size > 0)
		buf[n] = '\0';
	return buf;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series of samples: kept here, read by report.c.
 */
#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define SERIES_MAX	96

static struct series all[SERIES_MAX];
static unsigned int nall;

static struct series *
series_get(const char *name)
{
	unsigned int i;

	for (i = 0; i < nall; i++) {
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	}
	if (nall == SERIES_MAX) {
		fprintf(stderr, "bench: too many series\n");
		abort();
	}
	snprintf(all[nall].name, sizeof(all[nall].name), "%s", name);
	return &all[nall++];
}

void
sample(const char *name, double value, double cpu)
{
	struct series *s = series_get(name);
	double *v;

	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		v = realloc(s->value, s->cap * sizeof(*v));
		if (v == NULL)
			abort();
		s->value = v;
	}
	s->value[s->n++] = value;
	if (cpu >= 0) {
		s->cpu += cpu;
		s->ncpu++;
	}
}

static void __attribute__((format(printf, 3, 0)))
series_why(const char *name, bool broken, const char *fmt, va_list ap)
{
	struct series *s = series_get(name);

	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	s->broken |= broken;
	fprintf(stderr, "  %s: %s\n", name, s->why);
}

void
series_absent(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	series_why(name, false, fmt, ap);
	va_end(ap);
}

void
series_broken(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	series_why(name, true, fmt, ap);
	va_end(ap);
}

void
series_refused(const char *name, const struct feth_error *err)
{
	if (err->code == FETH_UNSUPPORTED)
		series_absent(name, "not built");
	else
		series_broken(name, "%s: %.100s", err->name, err->text);
}

const struct series *
series_find(const char *name)
{
	static const struct series none = { .why = "not measured" };
	unsigned int i;

	for (i = 0; i < nall; i++) {
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	}
	return &none;
}

const struct series *
series_at(unsigned int i)
{
	return i < nall ? &all[i] : NULL;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double
percentile(double *v, unsigned int n, double p)
{
	unsigned int i;

	if (n == 0)
		return NAN;
	qsort(v, n, sizeof(*v), compare);
	if (p == 0.5 && n % 2 == 0)
		return (v[n / 2 - 1] + v[n / 2]) / 2;
	i = (unsigned int)ceil(p * n);
	return v[i > 0 ? i - 1 : 0];
}

double
series_median(const struct series *s)
{
	double *v, m;

	if (s->n == 0 || (v = calloc(s->n, sizeof(*v))) == NULL)
		return NAN;
	memcpy(v, s->value, s->n * sizeof(*v));
	m = percentile(v, s->n, 0.5);
	free(v);
	return m;
}

double
series_cpu(const struct series *s)
{
	return s->ncpu > 0 ? s->cpu / s->ncpu : -1;
}

unsigned int
series_nbroken(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < nall; i++)
		n += all[i].broken;
	return n;
}

bool
line_selected(const struct line *l)
{
	return opt.rows == NULL || fnmatch(opt.rows, l->name, 0) == 0;
}

/* Is NEEDED made when SERIES is measured: itself, or what else of it? */
static bool
comes_of(const char *needed, const char *series)
{
	static const char *const more[] = { "", "-loss", "-p50", "-p99" };
	size_t i, len = strlen(series);

	if (needed == NULL || strncmp(needed, series, len) != 0)
		return false;
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		if (strcmp(needed + len, more[i]) == 0)
			return true;
	}
	return false;
}

bool
wanted(const char *series)
{
	const struct line *l;

	for (l = lines; l->name != NULL; l++) {
		if (line_selected(l) && (comes_of(l->series, series) ||
		    comes_of(l->to, series)))
			return true;
	}
	return false;
}

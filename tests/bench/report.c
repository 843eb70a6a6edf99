/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came out: a table for people, JSON for programs. A line's ratio is the
 * median of the ratios round by round, so that a neighbour that disturbs one
 * round does not tilt it.
 */
#include <sys/utsname.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "bench.h"

struct result {
	double		value;		/* what the limit is for */
	double		low, high;	/* the same, over the rounds */
	const char	*state;		/* ok, short, -, or why not */
};

/* ---- Lines ------------------------------------------------------------- */

static double
line_ratio(const struct series *a, const struct series *b, struct result *r)
{
	double v[1024];
	unsigned int i, n = a->n < 1024 ? a->n : 1024;

	if (a->n != b->n)
		return series_median(a) / series_median(b);
	for (i = 0; i < n; i++)
		v[i] = a->value[i] / b->value[i];
	r->value = percentile(v, n, 0.5);
	r->low = v[0];
	r->high = v[n - 1];
	return r->value;
}

static double
line_worst(const struct series *a, bool most)
{
	double v = a->value[0];
	unsigned int i;

	for (i = 1; i < a->n; i++)
		v = most ? fmax(v, a->value[i]) : fmin(v, a->value[i]);
	return v;
}

static const char *
line_state(const struct line *l, double v)
{
	/* A ratio as it is printed: 0.9699 is 0.970. */
	if (l->kind == LINE_RATIO)
		v = round(v * 1000) / 1000;
	switch (l->need) {
	case AT_LEAST:
		return v >= l->limit ? "ok" : "short";
	case AT_MOST:
		return v <= l->limit ? "ok" : "short";
	default:
		return "-";
	}
}

static struct result
line_result(const struct line *l)
{
	const struct series *a = series_find(l->series), *b = NULL;
	struct result r = { NAN, NAN, NAN, NULL };

	if (l->to != NULL)
		b = series_find(l->to);
	if (a->n == 0 || (b != NULL && b->n == 0)) {
		r.state = a->n == 0 ? a->why : b->why;
		return r;
	}
	if (b != NULL)
		r.value = line_ratio(a, b, &r);
	else if (l->kind == LINE_WORST)
		r.value = line_worst(a, l->need == AT_MOST);
	else
		r.value = series_median(a);
	r.state = line_state(l, r.value);
	return r;
}

/* ---- The machine ------------------------------------------------------- */

static void
cpu_name(char *buf, size_t size)
{
	char line[256], *p;
	FILE *f = fopen("/proc/cpuinfo", "re");

	snprintf(buf, size, "unknown");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "model name", 10) != 0 ||
		    (p = strchr(line, ':')) == NULL)
			continue;
		p += strspn(p, ": ");
		p[strcspn(p, "\n")] = '\0';
		snprintf(buf, size, "%s", p);
		break;
	}
	if (f != NULL)
		fclose(f);
}

static double
load_average(void)
{
	double v = 0;

	return getloadavg(&v, 1) == 1 ? v : NAN;
}

/* ---- The table --------------------------------------------------------- */

static const char *
human(double v, const char *unit, char *buf, size_t size)
{
	if (isnan(v))
		snprintf(buf, size, "-");
	else if (fabs(v) >= 10000)
		snprintf(buf, size, "%.0f k", v / 1000);
	else if (fabs(v) >= 100 || v == 0)
		snprintf(buf, size, "%.0f", v);
	else if (strcmp(unit, "of 1") == 0)
		snprintf(buf, size, fabs(v) < 0.001 ? "%.1e" : "%.4f", v);
	else
		snprintf(buf, size, "%.2f", v);
	return buf;
}

static void
table_line(FILE *out, const struct line *l)
{
	const struct series *a = series_find(l->series);
	struct result r = line_result(l);
	char v[16], b[16], limit[24] = "", ratio[16] = "", cpu[16] = "";

	human(l->to != NULL ? series_median(a) : r.value, l->unit, v,
	    sizeof(v));
	*b = '\0';
	if (l->to != NULL) {
		human(series_median(series_find(l->to)), l->unit, b,
		    sizeof(b));
		if (!isnan(r.value))
			snprintf(ratio, sizeof(ratio), "%.3f", r.value);
	}
	if (l->need != NOTHING)
		snprintf(limit, sizeof(limit), "%s %g",
		    l->need == AT_LEAST ? ">=" : "<=", l->limit);
	if (series_cpu(a) >= 0)
		snprintf(cpu, sizeof(cpu), "%.0f", series_cpu(a));
	fprintf(out, "%-18s %-55s %8s %8s %-8s %7s %9s %6s  %s\n", l->name,
	    l->text, v, b, l->unit, ratio, limit, cpu, r.state);
}

void
report_table(FILE *out)
{
	const struct line *l;
	const struct series *s;
	struct utsname u;
	char cpu[128];
	unsigned int i;

	cpu_name(cpu, sizeof(cpu));
	uname(&u);
	fprintf(out, "\nfethd %s on %s, %ld CPUs, %s %s; %u rounds of %g s, "
	    "%u-byte frames, load %.2f\n\n", FETHD_VERSION, cpu,
	    sysconf(_SC_NPROCESSORS_ONLN), u.sysname, u.release, opt.rounds,
	    opt.seconds, opt.frame, load_average());
	fprintf(out, "%-18s %-55s %8s %8s %-8s %7s %9s %6s  %s\n", "LINE",
	    "WHAT / BESIDE WHAT", "VALUE", "BESIDE", "UNIT", "RATIO", "NEEDED",
	    "CPU-NS", "STATE");
	for (l = lines; l->name != NULL; l++) {
		if (line_selected(l))
			table_line(out, l);
	}
	for (i = 0; (s = series_at(i)) != NULL; i++) {
		if (s->broken)
			fprintf(out, "FAILED: %s: %s\n", s->name, s->why);
	}
	fflush(out);
}

/* ---- JSON -------------------------------------------------------------- */

static void
json_number(cJSON *obj, const char *key, double v)
{
	if (isnan(v))
		cJSON_AddNullToObject(obj, key);
	else
		cJSON_AddNumberToObject(obj, key, v);
}

static void
json_machine(cJSON *top)
{
	cJSON *m = cJSON_AddObjectToObject(top, "machine");
	struct utsname u;
	char cpu[128], when[32];
	time_t t = time(NULL);
	struct tm tm;

	cpu_name(cpu, sizeof(cpu));
	uname(&u);
	gmtime_r(&t, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	cJSON_AddStringToObject(m, "cpu", cpu);
	json_number(m, "cpus", (double)sysconf(_SC_NPROCESSORS_ONLN));
	cJSON_AddStringToObject(m, "system", u.sysname);
	cJSON_AddStringToObject(m, "kernel", u.release);
	cJSON_AddStringToObject(m, "architecture", u.machine);
	json_number(m, "load", load_average());
	cJSON_AddStringToObject(top, "version", FETHD_VERSION);
	cJSON_AddStringToObject(top, "time", when);
	json_number(top, "rounds", opt.rounds);
	json_number(top, "seconds", opt.seconds);
	json_number(top, "frame", opt.frame);
}

static void
json_lines(cJSON *top)
{
	static const char *const needs[] = { "at least", "at most", NULL };
	cJSON *o, *list = cJSON_AddArrayToObject(top, "lines");
	const struct line *l;
	struct result r;

	for (l = lines; l->name != NULL; l++) {
		if (!line_selected(l))
			continue;
		r = line_result(l);
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "name", l->name);
		cJSON_AddStringToObject(o, "text", l->text +
		    strspn(l->text, " "));
		cJSON_AddStringToObject(o, "series", l->series);
		if (l->to != NULL)
			cJSON_AddStringToObject(o, "beside", l->to);
		json_number(o, l->to != NULL ? "ratio" : "value", r.value);
		json_number(o, "low", r.low);
		json_number(o, "high", r.high);
		if (l->need != NOTHING) {
			cJSON_AddStringToObject(o, "need", needs[l->need]);
			json_number(o, "limit", l->limit);
		}
		cJSON_AddStringToObject(o, "state", r.state);
		cJSON_AddItemToArray(list, o);
	}
}

static void
json_series(cJSON *top)
{
	cJSON *o, *v, *list = cJSON_AddArrayToObject(top, "series");
	const struct series *s;
	unsigned int i, k;

	for (i = 0; (s = series_at(i)) != NULL; i++) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "name", s->name);
		json_number(o, "median", series_median(s));
		if (series_cpu(s) >= 0)
			json_number(o, "cpu_ns", series_cpu(s));
		if (*s->why != '\0')
			cJSON_AddStringToObject(o, "why", s->why);
		cJSON_AddBoolToObject(o, "failed", s->broken);
		v = cJSON_AddArrayToObject(o, "samples");
		for (k = 0; k < s->n; k++)
			cJSON_AddItemToArray(v, cJSON_CreateNumber(
			    s->value[k]));
		cJSON_AddItemToArray(list, o);
	}
}

int
report_json(const char *path)
{
	cJSON *top = cJSON_CreateObject();
	char *text;
	FILE *f;
	int r = -1;

	json_machine(top);
	json_lines(top);
	json_series(top);
	text = cJSON_Print(top);
	cJSON_Delete(top);
	f = fopen(path, "we");
	if (f != NULL && text != NULL)
		r = fprintf(f, "%s\n", text) < 0 ? -1 : 0;
	if (f == NULL || fclose(f) != 0)
		r = -1;
	if (r < 0)
		fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
	cJSON_free(text);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See print.h. Everything that a daemon or another user chose goes through
 * print_text or print_json before it reaches a terminal.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"

#define GAP	2	/* blanks between columns */

void
print_text(FILE *out, const char *text)
{
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p >= 32 && *p < 127)
			putc(*p, out);
		else
			fprintf(out, "\\x%02x", *p);
	}
}

const char *
print_escape(const char *text, char *buf, size_t size)
{
	const unsigned char *p;
	size_t at = 0;

	p = (const unsigned char *)text;
	for (; *p != '\0' && at + 5 < size; p++) {
		if (*p >= 32 && *p < 127)
			buf[at++] = (char)*p;
		else
			at += (size_t)snprintf(buf + at, size - at, "\\x%02x",
			    *p);
	}
	buf[at] = '\0';
	return buf;
}

/* ---- JSON -------------------------------------------------------------- */

/* The character at P to *C, which is U+FFFD for bytes that are no UTF-8;
 * returns how many bytes it had. */
static int
utf8_next(const unsigned char *p, unsigned int *c)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len, i;

	len = *p < 0x80 ? 1 : *p >= 0xf0 && *p < 0xf8 ? 4 : *p >= 0xe0 &&
	    *p < 0xf0 ? 3 : *p >= 0xc0 && *p < 0xe0 ? 2 : 0;
	*c = len == 1 ? *p : *p & (0xffu >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			break;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if (len == 0 || i < len || *c < least[len] || *c > 0x10ffff ||
	    (*c >= 0xd800 && *c < 0xe000)) {
		*c = 0xfffd;
		return 1;
	}
	return len;
}

static void
json_put(unsigned int c)
{
	if (c >= 32 && c < 127)
		putchar((int)c);
	else if (c < 0x10000)
		printf("\\u%04x", c);
	else
		printf("\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
		    0xdc00 + (c & 0x3ff));
}

void
print_json(const char *json)
{
	const unsigned char *p = (const unsigned char *)json;
	unsigned int c;

	while (*p != '\0') {
		p += utf8_next(p, &c);
		json_put(c);
	}
	putchar('\n');
	fflush(stdout);
}

void
print_json_tree(const cJSON *tree)
{
	char *text = cJSON_PrintUnformatted(tree);

	if (text != NULL)
		print_json(text);
	cJSON_free(text);
}

const char *
json_text(const cJSON *obj, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(obj, key);

	return cJSON_IsString(v) ? v->valuestring : "";
}

double
json_number(const cJSON *obj, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(obj, key);

	return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

int
json_true(const cJSON *obj, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(obj, key));
}

const char *
json_join(const cJSON *obj, const char *key, char *buf, size_t size)
{
	const cJSON *item;
	size_t at = 0;

	snprintf(buf, size, "-");
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(obj, key)) {
		if (!cJSON_IsString(item) || at >= size)
			continue;
		at += (size_t)snprintf(buf + at, size - at, "%s%s",
		    at > 0 ? "," : "", item->valuestring);
	}
	return buf;
}

/* ---- Tables ------------------------------------------------------------ */

static int
print_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0');
}

static void
table_add(struct table *t, char *text)
{
	char **cells;
	size_t cap;

	if (t->ncells == t->cap) {
		cap = t->cap * 2 + 64;
		cells = realloc(t->cells, cap * sizeof(*cells));
		if (cells == NULL) {
			t->failed = 1;
			free(text);
			return;
		}
		t->cells = cells;
		t->cap = cap;
	}
	t->cells[t->ncells++] = text;
}

void
table_cell(struct table *t, const char *fmt, ...)
{
	char raw[512], safe[sizeof(raw) * 4];
	char *copy;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	copy = strdup(print_escape(*raw != '\0' ? raw : "-", safe,
	    sizeof(safe)));
	if (copy == NULL)
		t->failed = 1;
	else
		table_add(t, copy);
}

void
table_start(struct table *t, const char *const *titles)
{
	memset(t, 0, sizeof(*t));
	for (; *titles != NULL && t->ncols < TABLE_COLS; titles++) {
		table_cell(t, "%s", *titles);
		t->ncols++;
	}
}

static void
table_row(const struct table *t, size_t first, const size_t *width)
{
	unsigned int i;

	for (i = 0; i < t->ncols; i++) {
		if (i + 1 < t->ncols)
			printf("%-*s", (int)(width[i] + GAP),
			    t->cells[first + i]);
		else
			printf("%s", t->cells[first + i]);
	}
}

void
table_end(struct table *t)
{
	size_t width[TABLE_COLS] = { 0 }, i, len;
	int bold = print_colour();

	for (i = 0; i < t->ncells; i++) {
		len = strlen(t->cells[i]);
		if (len > width[i % t->ncols])
			width[i % t->ncols] = len;
	}
	for (i = 0; !t->failed && i + t->ncols <= t->ncells; i += t->ncols) {
		if (i == 0 && bold)
			printf("\033[1m");
		table_row(t, i, width);
		printf("%s\n", i == 0 && bold ? "\033[0m" : "");
	}
	if (t->failed)
		fprintf(stderr, "fethc: out of memory\n");
	for (i = 0; i < t->ncells; i++)
		free(t->cells[i]);
	free(t->cells);
	fflush(stdout);
}

void
print_pair(const char *key, const char *value)
{
	if (*value == '\0')
		return;
	printf("%-10s", key);
	print_text(stdout, value);
	putchar('\n');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See json.h. Called by varlink.c and conf.c. Every byte is looked at here, by
 * a state machine with its own stack of fixed size, before cJSON sees the text:
 * so cJSON is only ever given complete, valid, shallow JSON. It must never
 * recurse by what the text says, nor read past SIZE (the text need not end in a
 * NUL).
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "json.h"

/* cJSON cuts longer numbers; no number that means anything here is longer. */
#define JSON_NUMBER	63

enum state { ST_VALUE, ST_FIRST_VALUE, ST_KEY, ST_FIRST_KEY, ST_AFTER, ST_DONE,
    STATES };

struct level {
	bool		object;
	unsigned int	members;
};

struct scan {
	const char	*text;
	size_t		 size, pos;
	enum state	 state;
	unsigned int	 depth;
	struct level	 level[BOUND_DEPTH];
	/* To find a key's place again: in KEY_AT goes the offset of the key
	 * that has WANT before it, of all keys or (TOP) of those of the
	 * outermost object. */
	unsigned int	 want;
	bool		 top;
	size_t		 key_at;
	struct json_error *err;
};

static void
json_place(struct json_error *err, const char *text, size_t offset)
{
	size_t	i;

	err->offset = offset;
	err->line = 1;
	for (i = 0; i < offset; i++)
		if (text[i] == '\n')
			err->line++;
}

static int __attribute__((format(printf, 3, 4)))
scan_fail(struct scan *s, size_t offset, const char *fmt, ...)
{
	va_list	ap;

	json_place(s->err, s->text, offset);
	va_start(ap, fmt);
	vsnprintf(s->err->reason, sizeof(s->err->reason), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* The byte AHEAD of the place, or -1 at the end of the text. */
static int
scan_peek(const struct scan *s, size_t ahead)
{
	if (s->size - s->pos <= ahead)
		return -1;
	return (unsigned char)s->text[s->pos + ahead];
}

static int
scan_expected(struct scan *s, const char *what)
{
	int	ch = scan_peek(s, 0);

	if (ch < 0)
		return scan_fail(s, s->pos, "the text ends here; %s was "
		    "expected", what);
	if (ch > ' ' && ch < 0x7f)
		return scan_fail(s, s->pos, "'%c' is out of place; %s was "
		    "expected", ch, what);
	return scan_fail(s, s->pos, "byte 0x%02x is out of place; %s was "
	    "expected", (unsigned int)ch, what);
}

static void
scan_space(struct scan *s)
{
	int	ch;

	while ((ch = scan_peek(s, 0)) == ' ' || ch == '\t' || ch == '\n' ||
	    ch == '\r')
		s->pos++;
}

static bool
scan_digit(const struct scan *s)
{
	int	ch = scan_peek(s, 0);

	return ch >= '0' && ch <= '9';
}

/* Four hex digits at AHEAD, or -1. */
static long
scan_hex4(const struct scan *s, size_t ahead)
{
	long	v = 0;
	int	i, ch;

	for (i = 0; i < 4; i++) {
		ch = scan_peek(s, ahead + (size_t)i);
		if (ch >= '0' && ch <= '9')
			ch -= '0';
		else if (ch >= 'a' && ch <= 'f')
			ch -= 'a' - 10;
		else if (ch >= 'A' && ch <= 'F')
			ch -= 'A' - 10;
		else
			return -1;
		v = v * 16 + ch;
	}
	return v;
}

/* At "\u". */
static int
scan_unicode(struct scan *s)
{
	long	v, low;

	v = scan_hex4(s, 2);
	if (v < 0)
		return scan_fail(s, s->pos, "\\u must be followed by four hex "
		    "digits");
	if (v == 0)
		return scan_fail(s, s->pos, "a string may not contain \\u0000");
	if (v >= 0xdc00 && v <= 0xdfff)
		return scan_fail(s, s->pos, "the second half of a surrogate "
		    "pair has no first half before it");
	if (v >= 0xd800 && v <= 0xdbff) {
		low = -1;
		if (scan_peek(s, 6) == '\\' && scan_peek(s, 7) == 'u')
			low = scan_hex4(s, 8);
		if (low < 0xdc00 || low > 0xdfff)
			return scan_fail(s, s->pos, "the first half of a "
			    "surrogate pair has no second half after it");
		s->pos += 6;
	}
	s->pos += 6;
	return 0;
}

/* At a backslash. */
static int
scan_escape(struct scan *s)
{
	int	ch = scan_peek(s, 1);

	if (ch == 'u')
		return scan_unicode(s);
	if (ch <= 0 || strchr("\"\\/bfnrt", ch) == NULL)
		return scan_fail(s, s->pos, "a backslash must be followed by "
		    "one of \" \\ / b f n r t u");
	s->pos += 2;
	return 0;
}

/* At a byte from 0x80 up: one character of UTF-8, in its shortest form, no
 * surrogate, not past U+10FFFF (RFC 3629, section 4). */
static int
scan_utf8(struct scan *s)
{
	static const struct {
		unsigned char	first, last;	/* leading byte */
		unsigned char	low, high;	/* second byte */
		unsigned int	more;		/* bytes after the first */
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 1 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 2 },
		{ 0xe1, 0xec, 0x80, 0xbf, 2 },
		{ 0xed, 0xed, 0x80, 0x9f, 2 },
		{ 0xee, 0xef, 0x80, 0xbf, 2 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 3 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 3 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 3 },
	};
	int		ch = scan_peek(s, 0), next;
	unsigned int	i, k;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (ch >= forms[i].first && ch <= forms[i].last)
			break;
	if (i == sizeof(forms) / sizeof(forms[0]))
		goto bad;
	for (k = 1; k <= forms[i].more; k++) {
		next = scan_peek(s, k);
		if (next < (k == 1 ? forms[i].low : 0x80) ||
		    next > (k == 1 ? forms[i].high : 0xbf))
			goto bad;
	}
	s->pos += 1 + forms[i].more;
	return 0;
bad:
	return scan_fail(s, s->pos, "a string must be UTF-8; byte 0x%02x does "
	    "not begin a valid character", (unsigned int)ch);
}

/* At a quotation mark. */
static int
scan_string(struct scan *s)
{
	size_t	start = s->pos++;
	int	ch, r = 0;

	while (r == 0 && (ch = scan_peek(s, 0)) != '"') {
		if (ch < 0)
			return scan_fail(s, start, "this string has no end");
		if (ch < 0x20)
			return scan_fail(s, s->pos, "a string may not contain "
			    "control character 0x%02x; write it as an escape",
			    (unsigned int)ch);
		if (ch == '\\')
			r = scan_escape(s);
		else if (ch >= 0x80)
			r = scan_utf8(s);
		else
			s->pos++;
	}
	if (r == 0)
		s->pos++;
	return r;
}

static int
scan_digits(struct scan *s, const char *where)
{
	if (!scan_digit(s))
		return scan_expected(s, where);
	while (scan_digit(s))
		s->pos++;
	return 0;
}

/* The number from START to the place fits a double. */
static int
scan_fits(struct scan *s, size_t start)
{
	char	buf[JSON_NUMBER + 1];
	size_t	len = s->pos - start;

	if (len > JSON_NUMBER)
		return scan_fail(s, start, "a number may not be longer than %d "
		    "characters", JSON_NUMBER);
	memcpy(buf, s->text + start, len);
	buf[len] = '\0';
	errno = 0;
	if (!isfinite(strtod(buf, NULL)) || errno == ERANGE)
		return scan_fail(s, start, "this number is too large or too "
		    "small for a double");
	return 0;
}

/* At '-' or a digit. */
static int
scan_number(struct scan *s)
{
	size_t	start = s->pos;
	int	ch;

	if (scan_peek(s, 0) == '-')
		s->pos++;
	if (scan_peek(s, 0) == '0') {
		s->pos++;
		if (scan_digit(s))
			return scan_fail(s, start, "a number may not begin "
			    "with 0");
	} else if (scan_digits(s, "a digit") != 0)
		return -EINVAL;
	if (scan_peek(s, 0) == '.') {
		s->pos++;
		if (scan_digits(s, "a digit after the point") != 0)
			return -EINVAL;
	}
	if ((ch = scan_peek(s, 0)) == 'e' || ch == 'E') {
		s->pos++;
		if ((ch = scan_peek(s, 0)) == '+' || ch == '-')
			s->pos++;
		if (scan_digits(s, "a digit of the exponent") != 0)
			return -EINVAL;
	}
	return scan_fits(s, start);
}

static int
scan_literal(struct scan *s)
{
	static const char *const literals[] = { "true", "false", "null" };
	size_t		len;
	unsigned int	i;

	for (i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		len = strlen(literals[i]);
		if (s->size - s->pos >= len &&
		    memcmp(s->text + s->pos, literals[i], len) == 0) {
			s->pos += len;
			return 0;
		}
	}
	return scan_expected(s, "a JSON value");
}

static int
scan_push(struct scan *s, bool object)
{
	if (s->depth == BOUND_DEPTH)
		return scan_fail(s, s->pos, "objects and arrays may not be "
		    "nested deeper than %d", BOUND_DEPTH);
	s->level[s->depth].object = object;
	s->level[s->depth].members = 0;
	s->depth++;
	s->pos++;
	s->state = object ? ST_FIRST_KEY : ST_FIRST_VALUE;
	return 0;
}

static int
scan_pop(struct scan *s)
{
	s->depth--;
	s->pos++;
	s->state = ST_AFTER;
	return 0;
}

/* One more member or element begins. */
static int
scan_count(struct scan *s)
{
	unsigned int	most;
	bool		object;

	if (s->depth == 0)
		return 0;
	object = s->level[s->depth - 1].object;
	most = object ? BOUND_MEMBERS : BOUND_ELEMENTS;
	if (++s->level[s->depth - 1].members <= most)
		return 0;
	return scan_fail(s, s->pos, "no %s may have more than %u members",
	    object ? "object" : "array", most);
}

static int
scan_value(struct scan *s)
{
	int	ch = scan_peek(s, 0);

	/* A member was counted at its key. */
	if ((s->depth == 0 || !s->level[s->depth - 1].object) &&
	    scan_count(s) != 0)
		return -EINVAL;
	if (ch == '{' || ch == '[')
		return scan_push(s, ch == '{');
	s->state = ST_AFTER;
	if (ch == '"')
		return scan_string(s);
	if (ch == '-' || (ch >= '0' && ch <= '9'))
		return scan_number(s);
	return scan_literal(s);
}

static int
scan_first_value(struct scan *s)
{
	return scan_peek(s, 0) == ']' ? scan_pop(s) : scan_value(s);
}

static int
scan_key(struct scan *s)
{
	if (scan_peek(s, 0) != '"')
		return scan_expected(s, "a key in quotation marks");
	if (scan_count(s) != 0)
		return -EINVAL;
	if ((!s->top || s->depth == 1) && s->want-- == 0)
		s->key_at = s->pos;
	if (scan_string(s) != 0)
		return -EINVAL;
	scan_space(s);
	if (scan_peek(s, 0) != ':')
		return scan_expected(s, "':'");
	s->pos++;
	s->state = ST_VALUE;
	return 0;
}

static int
scan_first_key(struct scan *s)
{
	if (scan_peek(s, 0) == '}')
		return scan_pop(s);
	if (scan_peek(s, 0) != '"')
		return scan_expected(s, "a key in quotation marks or '}'");
	return scan_key(s);
}

static int
scan_after(struct scan *s)
{
	int	ch = scan_peek(s, 0);
	bool	object;

	if (s->depth == 0) {
		s->state = ST_DONE;
		if (ch < 0)
			return 0;
		return scan_expected(s, "nothing more");
	}
	object = s->level[s->depth - 1].object;
	if (ch == (object ? '}' : ']'))
		return scan_pop(s);
	if (ch != ',')
		return scan_expected(s, object ? "',' or '}'" : "',' or ']'");
	s->pos++;
	s->state = object ? ST_KEY : ST_VALUE;
	return 0;
}

static int
scan_run(struct scan *s)
{
	static int (*const steps[STATES])(struct scan *) = {
		[ST_VALUE] = scan_value,
		[ST_FIRST_VALUE] = scan_first_value,
		[ST_KEY] = scan_key,
		[ST_FIRST_KEY] = scan_first_key,
		[ST_AFTER] = scan_after,
	};
	int	r = 0;

	while (r == 0 && s->state != ST_DONE) {
		scan_space(s);
		r = steps[s->state](s);
	}
	return r;
}

/* Where the key that has WANT others before it stands. */
static size_t
json_key_offset(const char *text, size_t size, unsigned int want, bool top)
{
	struct json_error	err;
	struct scan		s = { .text = text, .size = size,
				    .want = want, .top = top, .err = &err };

	(void)scan_run(&s);
	return s.key_at;
}

size_t
json_member_offset(const char *text, size_t size, unsigned int n)
{
	return json_key_offset(text, size, n, true);
}

/* The member of TREE (or of one below) whose key an earlier one of the same
 * object has; NKEYS counts the keys before it in the text. Keys are compared as
 * decoded: "a" and "\u0061" are the same. Not deeper than BOUND_DEPTH. */
static const cJSON *
json_duplicate(const cJSON *tree, unsigned int *nkeys)
{
	const cJSON	*item, *other, *found;

	cJSON_ArrayForEach(item, tree) {
		if (item->string != NULL) {
			for (other = tree->child; other != item;
			    other = other->next)
				if (strcmp(other->string, item->string) == 0)
					return item;
			(*nkeys)++;
		}
		found = json_duplicate(item, nkeys);
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* Quote as much of KEY as is plain. */
static void
json_duplicate_error(struct scan *s, const char *key, unsigned int nkeys)
{
	size_t	at = json_key_offset(s->text, s->size, nkeys, false);
	size_t	len;

	for (len = 0; key[len] > ' ' && key[len] < 0x7f; len++)
		;
	if (key[len] == '\0' && len > 0 && len <= 40)
		scan_fail(s, at, "key \"%s\" is there twice", key);
	else
		scan_fail(s, at, "this key is there twice");
}

cJSON *
json_parse(const char *text, size_t size, struct json_error *err)
{
	struct scan	 s = { .text = text, .size = size, .want = UINT32_MAX,
			    .err = err };
	const cJSON	*twice;
	cJSON		*tree;
	unsigned int	 nkeys = 0;

	memset(err, 0, sizeof(*err));
	if (scan_run(&s) != 0)
		return NULL;
	tree = cJSON_ParseWithLengthOpts(text, size, NULL, 0);
	if (tree == NULL) {
		scan_fail(&s, 0, "there is no memory to read it");
		return NULL;
	}
	twice = json_duplicate(tree, &nkeys);
	if (twice != NULL) {
		json_duplicate_error(&s, twice->string, nkeys);
		cJSON_Delete(tree);
		return NULL;
	}
	return tree;
}

/* Past the string whose quotation mark is at I. One without end goes to the end
 * of the text; json_parse will say so. */
static size_t
strip_string(const char *text, size_t size, size_t i)
{
	for (i++; i < size && text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	return i < size ? i + 1 : size;
}

static size_t
strip_line(char *text, size_t size, size_t i)
{
	for (; i < size && text[i] != '\n' && text[i] != '\r'; i++)
		text[i] = ' ';
	return i;
}

/* Past the comment whose slash is at I; SIZE + 1 when it has no end. */
static size_t
strip_block(char *text, size_t size, size_t i)
{
	size_t	end;

	for (end = i + 2; ; end++) {
		if (size < 2 || end > size - 2)
			return size + 1;
		if (text[end] == '*' && text[end + 1] == '/')
			break;
	}
	for (end += 2; i < end; i++)
		if (text[i] != '\n' && text[i] != '\r')
			text[i] = ' ';
	return end;
}

int
json_strip_comments(char *text, size_t size, struct json_error *err)
{
	size_t	i = 0, next;

	memset(err, 0, sizeof(*err));
	while (i < size) {
		next = i + 1;
		if (text[i] == '"')
			next = strip_string(text, size, i);
		else if (text[i] == '/' && next < size && text[next] == '/')
			next = strip_line(text, size, i);
		else if (text[i] == '/' && next < size && text[next] == '*')
			next = strip_block(text, size, i);
		if (next > size) {
			json_place(err, text, i);
			snprintf(err->reason, sizeof(err->reason),
			    "this comment has no end");
			return -EINVAL;
		}
		i = next;
	}
	return 0;
}

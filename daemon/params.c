/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See params.h. Called by request.c for each call, and by nobody with anything
 * but a tree that json_parse made (no duplicate keys, no NUL in a string,
 * shallow). It recurses by the tables, never by what a client sent; it cuts no
 * value to fit: what does not fit is refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "params.h"

/* The largest whole number up to which a double holds every one. */
#define PARAMS_EXACT	((double)((int64_t)1 << 53))

/* Where we are: the path of a value is that of its parent and its own name. */
struct place {
	const struct place	*up;	/* NULL: the outermost object */
	const char		*name;
	int			 index;	/* in an array, or -1 */
	struct spec_error	*err;
};

/* Cut what snprintf may have left of a character at the end of BUF. */
static void
params_whole_utf8(char *buf)
{
	size_t	len = strlen(buf), i = len;

	while (i > 0 && ((unsigned char)buf[i - 1] & 0xc0) == 0x80)
		i--;
	if (i > 0 && (unsigned char)buf[i - 1] >= 0xc0) {
		size_t	need = (unsigned char)buf[i - 1] >= 0xf0 ? 4 :
			    (unsigned char)buf[i - 1] >= 0xe0 ? 3 : 2;

		if (len - (i - 1) < need)
			buf[i - 1] = '\0';
	}
}

/* Write the path of AT to BUF. */
static void
params_path(const struct place *at, char *buf, size_t size)
{
	size_t	len;

	buf[0] = '\0';
	if (at->up != NULL)
		params_path(at->up, buf, size);
	if (at->name == NULL)
		return;
	len = strlen(buf);
	if (len > 0)
		len += (size_t)snprintf(buf + len, size - len, ".");
	if (len < size)
		len += (size_t)snprintf(buf + len, size - len, "%s", at->name);
	if (len < size && at->index >= 0)
		snprintf(buf + len, size - len, "[%d]", at->index);
}

static int __attribute__((format(printf, 2, 3)))
params_refuse(const struct place *at, const char *fmt, ...)
{
	struct spec_error	*err = at->err;
	va_list			 ap;

	params_path(at, err->field, sizeof(err->field));
	params_whole_utf8(err->field);
	if (err->field[0] == '\0')
		snprintf(err->field, sizeof(err->field), "parameters");
	va_start(ap, fmt);
	vsnprintf(err->reason, sizeof(err->reason), fmt, ap);
	va_end(ap);
	params_whole_utf8(err->reason);
	return -EINVAL;
}

/* Write FIRST and then the names, the last one NULL, as far as they fit. */
static void
params_list(char *buf, size_t size, const char *first,
    const char *(*nth)(const void *, unsigned int), const void *names)
{
	const char	*name;
	unsigned int	 i;
	size_t		 len = (size_t)snprintf(buf, size, "%s", first);

	for (i = 0; (name = nth(names, i)) != NULL; i++) {
		/* Room for the dots, should it be the last that fits. */
		if (len + strlen(name) + 2 + 5 >= size) {
			snprintf(buf + len, size - len, ", ...");
			return;
		}
		len += (size_t)snprintf(buf + len, size - len, "%s%s",
		    i > 0 ? ", " : "", name);
	}
}

static const char *
nth_name(const void *names, unsigned int i)
{
	return ((const char *const *)names)[i];
}

static const char *
nth_param(const void *table, unsigned int i)
{
	return ((const struct param *)table)[i].name;
}

static int
params_string(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	size_t	len;

	if (!cJSON_IsString(value))
		return params_refuse(at, "must be a string");
	len = strlen(value->valuestring);
	if (len >= row->size)
		return params_refuse(at, "may not be longer than %zu bytes",
		    row->size - 1);
	memcpy(field, value->valuestring, len + 1);
	return 0;
}

static int
params_int(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	double	v = value->valuedouble;

	if (!cJSON_IsNumber(value) || !(v >= -PARAMS_EXACT) ||
	    !(v <= PARAMS_EXACT) || (double)(int64_t)v != v ||
	    (int64_t)v < row->min || (int64_t)v > row->max)
		return params_refuse(at, "must be a whole number from "
		    "%" PRId64 " to %" PRId64, row->min, row->max);
	*(int64_t *)field = (int64_t)v;
	return 0;
}

static int
params_bool(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	(void)row;
	if (!cJSON_IsBool(value))
		return params_refuse(at, "must be true or false");
	*(bool *)field = cJSON_IsTrue(value);
	return 0;
}

static int
params_enum(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	char	list[sizeof(at->err->reason)];
	int	i;

	if (cJSON_IsString(value))
		for (i = 0; row->names[i] != NULL; i++)
			if (strcmp(row->names[i], value->valuestring) == 0) {
				*(int *)field = i;
				return 0;
			}
	params_list(list, sizeof(list), "must be one of: ", nth_name,
	    row->names);
	return params_refuse(at, "%s", list);
}

static int	params_object(const struct place *at, const cJSON *obj,
		    const struct param *table, void *out);

static int
params_struct(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	return params_object(at, value, row->fields, field);
}

static int
params_structs(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	struct place	 el = *at;
	const cJSON	*item;
	int64_t		 n;
	int		 r;

	if (!cJSON_IsArray(value))
		return params_refuse(at, "must be an array of objects");
	n = cJSON_GetArraySize(value);
	if (n < row->min || n > row->max) {
		if (row->min == row->max)
			return params_refuse(at, "must have exactly %" PRId64
			    " elements", row->min);
		return params_refuse(at, "must have from %" PRId64 " to %"
		    PRId64 " elements", row->min, row->max);
	}
	el.index = 0;
	cJSON_ArrayForEach(item, value) {
		r = params_object(&el, item, row->fields,
		    (char *)field + (size_t)el.index * row->size);
		if (r != 0)
			return r;
		el.index++;
	}
	return 0;
}

static int
params_borrow(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	(void)row;
	if (!cJSON_IsObject(value))
		return params_refuse(at, "must be an object");
	*(const cJSON **)field = value;
	return 0;
}

static int
params_custom(const struct place *at, const struct param *row,
    const cJSON *value, void *field)
{
	char	reason[sizeof(at->err->reason)] = "is not valid";

	if (row->decode(value, field, reason, sizeof(reason)) == 0)
		return 0;
	return params_refuse(at, "%s", reason);
}

static int (*const decoders[])(const struct place *, const struct param *,
    const cJSON *, void *) = {
	[PARAM_STRING] = params_string,
	[PARAM_INT] = params_int,
	[PARAM_BOOL] = params_bool,
	[PARAM_ENUM] = params_enum,
	[PARAM_STRUCT] = params_struct,
	[PARAM_STRUCTS] = params_structs,
	[PARAM_OBJECT] = params_borrow,
	[PARAM_CUSTOM] = params_custom,
};

/* One given value into the struct OUT that ROW is about. */
static int
params_value(const struct place *at, const struct param *row,
    const cJSON *value, void *out)
{
	char	*base = out;
	int	 r;

	r = decoders[row->type](at, row, value, base + row->offset);
	if (r != 0)
		return r;
	if (row->type == PARAM_STRUCTS)
		*(unsigned int *)(void *)(base + row->count_offset) =
		    (unsigned int)cJSON_GetArraySize(value);
	if (row->given_offset != 0)
		*(bool *)(void *)(base + row->given_offset) = true;
	return 0;
}

static int
params_unknown(const struct place *at, const struct param *table)
{
	char	list[sizeof(at->err->reason)];

	if (table[0].name == NULL)
		return params_refuse(at, "unknown key; none is taken here");
	params_list(list, sizeof(list), "unknown key; known are: ", nth_param,
	    table);
	return params_refuse(at, "%s", list);
}

static int
params_missing(const struct place *up, const cJSON *obj,
    const struct param *table)
{
	const struct param	*row;
	const cJSON		*value;

	for (row = table; row->name != NULL; row++) {
		struct place	at = { up, row->name, -1, up->err };

		if (!row->required)
			continue;
		value = cJSON_GetObjectItemCaseSensitive(obj, row->name);
		if (value == NULL || cJSON_IsNull(value))
			return params_refuse(&at, "is missing");
	}
	return 0;
}

static int
params_object(const struct place *up, const cJSON *obj,
    const struct param *table, void *out)
{
	const struct param	*row;
	const cJSON		*value;
	int			 r;

	if (!cJSON_IsObject(obj))
		return params_refuse(up, "must be an object");
	cJSON_ArrayForEach(value, obj) {
		struct place	at = { up, value->string, -1, up->err };

		for (row = table; row->name != NULL; row++)
			if (strcmp(row->name, value->string) == 0)
				break;
		if (row->name == NULL)
			return params_unknown(&at, table);
		if (cJSON_IsNull(value))
			continue;
		r = params_value(&at, row, value, out);
		if (r != 0)
			return r;
	}
	return params_missing(up, obj, table);
}

int
params_decode(const cJSON *obj, const struct param *table, void *out,
    struct spec_error *err)
{
	struct place	root = { NULL, NULL, -1, err };

	memset(err, 0, sizeof(*err));
	return params_object(&root, obj, table, out);
}

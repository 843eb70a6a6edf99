/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that decode a JSON object into a fixed struct. Unknown keys are
 * refused, every size is capped, numbers must be whole and in range. null
 * counts as absent for an optional field. The same tables are compared with the
 * Varlink file by a test, so they are the code's half of the protocol.
 */
#ifndef FETHD_PARAMS_H
#define FETHD_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "spec.h"

enum param_type {
	PARAM_STRING,	/* char[size]; longer than size - 1 bytes is refused */
	PARAM_INT,	/* int64_t in min..max */
	PARAM_BOOL,	/* bool */
	PARAM_ENUM,	/* int: index in names */
	PARAM_STRUCT,	/* the struct at offset, by fields */
	PARAM_STRUCTS,	/* array of exactly or up to count structs of size bytes;
			 * the number goes to the unsigned int at count_offset */
	PARAM_OBJECT,	/* const cJSON *: any object, borrowed from the tree */
	PARAM_CUSTOM,	/* by decode */
};

/* A decoder of one value. Returns 0, or -EINVAL with REASON filled (how it
 * should look). */
typedef int param_decode_fn(const cJSON *value, void *field, char *reason,
	    size_t size);

struct param {
	const char	*name;		/* NULL ends the table */
	enum param_type	type;
	bool		required;
	size_t		offset;		/* of the field in the struct */
	size_t		size;		/* STRING, STRUCTS */
	int64_t		min, max;	/* INT; STRUCTS: number of elements */
	size_t		count_offset;	/* STRUCTS */
	const char *const *names;	/* ENUM, NULL-ended */
	const struct param *fields;	/* STRUCT, STRUCTS */
	param_decode_fn	*decode;	/* CUSTOM */
	/* The type's name in the Varlink file: STRUCT(S) the struct's name
	 * ("EndSpec"), CUSTOM the whole type ("[]string"). */
	const char	*varlink;
	/* bool in the struct that is set when the field is given; 0: none. (No
	 * struct has its presence flag first.) */
	size_t		given_offset;
};

/*
 * Decode OBJ by TABLE into OUT, which the caller has filled with defaults.
 * Returns 0, or -EINVAL with *ERR: field is a path such as "ends[1].mac".
 */
int	params_decode(const cJSON *obj, const struct param *table, void *out,
	    struct spec_error *err);

#endif

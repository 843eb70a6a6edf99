/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the way of a message up to the method's function: json_parse, the
 * envelope, and the parameter table of every method, whichever the message
 * names. With clang -fsanitize=fuzzer it is a fuzzer; with fuzz_main.c it runs
 * over files. What must hold for every input is checked here and aborts.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "json.h"
#include "params.h"
#include "request.h"
#include "varlink.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

/* Every text that goes back to a client has to be JSON itself. */
static void
check_text(const char *text, size_t size)
{
	struct json_error	 err;
	cJSON			*tree = cJSON_CreateString(text), *again;
	char			*out;

	must(strlen(text) < size, "a reason fits its buffer");
	must(tree != NULL, "memory");
	out = cJSON_PrintUnformatted(tree);
	must(out != NULL, "memory");
	again = json_parse(out, strlen(out), &err);
	must(again != NULL, "a reason can be sent");
	cJSON_Delete(again);
	cJSON_Delete(tree);
	free(out);
}

/* cJSON rounds numbers next to the largest one to infinity when it writes them
 * (the daemon never writes such). */
static int
has_huge(const cJSON *tree)
{
	const cJSON	*item;

	if (cJSON_IsNumber(tree) &&
	    (tree->valuedouble > 1e300 || tree->valuedouble < -1e300))
		return 1;
	cJSON_ArrayForEach(item, tree)
		if (has_huge(item))
			return 1;
	return 0;
}

/* What was taken can be written and taken again. */
static void
check_tree(const cJSON *tree)
{
	struct json_error	 err;
	cJSON			*again;
	char			*out;

	if (has_huge(tree))
		return;
	out = cJSON_PrintUnformatted(tree);
	must(out != NULL, "memory");
	again = json_parse(out, strlen(out), &err);
	must(again != NULL, "what was read can be written and read");
	must(cJSON_Compare(tree, again, 1), "and is the same then");
	cJSON_Delete(again);
	free(out);
}

static void
try_json(const uint8_t *data, size_t size)
{
	struct json_error	 err;
	char			*text = malloc(size + 1);
	cJSON			*tree;

	must(text != NULL, "memory");
	memcpy(text, data, size);
	if (json_strip_comments(text, size, &err) == 0) {
		tree = json_parse(text, size, &err);
		if (tree != NULL)
			check_tree(tree);
		cJSON_Delete(tree);
	}
	must(err.offset <= size, "an error lies within the text");
	check_text(err.reason, sizeof(err.reason));
	free(text);
}

static void
try_method(const struct method *m, const cJSON *parameters)
{
	struct spec_error	 err;
	void			*params = calloc(1, m->size > 0 ? m->size : 1);

	must(params != NULL, "memory");
	if (m->init != NULL)
		m->init(params);
	if (params_decode(parameters, m->params, params, &err) != 0) {
		check_text(err.field, sizeof(err.field));
		check_text(err.reason, sizeof(err.reason));
	}
	free(params);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct method	*m;
	struct call		 call;
	char			 reason[160];
	size_t			 offset = SIZE_MAX;

	if (size > BOUND_MESSAGE)
		return 0;
	try_json(data, size);
	if (varlink_parse((const char *)data, size, &call, reason,
	    sizeof(reason), &offset) != 0) {
		must(offset <= size, "an error lies within the message");
		must(call.tree == NULL, "nothing is left of a bad message");
		check_text(reason, sizeof(reason));
		return 0;
	}
	for (m = methods; m->name != NULL; m++)
		try_method(m, call.parameters);
	varlink_clear(&call);
	return 0;
}

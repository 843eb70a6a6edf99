/* SPDX-License-Identifier: MIT */
/*
 * libfeth, the capture: one call, and the descriptor of its reply.
 */
#include <stdlib.h>
#include <string.h>

#include "feth_int.h"

/* An array under construction takes what it can; the first failure stays. */
static bool
add_instruction(cJSON *list, const struct feth_insn *i)
{
	cJSON *o = cJSON_CreateObject();

	if (o == NULL || !cJSON_AddItemToArray(list, o)) {
		cJSON_Delete(o);
		return false;
	}
	return cJSON_AddNumberToObject(o, "code", i->code) != NULL &&
	    cJSON_AddNumberToObject(o, "jt", i->jt) != NULL &&
	    cJSON_AddNumberToObject(o, "jf", i->jf) != NULL &&
	    cJSON_AddNumberToObject(o, "k", i->k) != NULL;
}

/* The parameters of the call, or NULL: no memory. */
static cJSON *
parameters(const char *name, const struct feth_capture_spec *s)
{
	cJSON *top = cJSON_CreateObject(), *list;
	unsigned int i;
	bool ok;

	ok = cJSON_AddStringToObject(top, "link", name) != NULL;
	if (s->end != FETH_MINE)
		ok &= cJSON_AddNumberToObject(top, "end", s->end) != NULL;
	if (s->snaplen != 0)
		ok &= cJSON_AddNumberToObject(top, "snaplen",
		    s->snaplen) != NULL;
	if (s->ninsns > 0) {
		list = cJSON_AddArrayToObject(top, "filter");
		for (i = 0; i < s->ninsns && ok; i++)
			ok = add_instruction(list, &s->filter[i]);
	}
	if (ok)
		return top;
	cJSON_Delete(top);
	return NULL;
}

int
feth_capture(struct feth_conn *conn, const char *name,
    const struct feth_capture_spec *spec, int *fd, struct feth_error *err)
{
	static const struct feth_capture_spec all = { .end = FETH_MINE };
	struct feth_reply r;
	const cJSON *index;
	cJSON *p;
	int code;

	*fd = -1;
	if (spec != NULL && spec->size != sizeof(*spec)) {
		return feth_fail(err, FETH_INVALID_ARGUMENT, 0,
		    "set .size = sizeof(struct feth_capture_spec)",
		    "the size of the capture's spec is not set");
	}
	p = parameters(name, spec != NULL ? spec : &all);
	if (p == NULL)
		return feth_fail_memory(err);
	code = feth_call_tree(conn, "Capture", p, NULL, 0, &r, err);
	if (code < 0)
		return code;
	index = cJSON_GetObjectItemCaseSensitive(r.parameters, "fd");
	if (cJSON_IsNumber(index) && index->valuedouble >= 0 &&
	    index->valuedouble < r.nfds)
		*fd = wire_take(&r.fds[(int)index->valuedouble]);
	else
		code = feth_fail(err, FETH_PROTOCOL, 0,
		    "is something else than fethd listening there?",
		    "the daemon's reply makes no sense: no descriptor came");
	feth_reply_clear(&r);
	return code;
}

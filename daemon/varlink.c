/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See varlink.h. Called by request.c with each whole message. It says what call
 * a message is, and never what the call means.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "varlink.h"

/* The rule that this build carries the normative file itself. */
const char varlink_broker_text[] =
#include "broker_varlink.h"
;

/* As varlink.org publishes it. */
const char varlink_service_text[] =
    "# The Varlink Service Interface is provided by every varlink service. It\n"
    "# describes the service and the interfaces it implements.\n"
    "interface org.varlink.service\n"
    "\n"
    "# Get a list of all the interfaces a service provides and information\n"
    "# about the implementation.\n"
    "method GetInfo() -> (\n"
    "  vendor: string,\n"
    "  product: string,\n"
    "  version: string,\n"
    "  url: string,\n"
    "  interfaces: []string\n"
    ")\n"
    "\n"
    "# Get the description of an interface that is implemented by this "
    "service.\n"
    "method GetInterfaceDescription(interface: string) -> "
    "(description: string)\n"
    "\n"
    "# The requested interface was not found.\n"
    "error InterfaceNotFound (interface: string)\n"
    "\n"
    "# The requested method was not found\n"
    "error MethodNotFound (method: string)\n"
    "\n"
    "# The interface defines the requested method, but the service does not\n"
    "# implement it.\n"
    "error MethodNotImplemented (method: string)\n"
    "\n"
    "# One of the passed parameters is invalid.\n"
    "error InvalidParameter (parameter: string)\n"
    "\n"
    "# Client is denied access\n"
    "error PermissionDenied ()\n"
    "\n"
    "# Method is expected to be called with 'more' set to true, but wasn't\n"
    "error ExpectedMore ()\n";

/* Where a refusal goes. */
struct refusal {
	const char	*text;
	size_t		 size;
	char		*reason;
	size_t		 rsize;
	size_t		*offset;
};

static int __attribute__((format(printf, 3, 4)))
varlink_refuse(const struct refusal *ref, size_t offset, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(ref->reason, ref->rsize, fmt, ap);
	va_end(ap);
	*ref->offset = offset;
	return -EINVAL;
}

static bool
is_letter(char ch)
{
	return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
}

static bool
is_alnum(char ch)
{
	return is_letter(ch) || (ch >= '0' && ch <= '9');
}

/* LEN bytes of "org.fethd.Broker": two or more parts of letters, digits and
 * inner hyphens; the first begins with a letter. */
static bool
varlink_interface_ok(const char *s, size_t len)
{
	size_t	i, dots = 0;

	if (len == 0 || !is_letter(s[0]))
		return false;
	for (i = 0; i < len; i++) {
		if (is_alnum(s[i]))
			continue;
		/* A dot or a hyphen stands after a letter or digit (a hyphen
		 * also after one of its kind), and never last in a part. */
		if (i + 1 == len || s[i + 1] == '.')
			return false;
		if (s[i] == '.' && s[i + 1] != '-')
			dots++;
		else if (s[i] != '-')
			return false;
	}
	return dots > 0;
}

/* "Open": letters and digits, the first a capital. */
static bool
varlink_name_ok(const char *s)
{
	if (*s < 'A' || *s > 'Z')
		return false;
	while (is_alnum(*s))
		s++;
	return *s == '\0';
}

static const char *
take_method(struct call *call, const cJSON *item)
{
	const char	*text = cJSON_GetStringValue(item), *dot;
	size_t		 len;

	if (text == NULL)
		return "must be a string";
	len = strlen(text);
	if (len >= sizeof(call->buf))
		return "is too long";
	dot = strrchr(text, '.');
	if (dot == NULL || !varlink_name_ok(dot + 1) ||
	    !varlink_interface_ok(text, (size_t)(dot - text)))
		return "must look like \"org.fethd.Broker.Open\"";
	memcpy(call->buf, text, len + 1);
	call->buf[dot - text] = '\0';
	call->interface = call->buf;
	call->method = call->buf + (dot - text) + 1;
	return NULL;
}

static const char *
take_parameters(struct call *call, const cJSON *item)
{
	if (cJSON_IsNull(item))
		return NULL;
	if (!cJSON_IsObject(item))
		return "must be an object";
	call->parameters = item;
	return NULL;
}

static const char *
take_flag(bool *flag, const cJSON *item)
{
	if (!cJSON_IsBool(item) && !cJSON_IsNull(item))
		return "must be true or false";
	*flag = cJSON_IsTrue(item);
	return NULL;
}

static const char *
take_more(struct call *call, const cJSON *item)
{
	return take_flag(&call->more, item);
}

static const char *
take_oneway(struct call *call, const cJSON *item)
{
	return take_flag(&call->oneway, item);
}

static const char *
take_upgrade(struct call *call, const cJSON *item)
{
	bool		 upgrade = false;
	const char	*why = take_flag(&upgrade, item);

	(void)call;
	if (why == NULL && upgrade)
		return "is not possible: no method here changes the protocol "
		    "of the connection";
	return why;
}

/* The keys of a call; what a take function returns follows the key's name in
 * the refusal. */
static const struct {
	const char	*name;
	const char	*(*take)(struct call *call, const cJSON *item);
} envelope[] = {
	{ "method",	take_method },
	{ "parameters",	take_parameters },
	{ "more",	take_more },
	{ "oneway",	take_oneway },
	{ "upgrade",	take_upgrade },
};
#define ENVELOPE	(sizeof(envelope) / sizeof(envelope[0]))

static int
varlink_take(const struct refusal *ref, struct call *call, const cJSON *item,
    unsigned int n)
{
	const char	*why;
	unsigned int	 i;

	for (i = 0; i < ENVELOPE; i++)
		if (strcmp(item->string, envelope[i].name) == 0)
			break;
	if (i == ENVELOPE)
		return varlink_refuse(ref,
		    json_member_offset(ref->text, ref->size, n),
		    "unknown key; a call has method, parameters, more, oneway, "
		    "upgrade");
	why = envelope[i].take(call, item);
	if (why == NULL)
		return 0;
	return varlink_refuse(ref, json_member_offset(ref->text, ref->size, n),
	    "\"%s\" %s", envelope[i].name, why);
}

static int
varlink_envelope(const struct refusal *ref, struct call *call)
{
	const cJSON	*item;
	unsigned int	 n = 0;
	int		 r;

	if (!cJSON_IsObject(call->tree))
		return varlink_refuse(ref, 0, "a call must be a JSON object");
	cJSON_ArrayForEach(item, call->tree) {
		r = varlink_take(ref, call, item, n++);
		if (r != 0)
			return r;
	}
	if (call->method == NULL)
		return varlink_refuse(ref, 0, "\"method\" is missing");
	if (call->more && call->oneway)
		return varlink_refuse(ref, 0, "\"more\" and \"oneway\" exclude "
		    "each other");
	/* The empty object needs an owner; no key of a call is empty. */
	if (call->parameters == NULL)
		call->parameters = cJSON_AddObjectToObject(call->tree, "");
	if (call->parameters == NULL)
		return varlink_refuse(ref, 0, "there is no memory to read it");
	return 0;
}

int
varlink_parse(const char *text, size_t size, struct call *call, char *reason,
    size_t rsize, size_t *offset)
{
	struct refusal		ref = { text, size, reason, rsize, offset };
	struct json_error	err;
	int			r;

	memset(call, 0, sizeof(*call));
	call->tree = json_parse(text, size, &err);
	if (call->tree == NULL)
		return varlink_refuse(&ref, err.offset, "%s", err.reason);
	r = varlink_envelope(&ref, call);
	if (r != 0)
		varlink_clear(call);
	return r;
}

void
varlink_clear(struct call *call)
{
	cJSON_Delete(call->tree);
	memset(call, 0, sizeof(*call));
}

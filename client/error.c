/* SPDX-License-Identifier: MIT */
/*
 * struct feth_error: from an error reply of the daemon, or from the library's
 * own trouble, to a sentence that a person understands. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "feth_int.h"

/* "{field}" in a text stands for that field of the error's parameters. */
struct error_row {
	const char	*name;
	enum feth_code	code;
	const char	*text;
	const char	*hint;
};

#define BROKER	"org.fethd.Broker."
#define SERVICE	"org.varlink.service."

static const struct error_row rows[] = {
	{ "NotPermitted", FETH_NOT_PERMITTED,
	    "refused by rule \"{rule}\" of {file}: {reason}", "{hint}" },
	{ "QuotaExceeded", FETH_QUOTA_EXCEEDED,
	    "{used} {what} in use; rule \"{rule}\" allows {limit}",
	    "close some of them, or ask the administrator for a larger quota" },
	{ "NoSuchLink", FETH_NO_SUCH_LINK,
	    "there is no link \"{link}\" that you may see",
	    "\"fethc list\" shows the links; write UID/NAME for another "
	    "user's" },
	{ "NameInUse", FETH_NAME_IN_USE,
	    "a link named \"{name}\" exists already, opened by uid {owner}",
	    "attach to that one, close it, or take another name" },
	{ "EndBusy", FETH_END_BUSY,
	    "end {end} of link \"{link}\" is not free",
	    "take the other end, or wait until its holder gives it back" },
	{ "Unsupported", FETH_UNSUPPORTED,
	    "the backend \"{backend}\" cannot do: {feature}", "{hint}" },
	{ "InvalidSpec", FETH_INVALID_SPEC, "{field}: {reason}", "" },
	{ "BackendFailed", FETH_BACKEND_FAILED,
	    "the system refused \"{operation}\": {reason}",
	    "the log of fethd tells more" },
	{ "Busy", FETH_BUSY, "the daemon is busy",
	    "try again in {retry_ms} ms" },
	{ "InvalidMessage", FETH_INVALID_MESSAGE,
	    "the daemon cannot read the call, at byte {offset}: {reason}", "" },
	{ "MethodNotFound", FETH_METHOD_NOT_FOUND,
	    "the daemon has no method {method}",
	    "is the daemon older than this program?" },
	{ "MethodNotImplemented", FETH_METHOD_NOT_IMPLEMENTED,
	    "the daemon does not implement {method}", "" },
	{ "InterfaceNotFound", FETH_INTERFACE_NOT_FOUND,
	    "the daemon has no interface {interface}",
	    "is something else than fethd listening there?" },
	{ "InvalidParameter", FETH_INVALID_PARAMETER,
	    "the daemon does not take this parameter: {parameter}", "" },
	{ "PermissionDenied", FETH_PERMISSION_DENIED,
	    "the daemon denies it", "" },
	{ "ExpectedMore", FETH_EXPECTED_MORE,
	    "this method replies more than once and must be called so", "" },
	/* Of the library: the text is made where it happens. */
	{ "Ok", FETH_OK, NULL, NULL },
	{ "Other", FETH_OTHER, NULL, NULL },
	{ "NoDaemon", FETH_NO_DAEMON, NULL, NULL },
	{ "ConnectionLost", FETH_CONNECTION_LOST, NULL, NULL },
	{ "Timeout", FETH_TIMEOUT, NULL, NULL },
	{ "Protocol", FETH_PROTOCOL, NULL, NULL },
	{ "Streaming", FETH_STREAMING, NULL, NULL },
	{ "InvalidArgument", FETH_INVALID_ARGUMENT, NULL, NULL },
	{ "FrameSize", FETH_FRAME_SIZE, NULL, NULL },
	{ "BadHeader", FETH_BAD_HEADER, NULL, NULL },
	{ "Again", FETH_AGAIN, NULL, NULL },
	{ "Interrupted", FETH_INTERRUPTED, NULL, NULL },
	{ "PeerGone", FETH_PEER_GONE, NULL, NULL },
	{ "Io", FETH_IO, NULL, NULL },
	{ "NoMemory", FETH_NO_MEMORY, NULL, NULL },
};
#define NROWS	(sizeof(rows) / sizeof(rows[0]))

_Static_assert(NROWS == FETH_CODES, "a row for each code");

const char *
feth_code_name(enum feth_code code)
{
	size_t i;

	for (i = 0; i < NROWS; i++) {
		if (rows[i].code == code)
			return rows[i].name;
	}
	return "Unknown";
}

static void
error_name(struct feth_error *err, const char *name)
{
	snprintf(err->name, sizeof(err->name), "%s", name);
}

int
feth_fail(struct feth_error *err, enum feth_code code, int errnum,
    const char *hint, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -(int)code;
	memset(err, 0, sizeof(*err));
	err->code = code;
	err->errnum = errnum;
	error_name(err, feth_code_name(code));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (hint != NULL)
		snprintf(err->hint, sizeof(err->hint), "%s", hint);
	return -(int)code;
}

int
feth_fail_memory(struct feth_error *err)
{
	return feth_fail(err, FETH_NO_MEMORY, 0, NULL, "out of memory");
}

/* Write the field KEY (KLEN bytes of it) of PARAMETERS to OUT. */
static size_t
error_field(const cJSON *parameters, const char *key, size_t klen, char *out,
    size_t size)
{
	const cJSON *v;
	char name[32];
	int n;

	snprintf(name, sizeof(name), "%.*s", (int)klen, key);
	v = cJSON_GetObjectItemCaseSensitive(parameters, name);
	if (cJSON_IsString(v))
		n = snprintf(out, size, "%s", v->valuestring);
	else if (cJSON_IsNumber(v))
		n = snprintf(out, size, "%.0f", v->valuedouble);
	else
		n = snprintf(out, size, "?");
	return n < 0 ? 0 : (size_t)n;
}

/* Write TEMPLATE with its fields filled in to OUT. */
static void
error_expand(const char *template, const cJSON *parameters, char *out,
    size_t size)
{
	const char *close;
	size_t at = 0;

	while (*template != '\0' && at + 1 < size) {
		close = *template == '{' ? strchr(template, '}') : NULL;
		if (close == NULL) {
			out[at++] = *template++;
			continue;
		}
		at += error_field(parameters, template + 1,
		    (size_t)(close - template - 1), out + at, size - at);
		template = close + 1;
	}
	out[at < size ? at : size - 1] = '\0';
}

static int
error_number(const cJSON *parameters, const char *key)
{
	const cJSON *v;

	v = cJSON_GetObjectItemCaseSensitive(parameters, key);
	if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 &&
	    v->valuedouble <= 1e9))
		return 0;
	return (int)v->valuedouble;
}

/* The row of the error called NAME, or NULL. */
static const struct error_row *
error_row(const char *name)
{
	size_t i;

	for (i = 0; i < NROWS; i++) {
		if (rows[i].text != NULL && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

int
feth_fail_reply(struct feth_error *err, const char *name,
    const cJSON *parameters)
{
	const struct error_row *row = NULL;
	const char *tail = name;

	if (strncmp(name, BROKER, strlen(BROKER)) == 0)
		tail = name + strlen(BROKER);
	else if (strncmp(name, SERVICE, strlen(SERVICE)) == 0)
		tail = name + strlen(SERVICE);
	if (tail != name)
		row = error_row(tail);
	if (row == NULL) {
		feth_fail(err, FETH_OTHER, 0, "is the daemon newer than this "
		    "program?", "the daemon reports the error %.200s", name);
		if (err != NULL)
			error_name(err, tail);
		return -FETH_OTHER;
	}
	if (err == NULL)
		return -(int)row->code;
	memset(err, 0, sizeof(*err));
	err->code = row->code;
	err->errnum = error_number(parameters, "errno");
	err->retry_ms = (unsigned int)error_number(parameters, "retry_ms");
	error_name(err, tail);
	error_expand(row->text, parameters, err->text, sizeof(err->text));
	error_expand(row->hint, parameters, err->hint, sizeof(err->hint));
	return -(int)row->code;
}

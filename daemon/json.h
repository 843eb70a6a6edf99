/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reading of JSON (RFC 8259) in front of cJSON, which by itself takes
 * invalid UTF-8, ends strings at an escaped NUL, keeps duplicate keys and turns
 * 1e400 into infinity.
 */
#ifndef FETHD_JSON_H
#define FETHD_JSON_H

#include <stddef.h>

#include <cjson/cJSON.h>

struct json_error {
	size_t	offset;		/* of the byte at which it went wrong */
	unsigned int line;	/* 1.. */
	char	reason[120];
};

/*
 * Parse exactly SIZE bytes of TEXT (surrounding white space allowed). Refused:
 * anything that is not RFC 8259, not UTF-8, an escaped or plain NUL, lone
 * surrogates, duplicate keys, deeper than BOUND_DEPTH, more than BOUND_MEMBERS
 * in one object or BOUND_ELEMENTS in one array, numbers that a double cannot
 * hold.
 * Returns the tree (caller: cJSON_Delete), or NULL with *ERR filled.
 */
cJSON	*json_parse(const char *text, size_t size, struct json_error *err);

/*
 * The offset of the key of the N-th (0 ..) member of the top-level object of
 * TEXT, which json_parse has accepted; 0 when there is none. For errors about a
 * member, since the tree does not know where it came from.
 */
size_t	json_member_offset(const char *text, size_t size, unsigned int n);

/*
 * Replace comments (of C and of C++) outside strings by spaces, in place; line
 * ends stay. Returns 0, or -EINVAL with *ERR for a comment without end.
 */
int	json_strip_comments(char *text, size_t size, struct json_error *err);

#endif

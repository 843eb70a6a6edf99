/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the warden asks of a backend, for the tests of both: included by those,
 * after cmocka.h.
 */
#ifndef FETHD_TESTS_CREATE_MSG_H
#define FETHD_TESTS_CREATE_MSG_H

#include <string.h>

#include "spec.h"
#include "warden_msg.h"

/* A link of MTU 1500 in SLOT, of uid 1000, whose MACs tell slot and side. */
static struct wm_msg
message(uint32_t slot, enum link_kind kind, unsigned int flags)
{
	struct wm_msg	m;

	memset(&m, 0, sizeof(m));
	m.type = WM_CREATE;
	m.slot = slot;
	m.kind = kind;
	m.flags = flags;
	m.mtu = 1500;
	m.uid = 1000;
	memcpy(m.mac[0], "\x02\x00\x00\x00\x00\x01", 6);
	memcpy(m.mac[1], "\x02\x00\x00\x00\x00\x02", 6);
	m.mac[0][4] = m.mac[1][4] = (uint8_t)slot;
	return m;
}

/* One address more for SIDE. The warden's test has none. */
static void __attribute__((unused))
add_address(struct wm_msg *m, int side, const char *text)
{
	assert_int_equal(prefix_parse(text,
	    &m->addr[side][m->naddr[side]++]), 0);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cable.h. Called by backend_linux.c and backend_feth.c, in the warden.
 */
#include <string.h>

#include "cable.h"

int
cable_make(const struct cable_step *s, struct making *mk, enum wm_op *op)
{
	int	error = 0;

	for (; s->run != NULL && error == 0; s++) {
		*op = s->op;
		error = s->run(mk);
	}
	return error;
}

void
cable_fill(struct cable *c, const struct wm_msg *m)
{
	c->slot = m->slot;
	c->kind = (uint8_t)m->kind;
	c->uid = m->uid;
	memcpy(c->mac, m->mac, sizeof(c->mac));
}

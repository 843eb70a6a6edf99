/* SPDX-License-Identifier: Apache-2.0 */
/* See linux_spare.h. A ring; called by backend_linux.c in the warden alone. */
#include "linux_spare.h"
#include "wire.h"

static struct {
	struct spare {
		uint32_t	slot;
		int		fd;
		int		ifindex;
	}		ring[BOUND_SPARES];
	unsigned int	first, count;
	unsigned int	aim;
	bool		asked;		/* for one, ever */
} spares;

void
spare_aim(unsigned int n)
{
	spares.aim = n < BOUND_SPARES ? n : BOUND_SPARES;
}

bool
spare_wanted(void)
{
	return spares.asked && spares.count < spares.aim;
}

unsigned int
spare_count(void)
{
	return spares.count;
}

void
spare_put(uint32_t slot, int fd, int ifindex)
{
	struct spare	*s;

	if (spares.count == BOUND_SPARES) {
		wire_close(&fd);
		return;
	}
	s = &spares.ring[(spares.first + spares.count++) % BOUND_SPARES];
	s->slot = slot;
	s->fd = fd;
	s->ifindex = ifindex;
}

uint32_t
spare_slot(void)
{
	return spares.count > 0 ? spares.ring[spares.first].slot : BOUND_SLOTS;
}

bool
spare_take(int *fd, int *ifindex)
{
	const struct spare	*s = &spares.ring[spares.first];

	spares.asked = true;
	if (spares.count == 0)
		return false;
	*fd = s->fd;
	*ifindex = s->ifindex;
	spares.first = (spares.first + 1) % BOUND_SPARES;
	spares.count--;
	return true;
}

bool
spare_take_of(uint32_t slot, int *fd, int *ifindex)
{
	struct spare	*first = &spares.ring[spares.first], *s, found;
	unsigned int	 i;

	for (i = 0; i < spares.count; i++) {
		s = &spares.ring[(spares.first + i) % BOUND_SPARES];
		if (s->slot != slot)
			continue;
		found = *s;
		*s = *first;
		*first = found;
		return spare_take(fd, ifindex);
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sparse file of fixed entries, addressed by slot. Called by warden.c
 * alone.
 *
 * An entry must survive the death of the process, not that of the machine: the
 * page cache outlives the one, and no interface outlives the other (the run
 * directory is a tmpfs). So there is no fsync. An entry that was torn (a full
 * file system, a kill between two pages) or that is not ours is told by its sum
 * and costs that one link, never the start.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "log.h"
#include "wire.h"

#define JOURNAL_MAGIC	0x6665746au	/* "fetj" */
#define JOURNAL_VERSION	1

struct entry {
	uint32_t	magic;		/* 0: none */
	uint32_t	version;
	uint32_t	size;		/* of struct wm_msg */
	uint32_t	crc;		/* of all that follows */
	struct wm_msg	msg;
};

/* CRC-32 (IEEE 802.3), four bits at a time. */
static uint32_t
crc32(const void *data, size_t size)
{
	static const uint32_t	table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190,
		0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344,
		0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278,
		0xbdbdf21c,
	};
	const uint8_t		*p = data;
	uint32_t		 crc = ~0u;

	while (size-- > 0) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static off_t
offset(uint32_t slot)
{
	return (off_t)slot * (off_t)sizeof(struct entry);
}

static int
entry_write(struct journal *j, uint32_t slot, const struct entry *e)
{
	ssize_t	n;

	if (slot >= BOUND_SLOTS)
		return -EINVAL;
	n = pwrite(j->fd, e, sizeof(*e), offset(slot));
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*e) ? 0 : -ENOSPC;
}

int
journal_open(struct journal *j, const char *path)
{
	struct stat	st;
	int		error;

	j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd == -1)
		return -errno;
	if (fstat(j->fd, &st) != 0)
		error = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		error = -EPERM;
	else if (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
		error = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else
		return 0;
	wire_close(&j->fd);
	return error;
}

void
journal_close(struct journal *j)
{
	wire_close(&j->fd);
}

int
journal_put(struct journal *j, const struct wm_msg *m)
{
	struct entry	e;

	memset(&e, 0, sizeof(e));
	e.magic = JOURNAL_MAGIC;
	e.version = JOURNAL_VERSION;
	e.size = sizeof(e.msg);
	e.msg = *m;
	e.crc = crc32(&e.msg, sizeof(e.msg));
	return entry_write(j, m->slot, &e);
}

int
journal_del(struct journal *j, uint32_t slot)
{
	struct entry	e;

	memset(&e, 0, sizeof(e));
	return entry_write(j, slot, &e);
}

int
journal_get(struct journal *j, uint32_t slot, struct wm_msg *m)
{
	static const struct entry	none;
	struct entry			e;
	ssize_t				n;

	memset(&e, 0, sizeof(e));
	n = pread(j->fd, &e, sizeof(e), offset(slot));
	if (n < 0)
		return -errno;
	/* Bytes past the end are zero here, as a hole in the file is. */
	if (memcmp(&e, &none, sizeof(e)) == 0)
		return -ENOENT;
	if (e.magic != JOURNAL_MAGIC || e.version != JOURNAL_VERSION ||
	    e.size != sizeof(e.msg) || e.msg.slot != slot ||
	    e.crc != crc32(&e.msg, sizeof(e.msg)))
		return -EBADMSG;
	*m = e.msg;
	return 0;
}

int
journal_each(struct journal *j, void (*fn)(const struct wm_msg *m, void *arg),
    void *arg)
{
	struct wm_msg	m;
	struct stat	st;
	uint32_t	slot;
	int		error;

	if (fstat(j->fd, &st) != 0)
		return -errno;
	for (slot = 0; slot < BOUND_SLOTS && offset(slot) < st.st_size;
	    slot++) {
		error = journal_get(j, slot, &m);
		if (error == 0) {
			fn(&m, arg);
		} else if (error == -EBADMSG) {
			log_warnx("journal: the entry of slot %u is damaged or "
			    "of another fethd; it is forgotten", slot);
			error = journal_del(j, slot);
		}
		if (error != 0 && error != -ENOENT)
			return error;
	}
	return 0;
}

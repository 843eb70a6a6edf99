/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c: what is put is got, torn and foreign entries cost that slot alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "log.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static char	dir[64], path[80];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_journal.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/journal", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static struct wm_msg
message(uint32_t slot)
{
	struct wm_msg	m;

	memset(&m, 0, sizeof(m));
	m.type = WM_CREATE;
	m.slot = slot;
	m.mtu = 1000 + slot;
	snprintf(m.record.spec.name, sizeof(m.record.spec.name), "n%u", slot);
	return m;
}

static void
put(struct journal *j, uint32_t slot)
{
	struct wm_msg	m = message(slot);

	assert_int_equal(journal_put(j, &m), 0);
}

static void
assert_entry(struct journal *j, uint32_t slot)
{
	struct wm_msg	m, want = message(slot);

	assert_int_equal(journal_get(j, slot, &m), 0);
	assert_memory_equal(&m, &want, sizeof(m));
}

/* Bytes of one entry: the second one begins there. */
static size_t
entry_size(void)
{
	struct journal	j;
	struct stat	st;

	assert_int_equal(journal_open(&j, path), 0);
	put(&j, 0);
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_int_equal(journal_del(&j, 0), 0);
	journal_close(&j);
	return (size_t)st.st_size;
}

static void
test_put_get_del(void **state)
{
	static const uint32_t	slots[] = { 0, 1, 77, BOUND_SLOTS - 1 };
	struct journal		j;
	struct wm_msg		m;
	size_t			i;

	(void)state;
	assert_int_equal(journal_open(&j, path), 0);
	for (i = 0; i < N(slots); i++)
		put(&j, slots[i]);
	for (i = 0; i < N(slots); i++)
		assert_entry(&j, slots[i]);
	assert_int_equal(journal_get(&j, 2, &m), -ENOENT);
	for (i = 0; i < N(slots); i++) {
		assert_int_equal(journal_del(&j, slots[i]), 0);
		assert_int_equal(journal_get(&j, slots[i], &m), -ENOENT);
	}
	m = message(BOUND_SLOTS);
	assert_int_equal(journal_put(&j, &m), -EINVAL);
	assert_int_equal(journal_del(&j, BOUND_SLOTS), -EINVAL);
	journal_close(&j);
}

static void
test_survives_reopen(void **state)
{
	struct journal	j;
	struct stat	st;

	(void)state;
	assert_int_equal(journal_open(&j, path), 0);
	put(&j, 5);
	journal_close(&j);
	assert_int_equal(journal_open(&j, path), 0);
	assert_entry(&j, 5);
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(j.fd, F_GETFD), FD_CLOEXEC);
	journal_close(&j);
}

static void
test_lock(void **state)
{
	struct journal	a, b;

	(void)state;
	assert_int_equal(journal_open(&a, path), 0);
	assert_int_equal(journal_open(&b, path), -EBUSY);
	assert_int_equal(b.fd, -1);
	journal_close(&a);
	assert_int_equal(journal_open(&b, path), 0);
	journal_close(&b);
}

static void
test_no_symlink(void **state)
{
	char		other[96];
	struct journal	j;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(journal_open(&j, path), -ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(journal_open(&j, path), -EISDIR);
	assert_int_equal(rmdir(path), 0);
}

struct seen {
	unsigned int	n;
	uint32_t	slots[8];
};

static void
see(const struct wm_msg *m, void *arg)
{
	struct seen	*s = arg;

	assert_true(s->n < N(s->slots));
	s->slots[s->n++] = m->slot;
}

/*
 * A write that stopped after so many bytes, over an entry that was there (OLD)
 * or over nothing: never anything but the old entry, or none.
 */
static void
test_torn(void **state)
{
	size_t		size = entry_size(), cut;
	char		*old, *new, *mixed;
	struct wm_msg	m, a = message(1), b;
	struct journal	j;
	struct seen	s;
	int		with_old, error;

	(void)state;
	b = a;
	b.mtu = 9000;
	/* From the first bytes to the last. */
	snprintf(b.record.spec.labels[BOUND_LABELS - 1].value,
	    sizeof(b.record.spec.labels[0].value), "other");
	assert_int_equal(journal_open(&j, path), 0);
	old = malloc(size);
	new = malloc(size);
	mixed = malloc(size);
	assert_true(old != NULL && new != NULL && mixed != NULL);
	assert_int_equal(journal_put(&j, &a), 0);
	assert_int_equal(pread(j.fd, old, size, (off_t)size), size);
	assert_int_equal(journal_put(&j, &b), 0);
	assert_int_equal(pread(j.fd, new, size, (off_t)size), size);
	put(&j, 0);
	put(&j, 3);
	for (cut = 1; cut < size; cut += 7)
		for (with_old = 0; with_old < 2; with_old++) {
			if (with_old)
				memcpy(mixed, old, size);
			else
				memset(mixed, 0, size);
			memcpy(mixed, new, cut);
			assert_int_equal(pwrite(j.fd, mixed, size, (off_t)size),
			    size);
			error = journal_get(&j, 1, &m);
			if (memcmp(mixed, old, size) == 0)
				assert_int_equal(error, 0);
			else if (memcmp(mixed, new, size) != 0)
				assert_int_equal(error, -EBADMSG);
		}
	/* The others are still found, and the bad one is gone afterwards. */
	memset(&s, 0, sizeof(s));
	memcpy(mixed, old, size);
	memcpy(mixed, new, size / 2);
	assert_int_equal(pwrite(j.fd, mixed, size, (off_t)size), size);
	assert_int_equal(journal_each(&j, see, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.slots[0], 0);
	assert_int_equal(s.slots[1], 3);
	assert_int_equal(journal_get(&j, 1, &m), -ENOENT);
	free(old);
	free(new);
	free(mixed);
	journal_close(&j);
}

/* The last entry of a file that was cut. */
static void
test_short_file(void **state)
{
	size_t		size = entry_size();
	struct journal	j;
	struct wm_msg	m;
	struct seen	s;

	(void)state;
	assert_int_equal(journal_open(&j, path), 0);
	put(&j, 0);
	put(&j, 1);
	assert_int_equal(ftruncate(j.fd, (off_t)(2 * size - 40)), 0);
	assert_int_equal(journal_get(&j, 0, &m), 0);
	assert_int_equal(journal_get(&j, 2, &m), -ENOENT);
	memset(&s, 0, sizeof(s));
	assert_int_equal(journal_each(&j, see, &s), 0);
	assert_true(s.n >= 1);
	journal_close(&j);
}

/* Fields that make an entry another's: a flipped bit each. */
static void
test_foreign(void **state)
{
	static const off_t	where[] = { 0, 4, 8, 12, 16, 24, 300, 1000 };
	size_t			size = entry_size(), i;
	struct journal		j;
	struct wm_msg		m;
	unsigned char		c;

	(void)state;
	assert_int_equal(journal_open(&j, path), 0);
	for (i = 0; i < N(where); i++) {
		put(&j, 2);
		assert_int_equal(pread(j.fd, &c, 1, (off_t)(2 * size) +
		    where[i]), 1);
		c ^= 0x10;
		assert_int_equal(pwrite(j.fd, &c, 1, (off_t)(2 * size) +
		    where[i]), 1);
		assert_int_equal(journal_get(&j, 2, &m), -EBADMSG);
	}
	journal_close(&j);
}

/* A whole good entry in another slot's place is not that slot's. */
static void
test_misplaced(void **state)
{
	size_t		size = entry_size();
	char		*e = malloc(size);
	struct journal	j;
	struct wm_msg	m;

	(void)state;
	assert_non_null(e);
	assert_int_equal(journal_open(&j, path), 0);
	put(&j, 4);
	assert_int_equal(pread(j.fd, e, size, (off_t)(4 * size)), size);
	assert_int_equal(pwrite(j.fd, e, size, (off_t)(6 * size)), size);
	assert_int_equal(journal_get(&j, 6, &m), -EBADMSG);
	assert_entry(&j, 4);
	free(e);
	journal_close(&j);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test_setup_teardown(test_put_get_del, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_survives_reopen, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_symlink, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_file, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_misplaced, setup,
		    teardown),
	};

	log_init("test", LOG_L_ERROR, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

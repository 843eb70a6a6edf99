/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_bpf.c on the model of the kernel: what a read of many frames, a frame
 * that was cut, and each refusal of a write come to, on each release.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../daemon/relay_bpf.c"

#include "darwin_ops.h"
#include "feth_if.h"
#include "sim_ops.h"
#include "wire.h"

#define HOST	"feth10000"
#define PORT	"feth10001"
#define MTU	1500
#define FRAMES	8
#define RELEASES(r)	for (r = SIM_12; r < SIM_RELEASES; r++)

static struct relay_link ln;
static struct rbatch	batch;
static struct rside	*s;
static struct bpf	port;		/* as the warden has it */
static uint8_t		data[FRAMES][MTU + 14];

/* What reached the host's protocols: the number in each frame. */
static struct {
	unsigned int	n;
	uint8_t		number[4 * FRAMES];
} heard;

static void
hook_stack(int i, const uint8_t *frame, size_t len, void *arg)
{
	(void)arg;
	/* Before macOS 15 the I/O side's protocols see its frames, too. */
	if (strcmp(sim.ifs[i].name, HOST) != 0)
		return;
	assert_true(len >= 14 && heard.n < sizeof(heard.number));
	heard.number[heard.n++] = frame[14];
}

static void
start(enum sim_release release)
{
	static struct sim_hooks	listening;
	unsigned int		used;

	sim_ops_reset(release);
	listening = *sim.hooks;
	listening.stack = hook_stack;
	sim.hooks = &listening;
	assert_int_equal(feth_if_create(HOST), 0);
	assert_int_equal(feth_if_create(PORT), 0);
	assert_int_equal(feth_if_peer(HOST, PORT), 0);
	assert_int_equal(feth_if_up(HOST), 0);
	assert_int_equal(feth_if_up(PORT), 0);
	assert_int_equal(feth_if_mtu(PORT, 2048), 0);
	assert_int_equal(bpf_open(&port, &used), 0);
	assert_int_equal(bpf_setup(&port, true), 0);
	assert_int_equal(bpf_bind(&port, PORT), 0);
	memset(&ln, 0, sizeof(ln));
	memset(&heard, 0, sizeof(heard));
	s = &ln.side[0];
	s->link = &ln;
	s->port.fd = port.fd;
	ln.mtu = MTU;
}

static void
stop(void)
{
	io_device_forget(s);
	assert_null(s->records);
	wire_close(&port.fd);
	if (sim.hazards != 0)
		fail_msg("%u hazards: %s", sim.hazards, sim.hazard);
	sim_free(&sim);
}

static int
put(unsigned int n)
{
	struct rframe	f[FRAMES];
	unsigned int	i;

	for (i = 0; i < n; i++) {
		data[i][14] = (uint8_t)(i + 1);
		f[i] = (struct rframe){ data[i], 60 + i, RELAY_OK };
	}
	return io_device_ops.write(s, &batch, f, n);
}

/* Frames 1 .. N came, each once, but for the one NOT (0: none). */
static void
came(unsigned int n, unsigned int not)
{
	unsigned int	i, k = 0;

	assert_int_equal(heard.n, n - (not != 0));
	for (i = 1; i <= n; i++)
		if (i != not)
			assert_int_equal(heard.number[k++], i);
}

static void
counted(unsigned int sent, unsigned int refused)
{
	assert_int_equal(atomic_load(&s->count.rx_frames), sent);
	assert_int_equal(atomic_load(&s->count.drops[RELAY_REFUSED]), refused);
}

static void
expect(bool so, const char *section, const char *what, int rv)
{
	if (!so)
		fail_msg("%s: %s: %d", section, what, rv);
}

#include "../batch_rules.h"

static bool
has_come(uint32_t number, void *arg)
{
	unsigned int	i;

	(void)arg;
	for (i = 0; i < heard.n; i++)
		if (heard.number[i] == number)
			return true;
	return false;
}

/* The questions of check_darwin.c, to the model; and its way of writing bare
 * frames beside it. */
static void
batches_as_asked_of_a_mac(void **state)
{
	struct bpf	bare;
	uint8_t		f[FRAME_LEN];
	unsigned int	used;
	int		r;

	(void)state;
	RELEASES(r) {
		start((enum sim_release)r);
		assert_int_equal(bpf_open(&bare, &used), 0);
		assert_int_equal(bpf_setup(&bare, false), 0);
		assert_int_equal(bpf_bind(&bare, PORT), 0);
		frame_make(f, sizeof(f), 7);
		assert_int_equal(bpf_write(&bare, f, sizeof(f), MTU), 0);
		assert_true(has_come(7, NULL));
		wire_close(&bare.fd);
		if (port.batch)
			batch_rules(&port, has_come, NULL);
		assert_int_equal(port.batch, r >= SIM_14_4);
		stop();
	}
}

static void
writes_pass(void **state)
{
	int	r;

	(void)state;
	RELEASES(r) {
		start((enum sim_release)r);
		assert_int_equal(put(FRAMES), FRAMES);
		came(FRAMES, 0);
		counted(FRAMES, 0);
		assert_int_equal(s->records->bpf.batch, r >= SIM_14_4);
		stop();
	}
}

/* The frames before the one that the queue refused are on their way: none is
 * sent twice. */
static void
queue_refuses_the_last(void **state)
{
	int	r;

	(void)state;
	RELEASES(r) {
		start((enum sim_release)r);
		sim_fault(&sim, SIM_WRITE, r >= SIM_14_4 ? 0 : FRAMES - 1, 1,
		    ENOBUFS);
		assert_int_equal(put(FRAMES), FRAMES);
		came(FRAMES, FRAMES);
		if (r >= SIM_14_4)
			counted(0, FRAMES);
		else
			counted(FRAMES - 1, 1);
		/* Not for ever. */
		heard.n = 0;
		assert_int_equal(put(FRAMES), FRAMES);
		came(FRAMES, 0);
		stop();
	}
}

/* One that is too long: the others go, whether a batch was refused or not. */
static void
one_too_long(void **state)
{
	static uint8_t	big[4096];
	struct rframe	f[3] = { { data[0], 60, RELAY_OK },
	    { big, sizeof(big), RELAY_OK }, { data[2], 62, RELAY_OK } };
	int		r;

	(void)state;
	data[0][14] = 1;
	data[2][14] = 3;
	RELEASES(r) {
		start((enum sim_release)r);
		assert_int_equal(io_device_ops.write(s, &batch, f, 3), 3);
		came(3, 2);
		counted(2, 1);
		stop();
	}
}

static void
down_and_gone(void **state)
{
	int	r;

	(void)state;
	RELEASES(r) {
		start((enum sim_release)r);
		assert_int_equal(feth_if_down(PORT), 0);
		assert_int_equal(put(FRAMES), FRAMES);
		counted(0, FRAMES);
		assert_int_equal(feth_if_up(PORT), 0);
		assert_int_equal(put(FRAMES), FRAMES);
		came(FRAMES, 0);
		assert_int_equal(feth_if_down(HOST), 0);
		assert_int_equal(feth_if_down(PORT), 0);
		assert_int_equal(feth_if_unpeer(PORT), 0);
		assert_int_equal(feth_if_destroy(PORT), 0);
		assert_int_equal(put(FRAMES), -ENXIO);
		assert_int_equal(io_device_ops.read(s, &batch, 64), -ENXIO);
		counted(FRAMES, FRAMES);
		stop();
	}
}

/* A read gives more than a turn takes: no event tells of the rest. */
static void
reads_in_turns(void **state)
{
	uint8_t		frame[60] = { 0 };
	unsigned int	i, k;
	int		n, r;

	(void)state;
	RELEASES(r) {
		start((enum sim_release)r);
		assert_false(io_device_pending(s));
		for (i = 0; i < 150; i++) {
			frame[14] = (uint8_t)i;
			assert_int_equal(sim_stack_output(&sim, sim_find(&sim,
			    HOST), frame, sizeof(frame)), 0);
		}
		for (i = 0; i < 150; i += k) {
			n = io_device_ops.read(s, &batch, 64);
			assert_int_equal(n, i < 128 ? 64 : 150 - 128);
			for (k = 0; k < (unsigned int)n; k++) {
				assert_int_equal(batch.f[k].len, 60);
				assert_int_equal(batch.f[k].bad, RELAY_OK);
				assert_int_equal(batch.f[k].data[14], i + k);
			}
			assert_int_equal(io_device_pending(s), i < 128);
		}
		assert_int_equal(io_device_ops.read(s, &batch, 64), -EAGAIN);
		stop();
	}
}

/* Somebody's filter cuts frames off: they are not what was sent. */
static void
cut_frames_are_seen(void **state)
{
	struct dw_bpf_insn	cut = { .code = 0x06, .k = 40 };
	struct dw_bpf_program	p = { 1, &cut };
	uint8_t			frame[60] = { 0 };

	(void)state;
	start(SIM_15_4);
	assert_int_equal(darwin_ops.bpf_ioctl(port.fd, DW_BIOCSETF, &p), 0);
	assert_int_equal(sim_stack_output(&sim, sim_find(&sim, HOST), frame,
	    sizeof(frame)), 0);
	assert_int_equal(io_device_ops.read(s, &batch, 64), 1);
	assert_int_equal(batch.f[0].bad, RELAY_LONG);
	stop();
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(batches_as_asked_of_a_mac),
		cmocka_unit_test(writes_pass),
		cmocka_unit_test(queue_refuses_the_last),
		cmocka_unit_test(one_too_long),
		cmocka_unit_test(down_and_gone),
		cmocka_unit_test(reads_in_turns),
		cmocka_unit_test(cut_frames_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

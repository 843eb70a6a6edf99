/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the relay reads and writes the interface of a host link on macOS: a BPF
 * descriptor that the warden set up and bound. In the place of relay_device.c;
 * called by relay_path.c by way of the table in relay_io.c, in the link's
 * thread.
 *
 * A read gives all frames that wait, more than a turn takes: the rest stays here,
 * and as no event tells of it, io_device_pending does. A write takes a batch where
 * the kernel knows that (macOS 14.1), and is never waited for: kqueue refuses
 * EV_WRITE on BPF, so what the kernel does not take is dropped and counted, as on
 * any Ethernet.
 */
#include <errno.h>
#include <stdlib.h>

#include "bpf.h"
#include "bpf_record.h"
#include "darwin_abi.h"
#include "relay_int.h"

/* Of one batch: 64 full frames. */
#define OUT_SIZE	((size_t)128 * 1024)

struct records {
	struct bpf	bpf;
	size_t		at, len;	/* of in: not handed out yet */
	uint8_t		*in, *out;
};

/* What S keeps, made when the first frame moves. */
static int
records_get(struct rside *s, struct records **out)
{
	struct records	*r = s->records;
	int		 error;

	if (r != NULL) {
		*out = r;
		return 0;
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return -ENOMEM;
	error = bpf_attach(&r->bpf, s->port.fd);
	if (error == 0) {
		r->in = malloc(r->bpf.blen);
		r->out = malloc(OUT_SIZE);
		error = r->in == NULL || r->out == NULL ? -ENOMEM : 0;
	}
	s->records = r;
	if (error != 0)
		io_device_forget(s);
	*out = r;
	return error;
}

void
io_device_forget(struct rside *s)
{
	struct records	*r = s->records;

	s->records = NULL;
	if (r == NULL)
		return;
	free(r->in);
	free(r->out);
	free(r);
}

bool
io_device_pending(const struct rside *s)
{
	return s->records != NULL && s->records->at < s->records->len;
}

static int
fill(struct records *r)
{
	ssize_t	n;

	r->at = r->len = 0;
	if ((n = bpf_read(&r->bpf, r->in)) < 0)
		return (int)n;
	r->len = (size_t)n;
	return 0;
}

static int
bpf_side_read(struct rside *s, struct rbatch *b, unsigned int max)
{
	struct records		*r;
	struct bpf_record	 rec;
	unsigned int		 n = 0;
	int			 error;

	if ((error = records_get(s, &r)) != 0)
		return error;
	if (r->at >= r->len && (error = fill(r)) != 0)
		return error;
	while (n < max && (error = bpf_record_next(r->in, r->len, &r->at,
	    &rec)) == 1) {
		/* They are good until the next read. */
		b->f[n].data = r->in + (rec.frame - r->in);
		b->f[n].len = rec.len;
		b->f[n++].bad = rec.len < rec.wire_len ? RELAY_LONG :
		    RELAY_OK;
	}
	/* What is no record spoils the rest of this read. */
	if (error < 0)
		r->at = r->len = 0;
	return n > 0 ? (int)n : -EAGAIN;
}

/* One by one: those that the kernel does not take are refused. */
static int
write_each(struct rside *s, struct records *r, const struct rframe *f,
    unsigned int n)
{
	uint64_t	bytes = 0;
	unsigned int	i, sent = 0;
	int		error = 0;

	for (i = 0; i < n && error != -ENXIO; i++) {
		error = bpf_write(&r->bpf, f[i].data, f[i].len,
		    s->link->mtu + DW_BPF_TAG);
		if (error == 0) {
			sent++;
			bytes += f[i].len;
		} else if (error != -ENXIO) {
			io_refused(s);
		}
	}
	io_sent(s, sent, bytes);
	return error == -ENXIO ? error : 0;
}

/* The frames F[0 .. N) as records, as many as there is room for: their number,
 * and the bytes in *SIZE. */
static unsigned int
pack(struct records *r, const struct rframe *f, unsigned int n, size_t *size)
{
	unsigned int	i;

	*size = 0;
	for (i = 0; i < n; i++)
		if (bpf_record_put(r->out, OUT_SIZE, size, f[i].data,
		    f[i].len) != 0)
			break;
	return i;
}

/* Was the whole batch refused because of a frame in it, and none of it sent?
 * Whatever else is said is of the last frame only, and those before it are on
 * their way (dlil_output.c:453): to send them again would double them. */
static bool
none_sent(int error)
{
	return error == -EINVAL || error == -EMSGSIZE;
}

/* One call. What was refused as a whole is sent one by one, so that it is clear
 * which frame it was; else all count as refused, as none is known to be sent. */
static int
write_some(struct rside *s, struct records *r, const struct rframe *f,
    unsigned int n, size_t size)
{
	uint64_t	bytes = 0;
	unsigned int	i;
	int		error;

	error = bpf_write_batch(&r->bpf, r->out, size);
	if (error == 0) {
		for (i = 0; i < n; i++)
			bytes += f[i].len;
		io_sent(s, n, bytes);
	} else if (n > 1 && none_sent(error)) {
		for (i = 0, error = 0; i < n && error == 0; i++) {
			(void)pack(r, &f[i], 1, &size);
			error = write_some(s, r, &f[i], 1, size);
		}
	} else if (error != -ENXIO) {
		for (i = 0; i < n; i++)
			io_refused(s);
		error = 0;
	}
	return error;
}

static int
write_batch(struct rside *s, struct records *r, const struct rframe *f,
    unsigned int n)
{
	unsigned int	done = 0, part;
	size_t		size;
	int		error = 0;

	for (; done < n && error == 0; done += part) {
		part = pack(r, f + done, n - done, &size);
		error = write_some(s, r, f + done, part, size);
	}
	return error;
}

static int
bpf_side_write(struct rside *s, struct rbatch *b, const struct rframe *f,
    unsigned int n)
{
	struct records	*r;
	int		 error;

	(void)b;
	if ((error = records_get(s, &r)) != 0)
		return error;
	error = r->bpf.batch ? write_batch(s, r, f, n) : write_each(s, r, f, n);
	return error != 0 ? error : (int)n;
}

const struct relay_ops	io_device_ops = { .read = bpf_side_read,
    .write = bpf_side_write };

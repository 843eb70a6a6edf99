/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model's BPF descriptors; see sim.h. One lock for all in a real kernel, one
 * thread here. No input or output.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define ALIGN4(n)	(((n) + 3) & ~(size_t)3)	/* facts 2.4 */
#define HDR		18	/* ALIGN4(14 + 18) - 14 */
#define EXTHDR		66	/* facts 2.2 */
#define HDR_SIZEOF	20
#define BLEN_MIN	32
#define WRITE_MAX	(16 * 1024 * 1024)
#define INSNS		512
#define CLOCK		1700000000

static void
wake(struct sim *s, const struct sim_node *n)
{
	if (s->hooks->wake != NULL)
		s->hooks->wake((int)(n - s->nodes), s->arg);
}

/* facts 2.1 */
int
sim_open(struct sim *s, bool root, unsigned int node)
{
	struct sim_node	*n;
	int		 error;

	s->calls++;
	if (node >= s->nnodes)
		return ENOENT;
	if (!root)
		return EACCES;
	n = &s->nodes[node];
	if (n->open)
		return EBUSY;
	if ((error = sim_failing(s, SIM_OPEN, false)) != 0)
		return error;
	memset(n, 0, sizeof(*n));
	n->open = true;
	n->ifi = -1;
	n->blen = DW_BPF_BLEN;
	n->direction = 3;
	if (node == s->nnodes - 1 && s->nnodes < SIM_NODES)
		s->nnodes++;
	return 0;
}

/* From its interface; what it has is kept. facts 1.12, 2.3 */
static void
detach(struct sim *s, struct sim_node *n)
{
	if (n->ifi == -1)
		return;
	if (s->ifs[n->ifi].dvrtin == (int)(n - s->nodes))
		s->ifs[n->ifi].dvrtin = -1;
	n->promisc = false;
	n->ifi = -1;
}

void
sim_detach(struct sim *s, int i)
{
	struct sim_node	*n;

	for (n = s->nodes; n < s->nodes + SIM_NODES; n++)
		if (n->open && n->ifi == i) {
			detach(s, n);
			n->detached = true;
			wake(s, n);
		}
}

void
sim_close(struct sim *s, unsigned int node)
{
	struct sim_node	*n = &s->nodes[node];

	detach(s, n);
	free(n->store);
	free(n->hold);
	free(n->filter);
	memset(n, 0, sizeof(*n));
}

/* ioctls, facts 2.2 */

static int
do_gblen(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(uint32_t *)arg = n->blen;
	return 0;
}

static int
do_sblen(struct sim *s, struct sim_node *n, void *arg)
{
	uint32_t	*v = arg, max;

	if (n->bound)
		return EINVAL;
	/* facts 2.3 */
	max = (uint32_t)sim_sysctl(s, s->release >= SIM_13 ?
	    "debug.bpf_bufsize_cap" : "debug.bpf_maxbufsize");
	if (s->release < SIM_13 && n->headdrop)
		max *= 2;
	if (*v > max)
		*v = max;
	if (*v < BLEN_MIN)
		*v = BLEN_MIN;
	n->blen = *v;
	return 0;
}

static void
reset(struct sim_node *n)
{
	n->slen = n->hlen = 0;
	n->recv = n->drop = 0;
}

static int
do_flush(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	(void)arg;
	reset(n);
	return 0;
}

static int
do_promisc(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	(void)arg;
	if (n->ifi == -1)
		return EINVAL;
	n->promisc = true;
	return 0;
}

static int
do_gdlt(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	if (n->ifi == -1)
		return EINVAL;
	*(uint32_t *)arg = DW_DLT_EN10MB;
	return 0;
}

static int
do_getif(struct sim *s, struct sim_node *n, void *arg)
{
	struct dw_ifreq	*r = arg;

	if (n->ifi == -1)
		return EINVAL;
	memset(r, 0, sizeof(*r));
	memcpy(r->name, s->ifs[n->ifi].name, sizeof(r->name));
	return 0;
}

/* facts 2.3: no check of anybody's right; the buffers are made anew. */
static int
do_setif(struct sim *s, struct sim_node *n, void *arg)
{
	struct dw_ifreq	*r = arg;
	int		 i;

	if ((i = sim_find(s, r->name)) == -1)
		return ENXIO;
	detach(s, n);
	free(n->store);
	free(n->hold);
	n->store = malloc(n->blen);
	n->hold = malloc(n->blen);
	if (n->store == NULL || n->hold == NULL)
		return ENOMEM;
	reset(n);
	n->ifi = i;
	n->bound = true;
	n->detached = false;
	return 0;
}

static int
do_stats(struct sim *s, struct sim_node *n, void *arg)
{
	struct dw_bpf_stat	*st = arg;

	(void)s;
	st->recv = n->recv;
	st->drop = n->drop;
	return 0;
}

/* Only the low byte is read. */
static int
do_immediate(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	n->immediate = *(uint8_t *)arg != 0;
	return 0;
}

static int
do_srtimeout(struct sim *s, struct sim_node *n, void *arg)
{
	struct dw_timeval	*tv = arg;

	(void)s;
	n->timeout_ms = tv->sec * 1000 + tv->usec / 1000;
	return 0;
}

static int
do_grtimeout(struct sim *s, struct sim_node *n, void *arg)
{
	struct dw_timeval	*tv = arg;

	(void)s;
	memset(tv, 0, sizeof(*tv));
	tv->sec = n->timeout_ms / 1000;
	tv->usec = (int32_t)(n->timeout_ms % 1000 * 1000);
	return 0;
}

static int
do_ghdrcmplt(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(uint32_t *)arg = n->hdrcmplt;
	return 0;
}

static int
do_shdrcmplt(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	if (n->batch && *(uint32_t *)arg == 0)
		return EINVAL;	/* facts 2.6 */
	n->hdrcmplt = *(uint32_t *)arg != 0;
	return 0;
}

static int
do_gseesent(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(uint32_t *)arg = n->direction != DW_BPF_D_IN;
	return 0;
}

static int
do_sseesent(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	n->direction = *(uint32_t *)arg != 0 ? 3 : DW_BPF_D_IN;
	return 0;
}

static int
do_settc(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	if (n->batch && *(int32_t *)arg != 0)
		return EINVAL;
	n->tc = *(int32_t *)arg;
	return 0;
}

static int
do_exthdr(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	n->exthdr = *(uint32_t *)arg != 0;
	return 0;
}

static int
do_attachcount(struct sim *s, struct sim_node *n, void *arg)
{
	struct dw_ifreq		*r = arg;
	const struct sim_node	*o;
	int			 i;

	(void)n;
	if ((i = sim_find(s, r->name)) == -1)
		return ENXIO;
	r->u.value = 0;
	for (o = s->nodes; o < s->nodes + SIM_NODES; o++)
		r->u.value += o->open && o->ifi == i;
	return 0;
}

static int
do_gheaddrop(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(int32_t *)arg = n->headdrop;
	return 0;
}

static int
do_sheaddrop(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	n->headdrop = *(int32_t *)arg != 0;
	return 0;
}

static int
do_gdirection(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(int32_t *)arg = n->direction;
	return 0;
}

static int
do_sdirection(struct sim *s, struct sim_node *n, void *arg)
{
	int32_t	v = *(int32_t *)arg;

	(void)s;
	if (v < 0 || v > 3)
		return EINVAL;
	n->direction = v;
	return 0;
}

static int
do_swritemax(struct sim *s, struct sim_node *n, void *arg)
{
	uint32_t	v = *(uint32_t *)arg;

	(void)s;
	if (v > WRITE_MAX)
		return EINVAL;
	n->writemax = v;
	return 0;
}

static int
do_gwritemax(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(uint32_t *)arg = n->writemax;
	return 0;
}

/* facts 2.6 */
static int
do_sbatch(struct sim *s, struct sim_node *n, void *arg)
{
	bool	on = *(int32_t *)arg != 0;

	(void)s;
	if (on && (!n->hdrcmplt || n->tc != 0))
		return EINVAL;
	n->batch = on;
	return 0;
}

static int
do_gbatch(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(int32_t *)arg = n->batch;
	return 0;
}

static int
do_snotstamp(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	n->notstamp = *(int32_t *)arg != 0;
	return 0;
}

static int
do_gnotstamp(struct sim *s, struct sim_node *n, void *arg)
{
	(void)s;
	*(int32_t *)arg = n->notstamp;
	return 0;
}

static int
do_sdvrtin(struct sim *s, struct sim_node *n, void *arg)
{
	int	*owner, me = (int)(n - s->nodes);

	if (n->ifi == -1)
		return ENXIO;
	owner = &s->ifs[n->ifi].dvrtin;
	if (*(int32_t *)arg != 0) {
		if (*owner != -1)
			return EALREADY;
		*owner = me;
	} else {
		if (*owner != me)
			return EINVAL;
		*owner = -1;
	}
	return 0;
}

static int
do_gdvrtin(struct sim *s, struct sim_node *n, void *arg)
{
	if (n->ifi == -1)
		return ENXIO;
	*(int32_t *)arg = s->ifs[n->ifi].dvrtin == (int)(n - s->nodes);
	return 0;
}

static int
set_filter(struct sim_node *n, const struct dw_bpf_program *p,
    const struct sim_mem *mem)
{
	struct dw_bpf_insn	*f = NULL;
	int			 error;

	if (p->len > INSNS)
		return EINVAL;
	if (p->len > 0) {
		if ((f = calloc(p->len, sizeof(*f))) == NULL)
			return ENOMEM;
		error = mem->in(f, p->insns, p->len * sizeof(*f), mem->arg);
		if (error != 0) {
			free(f);
			return error;
		}
	}
	free(n->filter);
	n->filter = f;
	n->nfilter = p->len;
	return 0;
}

static const struct request {
	uint32_t	request;
	enum sim_release since;
	int		(*run)(struct sim *s, struct sim_node *n, void *arg);
} requests[] = {
	{ DW_BIOCGBLEN, SIM_12, do_gblen },
	{ DW_BIOCSBLEN, SIM_12, do_sblen },
	{ DW_BIOCFLUSH, SIM_12, do_flush },
	{ DW_BIOCPROMISC, SIM_12, do_promisc },
	{ DW_BIOCGDLT, SIM_12, do_gdlt },
	{ DW_BIOCGETIF, SIM_12, do_getif },
	{ DW_BIOCSETIF, SIM_12, do_setif },
	{ DW_BIOCSRTIMEOUT, SIM_12, do_srtimeout },
	{ DW_BIOCGRTIMEOUT, SIM_12, do_grtimeout },
	{ DW_BIOCGSTATS, SIM_12, do_stats },
	{ DW_BIOCIMMEDIATE, SIM_12, do_immediate },
	{ DW_BIOCGHDRCMPLT, SIM_12, do_ghdrcmplt },
	{ DW_BIOCSHDRCMPLT, SIM_12, do_shdrcmplt },
	{ DW_BIOCGSEESENT, SIM_12, do_gseesent },
	{ DW_BIOCSSEESENT, SIM_12, do_sseesent },
	{ DW_BIOCSETTC, SIM_12, do_settc },
	{ DW_BIOCSEXTHDR, SIM_12, do_exthdr },
	{ DW_BIOCGIFATTACHCOUNT, SIM_12, do_attachcount },
	{ DW_BIOCGHEADDROP, SIM_12, do_gheaddrop },
	{ DW_BIOCSHEADDROP, SIM_12, do_sheaddrop },
	{ DW_BIOCGDIRECTION, SIM_14_0, do_gdirection },
	{ DW_BIOCSDIRECTION, SIM_14_0, do_sdirection },
	{ DW_BIOCSWRITEMAX, SIM_14_4, do_swritemax },
	{ DW_BIOCGWRITEMAX, SIM_14_4, do_gwritemax },
	{ DW_BIOCGBATCHWRITE, SIM_14_4, do_gbatch },
	{ DW_BIOCSBATCHWRITE, SIM_14_4, do_sbatch },
	{ DW_BIOCGNOTSTAMP, SIM_15_4, do_gnotstamp },
	{ DW_BIOCSNOTSTAMP, SIM_15_4, do_snotstamp },
	{ DW_BIOCSDVRTIN, SIM_15_4, do_sdvrtin },
	{ DW_BIOCGDVRTIN, SIM_15_4, do_gdvrtin },
};

static int
run_ioctl(struct sim *s, struct sim_node *n, uint32_t request, void *arg,
    const struct sim_mem *mem)
{
	size_t	i;
	int	error;

	if (request == DW_BIOCSETF || request == DW_BIOCSETFNR) {
		if ((error = set_filter(n, arg, mem)) == 0 &&
		    request == DW_BIOCSETF)
			reset(n);
		return error;
	}
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].request == request &&
		    s->release >= requests[i].since)
			return requests[i].run(s, n, arg);
	return EINVAL;		/* facts 2.2: unknown */
}

int
sim_ioctl(struct sim *s, unsigned int node, uint32_t request, void *arg,
    const struct sim_mem *mem)
{
	int	error;

	s->calls++;
	if ((error = sim_failing(s, request, false)) != 0 ||
	    (error = run_ioctl(s, &s->nodes[node], request, arg, mem)) != 0)
		return error;
	return sim_failing(s, request, true);
}

/* Frames in. */

static uint32_t
load(const uint8_t *p, size_t len, uint32_t at, unsigned int size, bool *ok)
{
	uint32_t	v = 0;
	unsigned int	i;

	if (at > len || len - at < size) {
		*ok = false;
		return 0;
	}
	for (i = 0; i < size; i++)
		v = v << 8 | p[at + i];
	return v;
}

/* How much of the frame the filter wants: loads from fixed places, jumps on
 * constants, and returns are modelled; all else wants nothing. */
static uint32_t
filter(const struct sim_node *n, const uint8_t *p, size_t len)
{
	const struct dw_bpf_insn	*i;
	uint32_t			 a = 0, pc;
	bool				 ok = true;

	if (n->filter == NULL)
		return UINT32_MAX;
	for (pc = 0; pc < n->nfilter && ok; pc++) {
		i = &n->filter[pc];
		switch (i->code) {
		case 0x20: a = load(p, len, i->k, 4, &ok); break;
		case 0x28: a = load(p, len, i->k, 2, &ok); break;
		case 0x30: a = load(p, len, i->k, 1, &ok); break;
		case 0x05: pc += i->k; break;
		case 0x15: pc += a == i->k ? i->jt : i->jf; break;
		case 0x25: pc += a > i->k ? i->jt : i->jf; break;
		case 0x35: pc += a >= i->k ? i->jt : i->jf; break;
		case 0x45: pc += (a & i->k) != 0 ? i->jt : i->jf; break;
		case 0x06: return i->k;
		default: return 0;
		}
	}
	return 0;
}

/* facts 2.4: store becomes hold, when that is free. */
static bool
rotate(struct sim_node *n)
{
	uint8_t	*t = n->hold;

	if (n->hlen > 0 || n->slen == 0)
		return n->hlen > 0;
	n->hold = n->store;
	n->store = t;
	n->hlen = n->slen;
	n->slen = 0;
	return true;
}

static void
catch(struct sim *s, struct sim_node *n, const uint8_t *frame, size_t len,
    size_t cap)
{
	size_t			hdr = n->exthdr ? EXTHDR : HDR, total, at;
	struct dw_bpf_hdr	h;

	total = hdr + cap;
	if (total > n->blen)
		total = n->blen;	/* cut, facts 2.4 */
	cap = total - hdr;
	at = ALIGN4(n->slen);
	if (at + total > n->blen) {
		if (n->hlen > 0) {
			n->drop++;
			if (!n->headdrop)
				return;
			n->hlen = 0;
		}
		rotate(n);
		at = 0;
		wake(s, n);
	}
	memset(n->store + n->slen, 0xa5, at - n->slen);
	memset(&h, 0, sizeof(h));
	h.sec = n->notstamp ? 0 : CLOCK + (int32_t)(s->now / 1000);
	h.usec = n->notstamp ? 0 : (int32_t)(s->now % 1000 * 1000);
	h.caplen = (uint32_t)cap;
	h.datalen = (uint32_t)len;
	h.hdrlen = (uint16_t)hdr;
	/* What is past the 18 bytes is no zero in a real one. */
	memset(n->store + at, 0xa5, hdr);
	memcpy(n->store + at, &h, HDR);
	memcpy(n->store + at + hdr, frame, cap);
	n->slen = at + total;
	if (n->immediate)
		wake(s, n);
}

void
sim_tap(struct sim *s, int i, const uint8_t *frame, size_t len, bool outgoing)
{
	struct sim_node	*n;
	uint32_t	 want;

	for (n = s->nodes; n < s->nodes + SIM_NODES; n++) {
		if (!n->open || n->ifi != i ||
		    (n->direction & (outgoing ? 2 : 1)) == 0)
			continue;
		n->recv++;
		if ((want = filter(n, frame, len)) > 0)
			catch(s, n, frame, len, want < len ? want : len);
	}
}

/* facts 2.4, 2.7: that the interface went, poll and kqueue do not tell. */
bool
sim_readable(const struct sim *s, unsigned int node)
{
	const struct sim_node	*n = &s->nodes[node];

	return n->hlen > 0 || (n->immediate && n->slen > 0);
}

int
sim_read(struct sim *s, unsigned int node, size_t size, bool nonblock,
    bool expired, const uint8_t **data, size_t *len)
{
	struct sim_node	*n = &s->nodes[node];
	int		 error;

	s->calls++;
	*data = NULL;
	*len = 0;
	if ((error = sim_failing(s, SIM_READ, false)) != 0)
		return error;
	if (size != n->blen)
		return EINVAL;
	/* What is there comes first, also after the interface went. */
	if (n->hlen == 0 && (n->immediate || nonblock || expired ||
	    n->ifi == -1))
		rotate(n);
	if (n->hlen > 0) {
		*data = n->hold;
		*len = n->hlen;
		n->hlen = 0;
		return 0;
	}
	if (n->ifi == -1)
		return ENXIO;
	return expired ? 0 : EAGAIN;
}

/* Frames out. */

/* facts 2.5, by release. */
static int
frame_check(struct sim *s, const struct sim_node *n, size_t len)
{
	size_t	mtu = (size_t)s->ifs[n->ifi].mtu;

	if (s->release <= SIM_13) {
		if (len > DW_BPF_WRITE_12 || len < 14)
			return EIO;
		return len - 14 > mtu ? EMSGSIZE : 0;
	}
	if (n->writemax > 0)
		return len > WRITE_MAX ? EMSGSIZE : 0;
	return len > mtu + 14 + DW_BPF_TAG ? EMSGSIZE : 0;
}

static int
write_one(struct sim *s, struct sim_node *n, const uint8_t *data, size_t size)
{
	uint8_t	*frame;
	int	 error;

	if ((error = frame_check(s, n, size)) != 0)
		return error;
	if (n->hdrcmplt) {
		sim_transmit(s, n->ifi, data, size);
		return 0;
	}
	/* facts 2.5: the source is overwritten, IPv4 must be attached. */
	if (!s->ifs[n->ifi].inet)
		return ENXIO;
	if (size < 14 || (frame = malloc(size)) == NULL)
		return ENOBUFS;
	memcpy(frame, data, size);
	memcpy(frame + 6, s->ifs[n->ifi].mac, 6);
	sim_transmit(s, n->ifi, frame, size);
	free(frame);
	return 0;
}

/* facts 2.6: check only; send; or send all but the last, which the queue of the
 * interface does not take. */
enum batch_mode { BATCH_CHECK, BATCH_SEND, BATCH_LAST_LOST };

/* *DONE is what was looked at. */
static int
batch(struct sim *s, struct sim_node *n, const uint8_t *data, size_t size,
    enum batch_mode mode, size_t *done)
{
	struct dw_bpf_hdr	h;
	const uint8_t		*frame;
	size_t			 at = 0;
	int			 error;

	while (size - at >= HDR_SIZEOF) {
		memcpy(&h, data + at, HDR_SIZEOF);
		if (h.hdrlen < HDR || h.caplen != h.datalen ||
		    h.hdrlen > size - at || h.caplen > size - at - h.hdrlen)
			return EINVAL;
		if (h.caplen > 0 && mode == BATCH_CHECK &&
		    (error = frame_check(s, n, h.caplen)) != 0)
			return error;
		frame = data + at + h.hdrlen;
		at = ALIGN4(at + h.hdrlen + h.caplen);
		if (at > size)
			at = size;
		if (h.caplen > 0 && (mode == BATCH_SEND ||
		    (mode == BATCH_LAST_LOST && size - at >= HDR_SIZEOF)))
			sim_transmit(s, n->ifi, frame, h.caplen);
	}
	*done = at;
	return 0;
}

/* A whole batch is checked first, facts 2.6; FAIL is the queue's, which only the
 * last frame tells. */
static int
write_batch(struct sim *s, struct sim_node *n, const uint8_t *data,
    size_t size, int fail, size_t *done)
{
	int	error;

	if ((error = batch(s, n, data, size, BATCH_CHECK, done)) != 0)
		return error;
	(void)batch(s, n, data, size, fail != 0 ? BATCH_LAST_LOST : BATCH_SEND,
	    done);
	return fail;
}

int
sim_write(struct sim *s, unsigned int node, const uint8_t *data, size_t size,
    size_t *done)
{
	struct sim_node	*n = &s->nodes[node];
	int		 fail;

	s->calls++;
	*done = size;
	if (n->ifi == -1)
		return ENXIO;
	fail = sim_failing(s, SIM_WRITE, false);
	if (fail != 0 && !(n->batch && fail == ENOBUFS))
		return fail;
	if ((s->ifs[n->ifi].flags & DW_IFF_UP) == 0)
		return ENETDOWN;
	if (size == 0)
		return 0;
	return n->batch ? write_batch(s, n, data, size, fail, done) :
	    write_one(s, n, data, size);
}

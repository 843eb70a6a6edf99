/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cbpf.h. Called by capture_open.c (check), warden_capture.c (check again)
 * and capture.c (run). Jumps go forward only, so a program of N instructions
 * ends after N steps at most. What the Linux kernel takes beyond classic BPF
 * (offsets from 0x80000000 up, that name its own data about a frame) is refused:
 * it would mean nothing on a relayed frame.
 */
#include <errno.h>
#include <stdbool.h>

#include "bounds.h"
#include "cbpf.h"

#define MEMWORDS	16

/* Class, and within it size and mode, or operation and source. */
enum { LD = 0x00, LDX = 0x01, ST = 0x02, STX = 0x03, ALU = 0x04, JMP = 0x05,
    RET = 0x06, MISC = 0x07 };
enum { W = 0x00, H = 0x08, B = 0x10 };
enum { IMM = 0x00, ABS = 0x20, IND = 0x40, MEM = 0x60, LEN = 0x80, MSH = 0xa0 };
enum { ADD = 0x00, SUB = 0x10, MUL = 0x20, DIV = 0x30, OR = 0x40, AND = 0x50,
    LSH = 0x60, RSH = 0x70, NEG = 0x80, MOD = 0x90, XOR = 0xa0 };
enum { JA = 0x00, JEQ = 0x10, JGT = 0x20, JGE = 0x30, JSET = 0x40 };
enum { K = 0x00, X = 0x08, A = 0x10 };	/* A: of RET */
enum { TAX = 0x00, TXA = 0x80 };

#define CLASS(code)	((code) & 0x07)
#define OP(code)	((code) & 0xf0)
#define SRC(code)	((code) & 0x08)

/* What there is to look at in an instruction, beside its code. */
enum look { UNKNOWN, NOTHING, OFFSET, MEMORY, STORE, DIVISOR, SHIFT, JUMP,
    BRANCH };

static const uint8_t	looks[256] = {
	[LD | W | ABS] = OFFSET, [LD | H | ABS] = OFFSET,
	[LD | B | ABS] = OFFSET, [LD | W | IND] = OFFSET,
	[LD | H | IND] = OFFSET, [LD | B | IND] = OFFSET,
	[LD | W | LEN] = NOTHING, [LD | IMM] = NOTHING, [LD | MEM] = MEMORY,
	[LDX | W | LEN] = NOTHING, [LDX | B | MSH] = OFFSET,
	[LDX | IMM] = NOTHING, [LDX | MEM] = MEMORY,
	[ST] = STORE, [STX] = STORE,
	[ALU | ADD | K] = NOTHING, [ALU | ADD | X] = NOTHING,
	[ALU | SUB | K] = NOTHING, [ALU | SUB | X] = NOTHING,
	[ALU | MUL | K] = NOTHING, [ALU | MUL | X] = NOTHING,
	[ALU | DIV | K] = DIVISOR, [ALU | DIV | X] = NOTHING,
	[ALU | MOD | K] = DIVISOR, [ALU | MOD | X] = NOTHING,
	[ALU | AND | K] = NOTHING, [ALU | AND | X] = NOTHING,
	[ALU | OR | K] = NOTHING, [ALU | OR | X] = NOTHING,
	[ALU | XOR | K] = NOTHING, [ALU | XOR | X] = NOTHING,
	[ALU | LSH | K] = SHIFT, [ALU | LSH | X] = NOTHING,
	[ALU | RSH | K] = SHIFT, [ALU | RSH | X] = NOTHING,
	[ALU | NEG] = NOTHING,
	[JMP | JA] = JUMP,
	[JMP | JEQ | K] = BRANCH, [JMP | JEQ | X] = BRANCH,
	[JMP | JGT | K] = BRANCH, [JMP | JGT | X] = BRANCH,
	[JMP | JGE | K] = BRANCH, [JMP | JGE | X] = BRANCH,
	[JMP | JSET | K] = BRANCH, [JMP | JSET | X] = BRANCH,
	[RET | K] = NOTHING, [RET | A] = NOTHING,
	[MISC | TAX] = NOTHING, [MISC | TXA] = NOTHING,
};

/* What is wrong with the instruction I, which LEFT others follow; or NULL. */
static const char *
insn_wrong(const struct cbpf_insn *i, unsigned int left)
{
	switch (i->code < 256 ? looks[i->code] : UNKNOWN) {
	case UNKNOWN:
		return "no such instruction";
	case OFFSET:
		return i->k > INT32_MAX ? "an offset beyond any frame" : NULL;
	case MEMORY:
	case STORE:
		return i->k >= MEMWORDS ? "there are 16 words of memory" : NULL;
	case DIVISOR:
		return i->k == 0 ? "division by 0" : NULL;
	case SHIFT:
		return i->k >= 32 ? "a shift by 32 bits or more" : NULL;
	case JUMP:
		return i->k >= left ? "jumps behind the end" : NULL;
	case BRANCH:
		return i->jt >= left || i->jf >= left ?
		    "jumps behind the end" : NULL;
	default:
		return NULL;
	}
}

/*
 * No word of memory may be read on a path on which it was not written. MASK[i]
 * has a bit for each word that was written on all ways to instruction i.
 */
static bool
memory_ok(const struct cbpf_insn *prog, unsigned int n, unsigned int *at)
{
	uint16_t	 mask[BOUND_FILTER], have = 0;
	unsigned int	 i;

	for (i = 0; i < n; i++)
		mask[i] = UINT16_MAX;
	for (i = 0; i < n; i++) {
		have &= mask[i];
		switch (looks[prog[i].code]) {
		case STORE:
			have |= (uint16_t)(1 << prog[i].k);
			break;
		case MEMORY:
			if ((have & 1 << prog[i].k) == 0) {
				*at = i;
				return false;
			}
			break;
		case JUMP:
			mask[i + 1 + prog[i].k] &= have;
			have = UINT16_MAX;
			break;
		case BRANCH:
			mask[i + 1 + prog[i].jt] &= have;
			mask[i + 1 + prog[i].jf] &= have;
			have = UINT16_MAX;
			break;
		default:
			break;
		}
	}
	return true;
}

int
cbpf_check(const struct cbpf_insn *prog, unsigned int n, unsigned int *at,
    const char **why)
{
	unsigned int	i;

	*at = n;
	*why = "has no instruction, or too many";
	if (n == 0 || n > BOUND_FILTER)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		*at = i;
		if ((*why = insn_wrong(&prog[i], n - i - 1)) != NULL)
			return -EINVAL;
	}
	*why = "the last instruction must return";
	if (CLASS(prog[n - 1].code) != RET)
		return -EINVAL;
	*why = "reads memory that is not written before";
	return memory_ok(prog, n, at) ? 0 : -EINVAL;
}

/* Running. */

struct machine {
	const uint8_t	*frame;
	size_t		len;
	uint32_t	a, x;
	uint32_t	mem[MEMWORDS];
	bool		stop;		/* read behind the frame, or / 0 */
};

static uint32_t
fetch(struct machine *m, uint64_t at, unsigned int size)
{
	uint32_t	v = 0;
	unsigned int	i;

	if (at + size > m->len) {
		m->stop = true;
		return 0;
	}
	for (i = 0; i < size; i++)
		v = v << 8 | m->frame[at + i];
	return v;
}

static uint32_t
load(struct machine *m, const struct cbpf_insn *i)
{
	static const unsigned int	size[] = { 4, 2, 1, 0 };

	switch (i->code & 0xe0) {
	case ABS:
		return fetch(m, i->k, size[i->code >> 3 & 3]);
	case IND:
		return fetch(m, (uint64_t)m->x + i->k, size[i->code >> 3 & 3]);
	case MSH:
		return (fetch(m, i->k, 1) & 0x0f) * 4;
	case MEM:
		return m->mem[i->k % MEMWORDS];
	case LEN:
		return (uint32_t)m->len;
	default:
		return i->k;
	}
}

static uint32_t
compute(struct machine *m, uint16_t code, uint32_t v)
{
	switch (OP(code)) {
	case ADD:
		return m->a + v;
	case SUB:
		return m->a - v;
	case MUL:
		return m->a * v;
	case DIV:
	case MOD:
		if ((m->stop = v == 0))
			return 0;
		return OP(code) == DIV ? m->a / v : m->a % v;
	case AND:
		return m->a & v;
	case OR:
		return m->a | v;
	case XOR:
		return m->a ^ v;
	case LSH:
		return v < 32 ? m->a << v : 0;
	case RSH:
		return v < 32 ? m->a >> v : 0;
	default:
		return -m->a;
	}
}

static bool
holds(const struct machine *m, uint16_t code, uint32_t v)
{
	switch (OP(code)) {
	case JEQ:
		return m->a == v;
	case JGT:
		return m->a > v;
	case JGE:
		return m->a >= v;
	default:
		return (m->a & v) != 0;
	}
}

uint32_t
cbpf_run(const struct cbpf_insn *prog, const uint8_t *frame, size_t len)
{
	struct machine		 m = { .frame = frame, .len = len };
	const struct cbpf_insn	*i;

	for (i = prog; !m.stop; i++) {
		switch (CLASS(i->code)) {
		case LD:
			m.a = load(&m, i);
			break;
		case LDX:
			m.x = load(&m, i);
			break;
		case ST:
			m.mem[i->k % MEMWORDS] = m.a;
			break;
		case STX:
			m.mem[i->k % MEMWORDS] = m.x;
			break;
		case ALU:
			m.a = compute(&m, i->code, SRC(i->code) ? m.x : i->k);
			break;
		case JMP:
			if (OP(i->code) == JA)
				i += i->k;
			else
				i += holds(&m, i->code, SRC(i->code) ? m.x :
				    i->k) ? i->jt : i->jf;
			break;
		case RET:
			return (i->code & A) != 0 ? m.a : i->k;
		default:
			if (OP(i->code) == TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet code of fethc, with frames that a Linux kernel sent, cut and bent
 * at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack.h"

/* The kernel: 02:00:00:00:00:aa, 10.253.7.1, fd66:6574:6800::1. We are
 * 02:00:00:00:00:bb with the .2 and ::2 of these. */
#define ARP	"ffffffffffff0200000000aa08060001080006040001"\
		"0200000000aa0afd07010000000000000afd0702"
#define ARP_REPLY "0200000000aa0200000000bb08060001080006040002"\
		"0200000000bb0afd07020200000000aa0afd0701"
#define ECHO4	"0200000000bb0200000000aa08004500002ce0d4400040013600"\
		"0afd07010afd0702080028c77efd0001"\
		"253a056b000000001b950a0000000000"
#define ECHO6	"0200000000bb0200000000aa86dd600d285400183a40"\
		"fd666574680000000000000000000001"\
		"fd666574680000000000000000000002"\
		"80009d457f300001273a056b0000000096d60a0000000000"
#define SOLICIT	"3333ff0000020200000000aa86dd6000000000203aff"\
		"fd666574680000000000000000000001"\
		"ff0200000000000000000001ff000002"\
		"8700e13800000000fd666574680000000000000000000002"\
		"01010200000000aa"
/* Duplicate address detection, for the kernel's own link-local address. */
#define PROBE	"3333ff0000aa0200000000aa86dd6000000000203aff"\
		"00000000000000000000000000000000"\
		"ff0200000000000000000001ff0000aa"\
		"8700eac600000000fe80000000000000000000fffe0000aa"\
		"0e01fe63ac3fd85f"
/* Multicast listener report (with an extension header), router solicitation. */
#define MLD	"3333000000160200000000aa86dd600000000038000100000000000000000"\
		"000000000000000ff0200000000000000000000000000163a0005020000"\
		"01008f006cc50000000204000000ff0200000000000000000001ff000001"\
		"04000000ff0200000000000000000001ff0000aa"
#define ROUTER	"3333000000020200000000aa86dd6000000000103afffe800000000000000"\
		"00000fffe0000aaff020000000000000000000000000002850079da00000"\
		"00001010200000000aa"

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 0xbb };
static const uint8_t kernel_mac[6] = { 2, 0, 0, 0, 0, 0xaa };

static size_t
unhex(const char *text, uint8_t *out)
{
	size_t n = 0;
	unsigned int v;

	for (; *text != '\0'; text += 2) {
		assert_int_equal(sscanf(text, "%2x", &v), 1);
		out[n++] = (uint8_t)v;
	}
	return n;
}

static struct stack
us(void)
{
	struct stack s;
	struct stack_addr a;

	stack_init(&s, our_mac);
	assert_true(stack_addr("10.253.7.2/30", &a));
	assert_true(stack_add(&s, &a));
	assert_true(stack_addr("fd66:6574:6800::2/64", &a));
	assert_true(stack_add(&s, &a));
	return s;
}

static struct stack
kernel(void)
{
	struct stack s;
	struct stack_addr a;

	stack_init(&s, kernel_mac);
	assert_true(stack_addr("10.253.7.1", &a));
	assert_true(stack_add(&s, &a));
	assert_true(stack_addr("fd66:6574:6800::1", &a));
	assert_true(stack_add(&s, &a));
	return s;
}

static const struct {
	const char	*frame;
	enum stack_kind	kind;
	size_t		answer;		/* its length */
} known[] = {
	{ ARP, STACK_ARP_REQUEST, 42 },
	{ ARP_REPLY, STACK_OTHER, 0 },		/* not to us */
	{ ECHO4, STACK_ECHO4, 58 },
	{ ECHO6, STACK_ECHO6, 78 },
	{ SOLICIT, STACK_SOLICIT, 86 },
	{ PROBE, STACK_SOLICIT, 0 },		/* not for our address */
	{ MLD, STACK_OTHER, 0 },
	{ ROUTER, STACK_OTHER, 0 },
};
#define NKNOWN	(sizeof(known) / sizeof(known[0]))

static void
test_known(void **state)
{
	struct stack s = us();
	uint8_t in[200], out[200];
	size_t i, len, out_len;

	(void)state;
	for (i = 0; i < NKNOWN; i++) {
		len = unhex(known[i].frame, in);
		assert_int_equal(stack_input(&s, in, len, out, sizeof(out),
		    &out_len, NULL), known[i].kind);
		assert_int_equal(out_len, known[i].answer);
	}
}

static void
test_arp_answer(void **state)
{
	struct stack s = us();
	uint8_t in[200], out[200], want[200];
	size_t out_len;

	(void)state;
	unhex(ARP, in);
	stack_input(&s, in, 42, out, sizeof(out), &out_len, NULL);
	assert_int_equal(out_len, unhex(ARP_REPLY, want));
	assert_memory_equal(out, want, out_len);
	/* Padding, as a real Ethernet adds it, changes nothing. */
	memset(in + 42, 0x55, 18);
	stack_input(&s, in, 60, out, sizeof(out), &out_len, NULL);
	assert_int_equal(out_len, 42);
	assert_memory_equal(out, want, out_len);
}

/* What we answer, the asker's stack must take for an answer. */
static void
test_answers_are_good(void **state)
{
	static const struct {
		const char	*frame;
		enum stack_kind	kind;
		const char	*from;
	} cases[] = {
		{ ARP, STACK_ARP_REPLY, "10.253.7.2" },
		{ ECHO4, STACK_ECHO4_REPLY, "10.253.7.2" },
		{ ECHO6, STACK_ECHO6_REPLY, "fd66:6574:6800::2" },
		{ SOLICIT, STACK_ADVERT, "fd66:6574:6800::2" },
	};
	struct stack s = us(), k = kernel();
	struct stack_news news;
	struct stack_addr from;
	uint8_t in[200], out[200], none[200];
	size_t i, len, out_len, none_len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = unhex(cases[i].frame, in);
		stack_input(&s, in, len, out, sizeof(out), &out_len, NULL);
		assert_int_equal(stack_input(&k, out, out_len, none,
		    sizeof(none), &none_len, &news), cases[i].kind);
		assert_int_equal(none_len, 0);
		assert_true(stack_addr(cases[i].from, &from));
		assert_true(stack_addr_equal(&news.from, &from));
		assert_memory_equal(news.mac, our_mac, 6);
		if (news.data != NULL) {
			assert_memory_equal(news.data, in + len - 16, 16);
			assert_int_equal(news.len, 16);
			assert_int_equal(news.seq, 1);
		}
	}
}

/* To :: the answer goes to all nodes, unsolicited. */
static void
test_probe_answer(void **state)
{
	struct stack k = kernel();
	uint8_t in[200], out[200];
	size_t len, out_len;

	(void)state;
	len = unhex(PROBE, in);
	in[6 + 5] = 0xcc;	/* somebody else asks for our address */
	assert_int_equal(stack_input(&k, in, len, out, sizeof(out), &out_len,
	    NULL), STACK_SOLICIT);
	assert_int_equal(out_len, 86);
	assert_memory_equal(out, "\x33\x33\0\0\0\1", 6);
	assert_int_equal(out[14 + 40 + 4], 0x20);
	assert_int_equal(out[14 + 7], 255);
}

/* Cut at every length: never an answer but to the whole; and no byte behind
 * LEN is read (the buffer is exactly as long, for the sanitizers). */
static void
test_truncated(void **state)
{
	struct stack s = us();
	uint8_t whole[200], out[200], *cut;
	char line[300];
	size_t i, n, len, out_len;
	enum stack_kind kind;

	(void)state;
	for (i = 0; i < NKNOWN; i++) {
		len = unhex(known[i].frame, whole);
		for (n = 0; n < len; n++) {
			cut = malloc(n > 0 ? n : 1);
			assert_non_null(cut);
			memcpy(cut, whole, n);
			kind = stack_input(&s, cut, n, out, sizeof(out),
			    &out_len, NULL);
			assert_true(kind == STACK_BAD || kind == STACK_OTHER);
			assert_int_equal(out_len, 0);
			assert_non_null(stack_describe(cut, n, line,
			    sizeof(line)));
			free(cut);
		}
	}
}

/* Every byte with every value: nothing is answered that does not fit, and what
 * is answered goes to who asked. */
static void
test_bent(void **state)
{
	struct stack s = us();
	uint8_t whole[200], out[200], *bent;
	char line[300];
	size_t i, n, len, out_len;
	unsigned int v;

	(void)state;
	for (i = 0; i < NKNOWN; i++) {
		len = unhex(known[i].frame, whole);
		bent = malloc(len);
		assert_non_null(bent);
		for (n = 0; n < len * 256; n++) {
			v = (unsigned int)(n % 256);
			memcpy(bent, whole, len);
			bent[n / 256] = (uint8_t)v;
			stack_input(&s, bent, len, out, sizeof(out), &out_len,
			    NULL);
			assert_true(out_len <= len || out_len <= 86);
			stack_describe(bent, len, line, sizeof(line));
			/* A checksum covers all of it but the Ethernet and, in
			 * IPv6, flow label and hop limit. */
			if (known[i].kind == STACK_ECHO4 && n / 256 >= 14 &&
			    v != whole[n / 256])
				assert_int_equal(out_len, 0);
		}
		free(bent);
	}
}

static const struct {
	const char	*what, *frame;
	size_t		at;
	uint8_t		value;
	enum stack_kind	kind;
} refused[] = {
	{ "another's MAC", ECHO4, 5, 0xbc, STACK_OTHER },
	{ "ARP for another", ARP, 41, 3, STACK_ARP_REQUEST },
	{ "ARP of another hardware", ARP, 15, 6, STACK_OTHER },
	{ "ARP operation", ARP, 21, 9, STACK_OTHER },
	{ "IPv4 version", ECHO4, 14, 0x55, STACK_BAD },
	{ "IPv4 header too short", ECHO4, 14, 0x44, STACK_BAD },
	{ "IPv4 header too long", ECHO4, 14, 0x4f, STACK_BAD },
	{ "IPv4 longer than the frame", ECHO4, 17, 0x2d, STACK_BAD },
	{ "IPv4 shorter than its header", ECHO4, 17, 19, STACK_BAD },
	{ "IPv6 version", ECHO6, 14, 0x40, STACK_BAD },
	{ "IPv6 longer than the frame", ECHO6, 19, 0x19, STACK_BAD },
	{ "ICMPv6 checksum", ECHO6, 56, 0, STACK_BAD },
	{ "ICMPv6 without a whole header", ECHO6, 19, 7, STACK_BAD },
	{ "hop limit of a solicitation", SOLICIT, 21, 254, STACK_BAD },
	{ "VLAN", ECHO4, 12, 0x81, STACK_OTHER },
};

static void
test_refused(void **state)
{
	struct stack s = us();
	uint8_t in[200], out[200];
	size_t i, len, out_len;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		len = unhex(refused[i].frame, in);
		in[refused[i].at] = refused[i].value;
		if (stack_input(&s, in, len, out, sizeof(out), &out_len,
		    NULL) != refused[i].kind || out_len != 0)
			fail_msg("%s", refused[i].what);
	}
}

/* Sum up the IPv4 header of IN anew. */
static void
resum4(uint8_t *in)
{
	uint32_t sum = 0;
	size_t i, n = (size_t)(in[14] & 15) * 4;

	in[24] = in[25] = 0;
	for (i = 0; i < n; i += 2)
		sum += (uint32_t)(in[14 + i] << 8 | in[15 + i]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	in[24] = (uint8_t)(~sum >> 8);
	in[25] = (uint8_t)~sum;
}

static void
test_ip4_more(void **state)
{
	struct stack s = us();
	uint8_t in[200], out[200];
	size_t len, out_len;

	(void)state;
	/* A fragment. */
	len = unhex(ECHO4, in);
	in[20] = 0x20;
	resum4(in);
	assert_int_equal(stack_input(&s, in, len, out, sizeof(out), &out_len,
	    NULL), STACK_OTHER);
	assert_int_equal(out_len, 0);
	/* Options: answered without them. */
	len = unhex(ECHO4, in);
	memmove(in + 38, in + 34, len - 34);
	memcpy(in + 34, "\1\1\1\0", 4);
	in[14] = 0x46;
	in[17] += 4;
	resum4(in);
	assert_int_equal(stack_input(&s, in, len + 4, out, sizeof(out),
	    &out_len, NULL), STACK_ECHO4);
	assert_int_equal(out_len, len);
	/* From a group: never answered. */
	len = unhex(ECHO4, in);
	in[26] = 224;
	resum4(in);
	stack_input(&s, in, len, out, sizeof(out), &out_len, NULL);
	assert_int_equal(out_len, 0);
	/* No room for the answer. */
	len = unhex(ECHO4, in);
	stack_input(&s, in, len, out, len - 1, &out_len, NULL);
	assert_int_equal(out_len, 0);
	stack_input(&s, in, len, out, len, &out_len, NULL);
	assert_int_equal(out_len, len);
}

static void
test_questions(void **state)
{
	static const char *const targets[] = { "10.253.7.1",
	    "fd66:6574:6800::1", "fe80::ff:fe00:aa" };
	struct stack s = us(), k = kernel();
	struct stack_news news;
	struct stack_addr a;
	uint8_t out[200], answer[200], none[200], data[20] = "0123456789";
	size_t i, len, answer_len, none_len;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_true(stack_addr(targets[i], &a));
		len = stack_ask(&s, &a, out, sizeof(out));
		assert_true(len > 0);
		assert_int_equal(stack_ask(&s, &a, out, len - 1), 0);
		stack_ask(&s, &a, out, sizeof(out));
		stack_input(&k, out, len, answer, sizeof(answer), &answer_len,
		    NULL);
		assert_true(answer_len > 0);
		stack_input(&s, answer, answer_len, none, sizeof(none),
		    &none_len, &news);
		assert_true(stack_addr_equal(&news.from, &a));
		assert_memory_equal(news.mac, kernel_mac, 6);

		len = stack_echo(&s, &a, news.mac, 77, 65535, data,
		    sizeof(data), out, sizeof(out));
		assert_true(len > 0);
		assert_true(stack_input(&k, out, len, answer, sizeof(answer),
		    &answer_len, NULL) != STACK_BAD);
		assert_int_equal(answer_len, len);
		stack_input(&s, answer, answer_len, none, sizeof(none),
		    &none_len, &news);
		assert_int_equal(news.id, 77);
		assert_int_equal(news.seq, 65535);
		assert_int_equal(news.ttl, 64);
		assert_int_equal(news.len, sizeof(data));
		assert_memory_equal(news.data, data, sizeof(data));
		assert_int_equal(stack_echo(&s, &a, news.mac, 1, 1, data,
		    sizeof(data), out, STACK_HEADROOM), 0);
	}
	/* Without an IPv4 address there is nothing to ask from. */
	stack_init(&s, our_mac);
	assert_true(stack_addr("10.253.7.1", &a));
	assert_int_equal(stack_ask(&s, &a, out, sizeof(out)), 0);
	assert_null(stack_source(&s, 4));
	assert_non_null(stack_source(&s, 6));
}

/* The kernel's own question, byte for byte. */
static void
test_same_as_kernel(void **state)
{
	struct stack k = kernel();
	struct stack_addr a;
	uint8_t want[200], out[200];
	size_t len;

	(void)state;
	len = unhex(ARP, want);
	assert_true(stack_addr("10.253.7.2", &a));
	assert_int_equal(stack_ask(&k, &a, out, sizeof(out)), len);
	assert_memory_equal(out, want, len);
	len = unhex(SOLICIT, want);
	assert_true(stack_addr("fd66:6574:6800::2", &a));
	assert_int_equal(stack_ask(&k, &a, out, sizeof(out)), len);
	assert_memory_equal(out, want, len);
}

static void
test_texts(void **state)
{
	static const char *const bad_macs[] = { "", "02", "02:00:00:00:00",
	    "02:00:00:00:00:0", "02:00:00:00:00:0g", "02:00:00:00:00:aa:",
	    "02-00-00-00-00-aa", " 2:00:00:00:00:aa", "2:000:00:00:00:aa" };
	static const char *const bad_addrs[] = { "", "/", "10.0.0",
	    "10.0.0.256", "fd66:::1", "10.0.0.1.2", "x",
	    "11111111111111111111111111111111111111111111:1111" };
	struct stack_addr a;
	struct stack s;
	uint8_t mac[6];
	char buf[STACK_ADDRSTRLEN];
	size_t i;

	(void)state;
	assert_true(stack_mac("02:00:00:00:00:Bb", mac));
	assert_memory_equal(mac, our_mac, 6);
	for (i = 0; i < sizeof(bad_macs) / sizeof(bad_macs[0]); i++)
		assert_false(stack_mac(bad_macs[i], mac));
	for (i = 0; i < sizeof(bad_addrs) / sizeof(bad_addrs[0]); i++)
		assert_false(stack_addr(bad_addrs[i], &a));
	assert_true(stack_addr("fd66::1/64", &a));
	assert_string_equal(stack_addr_text(&a, buf), "fd66::1");
	stack_init(&s, our_mac);
	assert_string_equal(stack_addr_text(&s.addr[0], buf),
	    "fe80::ff:fe00:bb");
	while (s.naddr < STACK_ADDRESSES)
		assert_true(stack_add(&s, &a));
	assert_false(stack_add(&s, &a));
}

static void
test_describe(void **state)
{
	static const struct {
		const char	*frame, *text;
	} cases[] = {
		{ ARP, "02:00:00:00:00:aa > ff:ff:ff:ff:ff:ff type 0806 len "
		    "42: arp who-has 10.253.7.2 tell 10.253.7.1" },
		{ ECHO4, "10.253.7.1 > 10.253.7.2 echo request id 32509 seq "
		    "1" },
		{ ECHO6, "fd66:6574:6800::1 > fd66:6574:6800::2 echo6 request "
		    "id 32560 seq 1" },
		{ SOLICIT, "nd who-has fd66:6574:6800::2 tell "
		    "fd66:6574:6800::1" },
		{ ROUTER, "fe80::ff:fe00:aa > ff02::2" },
		{ "0200000000bb0200000000aa88b5", "type 88b5 len 14" },
		{ "0200000000bb0200000000aa0800", "len 14: malformed" },
		{ "0200", "2 bytes: too short" },
	};
	uint8_t in[200];
	char line[300];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = unhex(cases[i].frame, in);
		stack_describe(in, len, line, sizeof(line));
		if (strstr(line, cases[i].text) == NULL)
			fail_msg("%s\n  lacks %s", line, cases[i].text);
	}
	/* A part of a good frame is not a bad one. */
	for (i = 14; i < 58; i++) {
		len = unhex(ECHO4, in);
		assert_int_equal(len, 58);
		stack_describe_cut(in, i, len, line, sizeof(line));
		assert_string_equal(line, "02:00:00:00:00:aa > "
		    "02:00:00:00:00:bb type 0800 len 58");
	}
	for (i = 0; i < STACK_KINDS; i++)
		assert_non_null(stack_kind_names[i]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_arp_answer),
		cmocka_unit_test(test_answers_are_good),
		cmocka_unit_test(test_probe_answer),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bent),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ip4_more),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_same_as_kernel),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

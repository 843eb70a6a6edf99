/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fethc.h"
#include "port_io.h"
#include "print.h"
#include "stack.h"

static int	ping_run(struct args *a);

const struct command cmd_ping = {
	.name = "ping",
	.usage = "NAME [ADDRESS] [-c N] [-i SECONDS] [-W SECONDS] [options]",
	.help = "ping the other end from a port",
	.options = O_LINK | O_END | O_COUNT | O_INTERVAL | O_WAIT,
	.min = 1,
	.max = 2,
	.run = ping_run,
};

#define DATA_LEN	56
#define SEQS		1024	/* requests whose answers are told apart */

/*
 * One request at each interval. While the other side's MAC is not known, the
 * question for it goes out instead, and the request follows its answer.
 */
struct ping {
	const struct args *a;
	struct port	port;
	struct stack	stack;
	struct stack_addr target;
	char		text[STACK_ADDRSTRLEN];
	uint8_t		mac[6];
	bool		resolved, waiting;	/* waiting: request is due */
	uint16_t	id;
	long		count;
	long		sent, received;
	int64_t		at_us[SEQS];	/* when sent; 0: answered */
	double		min, max, sum;	/* ms */
};

static int64_t
ping_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + 1;
}

/* Request number s->sent. */
static void
ping_request(struct ping *s)
{
	uint8_t data[DATA_LEN];
	size_t i, len;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	s->waiting = false;
	len = stack_echo(&s->stack, &s->target, s->mac, s->id,
	    (uint16_t)s->sent, data, sizeof(data), s->port.out, s->port.size);
	s->at_us[s->sent % SEQS] = ping_clock();
	if (len > 0)
		port_send(&s->port, s->port.out, len);
}

/* The time for the next request has come. */
static void
ping_tick(struct ping *s)
{
	size_t len;

	s->sent++;
	if (s->resolved) {
		ping_request(s);
		return;
	}
	s->waiting = true;
	len = stack_ask(&s->stack, &s->target, s->port.out, s->port.size);
	if (len > 0)
		port_send(&s->port, s->port.out, len);
}

static void
ping_reply_print(const struct ping *s, const struct stack_news *n, double ms)
{
	if (s->a->json)
		printf("{\"from\":\"%s\",\"bytes\":%zu,\"seq\":%u,\"ttl\":%u,"
		    "\"ms\":%.3f}\n", s->text, n->len + 8, n->seq, n->ttl, ms);
	else
		printf("%zu bytes from %s: seq=%u ttl=%u time=%.3f ms\n",
		    n->len + 8, s->text, n->seq, n->ttl, ms);
	fflush(stdout);
}

static void
ping_reply(struct ping *s, const struct stack_news *n)
{
	int64_t *at = &s->at_us[n->seq % SEQS];
	double ms;

	/* An answer to what we did not ask, or once more. */
	if (n->id != s->id || !stack_addr_equal(&n->from, &s->target) ||
	    *at == 0 || (uint16_t)(s->sent - n->seq) >= SEQS)
		return;
	ms = (double)(ping_clock() - *at) / 1000;
	*at = 0;
	if (s->received++ == 0 || ms < s->min)
		s->min = ms;
	if (ms > s->max)
		s->max = ms;
	s->sum += ms;
	ping_reply_print(s, n, ms);
}

static int
ping_frame(void *arg, const uint8_t *frame, size_t len)
{
	struct ping *s = arg;
	struct stack_news news;
	enum stack_kind kind;
	size_t out_len;

	kind = stack_input(&s->stack, frame, len, s->port.out, s->port.size,
	    &out_len, &news);
	/* The other side asks for our MAC before it can answer. */
	if (out_len > 0)
		port_send(&s->port, s->port.out, out_len);
	if ((kind == STACK_ARP_REPLY || kind == STACK_ADVERT) &&
	    stack_addr_equal(&news.from, &s->target)) {
		memcpy(s->mac, news.mac, 6);
		s->resolved = true;
		if (s->waiting)
			ping_request(s);
	}
	if (kind == STACK_ECHO4_REPLY || kind == STACK_ECHO6_REPLY)
		ping_reply(s, &news);
	return s->count > 0 && s->received >= s->count;
}

/* EXIT_DONE, or why it ended before its end. */
static int
ping_loop(struct ping *s)
{
	long interval = s->a->interval_ms > 0 ? s->a->interval_ms : 1000;
	long wait = s->a->wait_ms > 0 ? s->a->wait_ms : 1000;
	int r;

	for (;;) {
		ping_tick(s);
		r = port_loop(&s->port, s->sent == s->count ? wait : interval,
		    ping_frame, s);
		if (r != PORT_TIMEOUT || s->sent == s->count)
			return r < PORT_STOPPED ? r : EXIT_DONE;
	}
}

static void
ping_totals(const struct ping *s)
{
	double loss = s->sent > 0 ?
	    100.0 * (double)(s->sent - s->received) / (double)s->sent : 0;
	double avg = s->received > 0 ? s->sum / (double)s->received : 0;

	if (s->a->json) {
		printf("{\"sent\":%ld,\"received\":%ld,\"resolved\":%s,"
		    "\"min_ms\":%.3f,\"avg_ms\":%.3f,\"max_ms\":%.3f}\n",
		    s->sent, s->received, s->resolved ? "true" : "false",
		    s->min, avg, s->max);
		return;
	}
	printf("--- %s ---\n%ld requests, %ld answers, %.0f%% lost\n", s->text,
	    s->sent, s->received, loss);
	if (!s->resolved)
		printf("nobody tells the MAC of that address\n");
	if (s->received > 0)
		printf("round trip min/avg/max %.3f/%.3f/%.3f ms\n", s->min,
		    avg, s->max);
}

/* Whom to ping: the argument after the name, or the other end. */
static int
ping_target(struct ping *s)
{
	const struct args *a = s->a;
	const char *text;

	text = a->argc > 1 ? a->argv[1] : port_address(s->port.link,
	    feth_peer_end(s->port.link), 0);
	if (*text == '\0')
		return usage_error("the other end has no address that is "
		    "known; name one after the link");
	if (!stack_addr(text, &s->target))
		return usage_error("%s is no address", text);
	if (stack_source(&s->stack, s->target.family) == NULL)
		return usage_error("this port has no IPv%d address to ask from",
		    s->target.family);
	stack_addr_text(&s->target, s->text);
	return EXIT_DONE;
}

static int
ping_run(struct args *a)
{
	struct ping s = { .a = a, .count = a->count, .id = (uint16_t)getpid() };
	int r;

	r = port_start(a, &s.port);
	if (r == EXIT_DONE)
		r = port_stack(&s.port, &s.stack);
	if (r == EXIT_DONE)
		r = ping_target(&s);
	if (r == EXIT_DONE) {
		if (!a->json)
			printf("ping %s through link %s\n", s.text,
			    feth_name(s.port.link));
		fflush(stdout);
		r = ping_loop(&s);
		ping_totals(&s);
		if (r == EXIT_DONE && s.received == 0)
			r = EXIT_REFUSED;
	}
	port_stop(&s.port);
	return r;
}

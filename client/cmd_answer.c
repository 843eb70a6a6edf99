/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "fethc.h"
#include "port_io.h"
#include "print.h"
#include "stack.h"

static int	answer_run(struct args *a);

const struct command cmd_answer = {
	.name = "answer",
	.usage = "NAME | [NAME] --host|--pair [options]",
	.help = "answer ARP, neighbour discovery and ping on a port",
	.options = O_LINK | O_END | O_COUNT | O_TIMEOUT | O_VERBOSE,
	.max = 1,
	.run = answer_run,
};

struct answer {
	const struct args *a;
	struct port	port;
	struct stack	stack;
	unsigned long	seen, answered, unsent;
	unsigned long	kinds[STACK_KINDS];	/* answered */
};

static void
answer_show(const struct answer *s, const uint8_t *frame, size_t len,
    bool answered)
{
	char line[320];
	cJSON *t;

	if (!s->a->verbose)
		return;
	stack_describe(frame, len, line, sizeof(line));
	if (!s->a->json) {
		printf("%s%s\n", line, answered ? " (answered)" : "");
		fflush(stdout);
		return;
	}
	t = cJSON_CreateObject();
	cJSON_AddStringToObject(t, "frame", line);
	cJSON_AddBoolToObject(t, "answered", answered);
	print_json_tree(t);
	cJSON_Delete(t);
}

static int
answer_frame(void *arg, const uint8_t *frame, size_t len)
{
	struct answer *s = arg;
	enum stack_kind kind;
	size_t out_len;

	s->seen++;
	kind = stack_input(&s->stack, frame, len, s->port.out, s->port.size,
	    &out_len, NULL);
	if (out_len > 0 && port_send(&s->port, s->port.out, out_len)) {
		s->answered++;
		s->kinds[kind]++;
	} else if (out_len > 0)
		s->unsent++;
	answer_show(s, frame, len, out_len > 0);
	return s->a->count > 0 && s->answered >= (unsigned long)s->a->count;
}

static void
answer_totals_json(const struct answer *s)
{
	cJSON *t = cJSON_CreateObject(), *kinds;
	int i;

	cJSON_AddNumberToObject(t, "frames", (double)s->seen);
	cJSON_AddNumberToObject(t, "answered", (double)s->answered);
	cJSON_AddNumberToObject(t, "unsent", (double)s->unsent);
	kinds = cJSON_AddObjectToObject(t, "kinds");
	for (i = 0; i < STACK_KINDS; i++) {
		if (s->kinds[i] > 0)
			cJSON_AddNumberToObject(kinds, stack_kind_names[i],
			    (double)s->kinds[i]);
	}
	print_json_tree(t);
	cJSON_Delete(t);
}

static void
answer_totals(const struct answer *s)
{
	int i;

	if (s->a->json) {
		answer_totals_json(s);
		return;
	}
	printf("%lu frames, %lu answered", s->seen, s->answered);
	for (i = 0; i < STACK_KINDS; i++) {
		if (s->kinds[i] > 0)
			printf(", %s: %lu", stack_kind_names[i], s->kinds[i]);
	}
	if (s->unsent > 0)
		printf(", %lu answers lost", s->unsent);
	printf("\n");
	fflush(stdout);
}

static int
answer_run(struct args *a)
{
	struct answer s = { .a = a };
	int r;

	r = port_start(a, &s.port);
	if (r == EXIT_DONE)
		r = port_stack(&s.port, &s.stack);
	if (r == EXIT_DONE)
		r = port_print(a, s.port.link);
	if (r == EXIT_DONE) {
		r = port_loop(&s.port, a->timeout_ms, answer_frame, &s);
		answer_totals(&s);
	}
	port_stop(&s.port);
	/* That the other side went is how a link ends; so does this. */
	if (r == PORT_TIMEOUT || r == PORT_STOPPED || r == PORT_GONE)
		r = a->count > 0 && s.answered < (unsigned long)a->count ?
		    EXIT_REFUSED : EXIT_DONE;
	return r;
}

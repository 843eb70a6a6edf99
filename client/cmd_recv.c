/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "fethc.h"
#include "port_io.h"
#include "print.h"
#include "stack.h"

static int	recv_run(struct args *a);

const struct command cmd_recv = {
	.name = "recv",
	.usage = "NAME | [NAME] --host|--pair  [--hex|--raw] [options]",
	.help = "print the frames that come out of a port",
	.options = O_LINK | O_END | O_COUNT | O_TIMEOUT | O_DUMP,
	.max = 1,
	.run = recv_run,
};

#define DUMP_LINE	16

struct recv {
	const struct args *a;
	struct port	port;
	long		seen;
};

static void
recv_json(const uint8_t *frame, size_t len)
{
	char line[320], *hex;
	cJSON *t = cJSON_CreateObject();
	size_t i;

	hex = malloc(2 * len + 1);
	if (hex == NULL) {
		cJSON_Delete(t);
		return;
	}
	for (i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", frame[i]);
	cJSON_AddNumberToObject(t, "length", (double)len);
	cJSON_AddStringToObject(t, "frame", stack_describe(frame, len, line,
	    sizeof(line)));
	cJSON_AddStringToObject(t, "hex", hex);
	print_json_tree(t);
	cJSON_Delete(t);
	free(hex);
}

static void
recv_dump(const uint8_t *frame, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % DUMP_LINE == 0)
			printf("%s    %04zx ", i > 0 ? "\n" : "", i);
		printf(" %02x", frame[i]);
	}
	printf("\n");
}

static int
recv_frame(void *arg, const uint8_t *frame, size_t len)
{
	struct recv *s = arg;
	char line[320];

	s->seen++;
	if (s->a->raw)
		fwrite(frame, 1, len, stdout);
	else if (s->a->json)
		recv_json(frame, len);
	else {
		printf("%s\n", stack_describe(frame, len, line, sizeof(line)));
		if (s->a->dump)
			recv_dump(frame, len);
	}
	fflush(stdout);
	/* Nobody reads any more: no use in taking more. */
	return ferror(stdout) || s->seen == s->a->count;
}

static int
recv_run(struct args *a)
{
	struct recv s = { .a = a };
	int r;

	if (a->raw && a->json)
		return usage_error("--raw contradicts --json");
	r = port_start(a, &s.port);
	if (r == EXIT_DONE)
		r = port_loop(&s.port, a->timeout_ms, recv_frame, &s);
	port_stop(&s.port);
	if (r < PORT_STOPPED)
		return r;
	return a->count > 0 && s.seen < a->count ? EXIT_REFUSED : EXIT_DONE;
}

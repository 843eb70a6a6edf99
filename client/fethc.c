/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fethc, the command: finds the row of the command in the table, reads its
 * options, runs it. Each command is a file cmd_NAME.c that opens with its row.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fethc.h"
#include "print.h"

const struct command *const commands[] = {
	&cmd_open, &cmd_exec, &cmd_attach, &cmd_close, &cmd_list,
	&cmd_show, &cmd_watch, &cmd_stats, &cmd_impair, &cmd_answer, &cmd_ping,
	&cmd_bench, &cmd_send, &cmd_recv, &cmd_capture, &cmd_policy,
	&cmd_version, &cmd_help, NULL,
};

const struct command *
command_find(const char *name)
{
	size_t i;

	for (i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

int
usage_error(const char *fmt, ...)
{
	char raw[256], safe[sizeof(raw) * 4];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	fprintf(stderr, "fethc: %s\n  hint: \"fethc help\" and "
	    "\"fethc help COMMAND\" tell more\n",
	    print_escape(raw, safe, sizeof(safe)));
	return EXIT_USAGE;
}

static void
failed_json(const struct feth_error *err)
{
	cJSON *t = cJSON_CreateObject();

	cJSON_AddStringToObject(t, "error", err->name);
	cJSON_AddStringToObject(t, "text", err->text);
	cJSON_AddStringToObject(t, "hint", err->hint);
	print_json_tree(t);
	cJSON_Delete(t);
}

int
failed(const struct args *a, const struct feth_error *err)
{
	fflush(stdout);
	if (a->json)
		failed_json(err);
	fprintf(stderr, "fethc: ");
	print_text(stderr, err->name);
	fprintf(stderr, ": ");
	print_text(stderr, err->text);
	putc('\n', stderr);
	if (*err->hint != '\0') {
		fprintf(stderr, "  hint: ");
		print_text(stderr, err->hint);
		putc('\n', stderr);
	}
	return err->code == FETH_NO_DAEMON ||
	    err->code == FETH_CONNECTION_LOST ? EXIT_NO_DAEMON : EXIT_REFUSED;
}

int
connect_daemon(const struct args *a, struct feth_conn **conn)
{
	struct feth_error err;

	if (feth_connect(a->socket, conn, &err) < 0)
		return failed(a, &err);
	return EXIT_DONE;
}

int
call_daemon(const struct args *a, const char *method, const char *parameters,
    char **reply)
{
	struct feth_conn *conn;
	struct feth_error err;
	int r;

	*reply = NULL;
	r = connect_daemon(a, &conn);
	if (r != EXIT_DONE)
		return r;
	if (feth_call(conn, method, parameters, reply, &err) < 0)
		r = failed(a, &err);
	feth_disconnect(conn);
	return r;
}

/* ---- Help -------------------------------------------------------------- */

static int
help_all(void)
{
	size_t i;

	printf("usage: fethc [-s SOCKET] [--json] [--private] COMMAND ...\n"
	    "virtual Ethernet links from fethd\n\n");
	for (i = 0; commands[i] != NULL; i++)
		printf("  %-8s %s\n", commands[i]->name, commands[i]->help);
	printf("\n");
	options_help(O_GLOBAL | O_FRONT);
	printf("\n\"fethc help COMMAND\" tells more; see also fethc(1).\n");
	return EXIT_DONE;
}

static int
help_command(const struct command *c)
{
	printf("usage: fethc %s %s\n%s\n\n", c->name, c->usage, c->help);
	options_help(c->options | O_GLOBAL);
	return EXIT_DONE;
}

static int
help_run(struct args *a)
{
	const struct command *c;

	if (a->argc == 0)
		return help_all();
	c = command_find(a->argv[0]);
	if (c == NULL)
		return usage_error("there is no command %s", a->argv[0]);
	return help_command(c);
}

const struct command cmd_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.help = "tell about the commands, or one of them",
	.max = 1,
	.run = help_run,
};

/* ---- Start ------------------------------------------------------------- */

int
command_run(struct args *a, int argc, char **argv)
{
	const struct command *c;
	int r;

	c = command_find(argv[0]);
	if (c == NULL)
		return usage_error("there is no command %s", argv[0]);
	r = options_parse(a, c, argc, argv);
	if (r != EXIT_DONE)
		return r;
	return a->help ? help_command(c) : c->run(a);
}

/* A descriptor that comes in must not land on 0, 1 or 2. */
static int
main_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd == -1)
		return -errno;
	close(fd);
	return 0;
}

/* Output that could not be written must not look like success. */
static int
main_flush(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	return code == EXIT_DONE ? EXIT_REFUSED : code;
}

int
main(int argc, char **argv)
{
	static char *version[] = { "version", NULL };
	struct args a;
	int next, r;

	if (main_descriptors() < 0)
		return EXIT_REFUSED;
	options_defaults(&a);
	a.argv0 = argv[0];
	r = options_global(&a, argc, argv, &next);
	if (r != EXIT_DONE)
		return r;
	if (a.help)
		return main_flush(help_all());
	if (a.version)
		return main_flush(command_run(&a, 1, version));
	if (next == argc)
		return usage_error("a command is missing");
	if (a.private)
		return main_flush(private_run(&a, argv + next));
	return main_flush(command_run(&a, argc - next, argv + next));
}

/* SPDX-License-Identifier: MIT */
/*
 * The smallest useful client of fethd: opens a link, and sends every frame that
 * comes out of its port back to where it came from.
 *
 *     cc example.c $(pkg-config --cflags --libs libfeth) -o example
 *     ./example lab 3 &          echo three frames, and end
 *     fethc send lab --test 3    send them from the other end
 *
 * "./example -h lab" opens a host link: the other end is a network interface.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <feth.h>

static int
complain(const struct feth_error *err)
{
	fprintf(stderr, "%s: %s\n  %s\n", err->name, err->text, err->hint);
	return 1;
}

int
main(int argc, char **argv)
{
	static unsigned char frame[65536], mac[6];
	int host = argc > 1 && strcmp(argv[1], "-h") == 0;
	struct feth_spec spec = { .size = sizeof(spec),
	    .name = argc > 1 + host ? argv[1 + host] : NULL,
	    .end = { { .kind = FETH_PORT },
	    { .kind = host ? FETH_HOST : FETH_PORT } } };
	long count = argc > 2 + host ? atol(argv[2 + host]) : -1;
	struct feth_conn *conn;
	struct feth_link *link;
	struct feth_error err;
	ssize_t n;

	if (feth_connect(NULL, &conn, &err) < 0)
		return complain(&err);
	if (feth_open(conn, &spec, &link, &err) < 0)
		return complain(&err);
	printf("link %s, %s\n", feth_name(link), feth_mac(link, FETH_MINE));
	fflush(stdout);
	while (count != 0) {
		n = feth_recv(link, FETH_MINE, frame, sizeof(frame), &err);
		if (n < 0)
			break;
		memcpy(mac, frame, 6);
		memcpy(frame, frame + 6, 6);
		memcpy(frame + 6, mac, 6);
		if (feth_send(link, FETH_MINE, frame, (size_t)n, &err) < 0)
			break;
		if (count > 0)
			count--;
	}
	feth_free(link);
	feth_disconnect(conn);	/* this ends the link */
	return count > 0 ? complain(&err) : 0;
}

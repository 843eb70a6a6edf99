/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzzer's function over the files given as arguments: the seeds, and
 * what a fuzzer once found. Exits with 0 when it comes back from all of them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than any daemon reads at once. */
#define SIZE	(1024 * 1024)

static int
run(const char *path)
{
	static uint8_t	 buf[SIZE];
	uint8_t		*data;
	size_t		 size;
	FILE		*f;

	if ((f = fopen(path, "rb")) == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	size = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	/* Of its exact size, so that a read past it is seen. */
	if ((data = malloc(size > 0 ? size : 1)) == NULL)
		return 1;
	memcpy(data, buf, size);
	printf("%s: %zu bytes\n", path, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	int	i, failed = 0;

	for (i = 1; i < argc; i++)
		failed |= run(argv[i]);
	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE ...\n", argv[0]);
		return 2;
	}
	return failed;
}

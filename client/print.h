/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output of fethc: text of others made harmless, tables, JSON.
 */
#ifndef FETHC_PRINT_H
#define FETHC_PRINT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#define TABLE_COLS	10

/* A table under construction. Zero it, or = { 0 }, before table_start. */
struct table {
	unsigned int	ncols;
	size_t		ncells, cap;
	char		**cells;
	int		failed;
};

/* TEXT as it may go to a terminal, with \xNN for all but printable ASCII. */
void	print_text(FILE *out, const char *text);
/* The same to BUF of SIZE bytes; returns BUF. */
const char *print_escape(const char *text, char *buf, size_t size);

/* Write JSON text and a line end, all but ASCII as \uNNNN, and flush. */
void	print_json(const char *json);
void	print_json_tree(const cJSON *tree);

/* Start the table with its titles, ended by NULL. */
void	table_start(struct table *t, const char *const *titles);
void	table_cell(struct table *t, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* Print it and free everything. */
void	table_end(struct table *t);

/* Members of JSON objects, with "" and 0 for what is not there. */
const char *json_text(const cJSON *obj, const char *key);
double	json_number(const cJSON *obj, const char *key);
int	json_true(const cJSON *obj, const char *key);
/* The strings of the array KEY joined by commas, "-" when empty, to BUF. */
const char *json_join(const cJSON *obj, const char *key, char *buf,
	    size_t size);

/* "key: value" with the keys lined up; nothing when VALUE is "". */
void	print_pair(const char *key, const char *value);

#endif

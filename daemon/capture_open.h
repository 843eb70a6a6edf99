/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture: what a caller may see of a link, and the captures of every uid.
 */
#ifndef FETHD_CAPTURE_OPEN_H
#define FETHD_CAPTURE_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "params.h"
#include "request.h"

struct fethd;
struct wm_msg;

struct insn_param {
	int64_t		code, jt, jf, k;
};

struct capture_params {
	struct link_params l;
	bool		given;
	int64_t		end;
	int64_t		snaplen;
	struct insn_param filter[BOUND_FILTER];
	unsigned int	nfilter;
};

extern const struct param capture_params[];
void	capture_init(void *params);
void	capture_run(struct request *req, void *params);

/* warden_call.c: the answer to a CAPTURE came; a capture is over. */
void	capture_answered(struct fethd *d, const struct wm_msg *m);
void	capture_over(struct fethd *d, const struct wm_msg *m);

/* REQ is about to be freed before it was answered. */
void	capture_request_gone(struct request *req);

/* Forget all of them; they go on. */
void	capture_forget_all(struct fethd *d);

#endif

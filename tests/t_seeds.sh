#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fuzzers' functions come back from each seed, and from what they once found.
. "${srcdir:-.}/tests/lib.sh"

seeds() {	# program directory
	for seed in "$srcdir/tests/$2"/*; do
		run "$top_builddir/tests/$1" "$seed"
		is "$1 ${seed##*/}" "$rc:$err" "0:"
	done
}

seeds fuzz_message seeds
seeds fuzz_bpf seeds-bpf

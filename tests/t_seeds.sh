#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The fuzzers' functions come back from each seed, and from what they once found.
. "${srcdir:-.}/tests/lib.sh"

for seed in "$srcdir"/tests/seeds/*; do
	run "$top_builddir/tests/fuzz_message" "$seed"
	is "${seed##*/}" "$rc:$err" "0:"
done

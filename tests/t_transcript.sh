#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/protocol.md says what the daemon does: its generated part is what a
# conversation with this daemon gives, and it speaks of each method and error.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
doc=$srcdir/docs/protocol.md
run sh "$srcdir/tests/transcript.sh" "$T/section"
[ "$rc" -eq 77 ] && skip "$out"
is "the conversation takes place" "$rc" 0
[ "$rc" -eq 0 ] || printf '%s\n' "$out" "$err"
sed '1,/^<!-- generated/d; /^<!-- end/,$d' "$doc" >"$T/doc"
if ! diff -u "$T/doc" "$T/section"; then
	fail "docs/protocol.md is not up to date: tests/transcript.sh --update"
fi

for m in $(sed -nE 's/^(method|error) ([A-Za-z]*).*/\2/p' \
    "$srcdir/include/org.fethd.Broker.varlink"); do
	check "it speaks of $m" grep -Eq "\`?$m" "$doc"
done

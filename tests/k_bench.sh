#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fethc bench on a host link: the host's side is the host's own UDP. And the
# harness of make bench runs, shortly: what it measures works.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

k_start bench
b() {
	h setpriv --reuid $USER_ID --regid $USER_ID --clear-groups -- \
	    "$FETHC" -s "$SOCK" "$@"
}
run b --json bench --host --seconds 0.3 --size 200
is "a host link" "$rc" 0
is "its kind, and the frames" "$(json '"\(.kind) \(.class) \(.size)"')" \
    "host tap 200"
is "both ways" "$(json '[.ways[] | "\(.from)>\(.to)"] | join(" ")')" \
    "end 0>host host>end 0"
is "datagrams went through" "$(json '[.ways[] | .received > 0] | all')" true
is "no more than were sent" "$(json '[.ways[] | .received <= .sent] | all')" \
    true
is "the host answers ping" "$(json '.round_trip_us.trips > 0')" true

run fethc bench --host --seconds 0.1
is "from another namespace" "$rc" 1
like "is told" "$err" 'hint: run this in the network namespace that fethd'
run b bench --host --seconds 0.1 --size 42
is "no room for a datagram" "$rc" 2
k_stop

harness=$top_builddir/tests/bench/bench
run "$harness" --fethd "$FETHD" --quick --rows 'tap.one' --json "$T/bench.json"
is "make bench, one line" "$rc" 0
like "the line" "$out" '^tap\.one .* (ok|short)$'
is "as JSON" "$(jq -r '[.lines[] | "\(.name) \(.state)"] | join(" ")' \
    "$T/bench.json" | sed 's/short/ok/')" "tap.one ok"
is "samples" "$(jq '[.series[] | select(.name == "tap.feth") |
    .samples | length] | add' "$T/bench.json")" 2
run "$harness" --fethd "$T/no-such-daemon" --quick --rows 'tap.one'
is "what does not work makes it fail" "$rc" 1
like "and is named" "$out" '^FAILED: tap\.feth: the daemon does not'
run "$harness" --rounds 0
is "a bad option" "$rc" 2

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fethc bench: what it says of a pair link, and what it refuses.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq pgrep
start_daemon

run fethc --json bench --pair --seconds 0.2 --size 200
is "a new pair link" "$rc" 0
is "its kind, and the frames" "$(json '"\(.kind) \(.class) \(.size)"')" \
    "pair socket 200"
is "both ways" "$(json '[.ways[] | "\(.from)>\(.to)"] | join(" ")')" \
    "end 0>end 1 end 1>end 0"
is "frames went through" "$(json '[.ways[] | .received > 0] | all')" true
is "none was lost" "$(json '[.ways[] | .sent == .received] | all')" true
is "the rate is of what came" "$(json '[.ways[] |
    .frames_per_second * 0.2 <= .received * 1.5 + 200] | all')" true
is "the bits are those of the frames" "$(json '[.ways[] |
    (.bits_per_second - .frames_per_second * 1600 | fabs) < 1] | all')" true
is "CPU time" "$(json '[.ways[] | .cpu_ns_per_frame > 0] | all')" true
is "round trips" "$(json '.round_trip_us | .trips > 0 and .p50 > 0 and
    .p50 <= .p99')" true

# An existing one, of which both ports are free.
port='{"kind":"port","take":false}'
call Open '{"name":"there","lease":"named","ends":['"$port,$port"']}' >/dev/null
run fethc bench there --seconds 0.1
is "an existing pair link" "$rc" 0
like "is named" "$out" '^link there: pair, socket, 1514-byte frames$'
like "a line each way" "$out" '^end 0  -> end 1 +[0-9]+ +[0-9.]+ +0.00% +[0-9]'
spawn holder "$FETHC" -s "$SOCK" attach there --end 1
wait_for 5 grep -q '^end 1' "$T/holder.out"
run fethc bench there --seconds 0.1
is "one port is taken" "$rc" 1
like "is said" "$err" '^fethc: EndBusy'

# A line that loses frames has round trips all the same.
fethc open lossy --pair --named --relay >/dev/null
fethc impair lossy --loss 30 >/dev/null
run fethc --json bench lossy --seconds 1
is "a lossy link" "$rc" 0
is "has trips, and lost ones" "$(json '.round_trip_us |
    .trips > 1 and .lost > 0')" true
is "and its loss is what it is" "$(json '[.ways[].loss | . > 0.2 and . < 0.4] |
    all')" true
fethc close lossy

# kill -9: neither its two processes stay, nor the link.
spawn killed "$FETHC" -s "$SOCK" bench brief --pair --seconds 60
killed=$LAST
children() {
	[ "$(pgrep -P "$killed" | wc -l)" -eq 2 ]
}
wait_for 5 children || fail "there are no two processes"
loops=$(pgrep -P "$killed")
kill -KILL "$killed"
wait "$killed" 2>/dev/null
gone() {
	for p in $loops; do
		pid_gone "$p" || return 1
	done
}
check "kill -9 ends its processes" wait_for 5 gone
# shellcheck disable=SC2086
gone || kill -KILL $loops
refute "and the link" fethc show brief 2>/dev/null

run fethc bench --pair --size 13
is "too short" "$rc" 2
run fethc bench --pair --size 1515
is "too long" "$rc" 2
like "tells the lengths" "$err" 'frames of this link have 14 to 1514 bytes'
run fethc bench --wire
is "a wire link" "$rc" 2
run fethc bench
is "no link" "$rc" 2
run fethc bench nobody --seconds 0.1
is "no such link" "$rc" 1

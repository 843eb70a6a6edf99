#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Impairments of a relayed pair, with the user backend: what is asked for is what
# the frames meet, the same seed does the same, and what is not possible is told.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
[ "$(uname -s)" = Linux ] || skip "relay_port is a program for Linux"
relay=$top_builddir/tests/relay_port
[ -x "$relay" ] || die "$relay is not built: make check"
mkdir -p "$T/bin" && cp "$relay" "$T/bin/" && relay=$T/bin/relay_port
start_daemon

said() {	# NAME PATTERN
	grep -Eq "$2" "$T/$1.out"
}
held() {	# LINK END
	fethc --json show "$1" 2>/dev/null |
	    jq -e ".link.ends[$2].attached" >/dev/null
}
# N frames from end 0 to end 1 of the named link "bad"; what came is in $T/in.out.
pass() {	# N RATE [IDLE-MS]
	spawn in "$FETHC" -s "$SOCK" attach bad --end 1 -- \
	    "$relay" recv "stream:{fd}" 100000 "${3:-2500}"
	in=$LAST
	wait_for 5 held bad 1 || die "nobody receives: $(cat "$T/in.err")"
	fethc attach bad --end 0 -- "$relay" send "stream:{fd}" "$1" 200 "$2" \
	    >"$T/send.out"
	wait_for 30 pid_gone "$in" || fail "the receiver does not end"
	got=$(sed -n 's/^received \([0-9]*\) .*/\1/p' "$T/in.out")
	twice=$(sed -n 's/.* twice \([0-9]*\),.*/\1/p' "$T/in.out")
	order=$(sed -n 's/.* out of order \([0-9]*\).*/\1/p' "$T/in.out")
}
late() {	# least, median or most
	sed -n "s/.*$1 \([0-9]*\).*/\1/p" "$T/in.out" | tail -n 1
}
dropped() {	# REASON
	fethc --json stats bad | jq -r ".stats[0].ends[0].drops.$1 // 0"
}
between() {	# N LEAST MOST
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

run fethc open bad --pair --class stream --named
is "a relayed link" "$rc" 0
run fethc impair bad
is "it is not impaired" "$rc" 0
is "both ends are clean" "$(fethc --json impair bad)" '{"ends":[{},{}]}'
pass 500 5000
is "all frames come" "$got" 500

# --- delay, to the millisecond; the histogram is the test's output

run fethc impair bad --end 0 --delay 20
is "a delay of 20 ms" "$(json '[.ends[] | .delay_us] | tostring' \
    "$(fethc --json impair bad)")" '[20000,null]'
# Other programs may have the CPUs for a while: one of three rounds must be as it
# should be. What may never be is looked at in all of them.
for round in 1 2 3; do
	pass 1000 500
	cat "$T/in.out"
	is "round $round: all come" "$got" 1000
	is "round $round: in order" "$order" 0
	check "round $round: none early" [ "$(late least)" -ge 20 ]
	on_time=$(awk '$2 == "ms" && $1 >= 20 && $1 <= 21 { n += $3 }
	    END { print n + 0 }' "$T/in.out")
	[ "$on_time" -lt 900 ] || break
done
check "half of them within 1 ms" between "$(late median)" 20 21
check "nearly all within 1 ms: $on_time of 1000" [ "$on_time" -ge 900 ]
run fethc impair bad --end 0 --delay 30 --jitter 10 --seed 1
for round in 1 2 3; do
	pass 1000 1000
	is "round $round: with jitter all come" "$got" 1000
	is "round $round: in order still" "$order" 0
	check "round $round: not before delay - jitter" \
	    [ "$(late least)" -ge 20 ]
	! between "$(late median)" 28 42 || break
done
check "in the middle" between "$(late median)" 28 42

# --- chances, and the seed

for round in 1 2; do
	run fethc impair bad --end 0 --loss 10 --duplicate 5 --seed 42
	is "round $round: seeded" "$rc" 0
	pass 4000 20000
	cp "$T/in.out" "$T/in$round"
	check "round $round: a tenth is lost ($got came, $twice twice)" \
	    between $((4000 - got + twice)) 320 480
	check "round $round: a twentieth comes twice" between "$twice" 120 240
done
is "the same seed: the same frames" "$(head -n 1 "$T/in1")" \
    "$(head -n 1 "$T/in2")"
check "losses are counted" [ "$(dropped loss)" -ge 640 ]
run fethc impair bad --end 0 --delay 10 --reorder 20
pass 2000 2000
is "reordered: all come" "$got" 2000
check "many out of order: $order" between "$order" 200 900

# --- rate: what is too much waits

run fethc impair bad --end 0 --rate 100000
for round in 1 2 3; do
	pass 500 100000
	is "round $round: a slow line loses nothing" "$got" 500
	! between "$(late most)" 900 1200 || break
done
check "and takes its time: 100,000 bytes in $(late most) ms" \
    between "$(late most)" 900 1200

# --- down and up

before=$(dropped down)
run fethc impair bad --end 0 --down
like "down is shown" "$(fethc impair bad)" 'down$'
pass 50 1000 500
is "nothing comes" "$got" 0
is "all is counted" "$(($(dropped down) - before))" 50
run fethc impair bad --clear
like "up again" "$(fethc impair bad)" 'up$'
pass 100 1000
is "all comes" "$got" 100

# --- bounds: a queue that is full drops, and says so

run fethc impair bad --end 0 --delay 60000
pass 40000 0 4000
queued=$(dropped queue)
check "more than may be on its way is dropped ($queued)" [ "$queued" -gt 20000 ]
is "the daemon goes on" "$(fethc list | wc -l | tr -d ' ')" 2

# --- what is not possible

run fethc impair bad --delay 5 --jitter 6
is "more jitter than delay" "$rc" 1
like "is told" "$err" 'InvalidSpec.*jitter'
run fethc impair bad --reorder 5
like "reorder without delay, too" "$err" 'needs a delay'
run fethc impair bad --loss 101
is "more than all" "$rc" 2
run call Impair '{"link":"bad","set":{"loss":1000001}}'
like "the daemon says so, too" "$out" '"set.loss"'
run call Impair '{"link":"bad","end":2}'
like "there is no third end" "$out" '"field":"end"'
run call Impair '{"link":"bad","set":{"colour":1}}'
like "nor a colour" "$out" '"set.colour"'
run fethc impair none --down
like "nor that link" "$err" NoSuchLink
run fethc open plain --pair --named
run fethc impair plain --delay 1
is "a link that is not relayed" "$rc" 1
like "cannot be" "$err" 'Unsupported: .*not relayed'
like "but with this" "$err" 'hint: open it with --class stream or with --relay'
run fethc open again --pair --named --relay
run fethc impair again --delay 1
is "so it can" "$rc" 0
stop_daemon
is "the daemon ends cleanly" "$rc" 0

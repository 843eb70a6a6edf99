#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Captures of a relayed pair link: what each end sees, several at a time, a
# filter, a reader that is slow or goes, and the end of the link. Frames are
# counted by fethc itself, so that nothing else is needed; k_capture.sh has tshark
# look at such files.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq

start_daemon
spawn answer $FETHC -s "$SOCK" answer lab --pair --relay --named \
    --address auto
there() {
	fethc show "$1" >/dev/null 2>&1
}
wait_for 5 there lab || die "no link: $(cat "$T/answer.err")"

# record NAME ARGS...: lines of JSON to $T/NAME.out, in the background.
record() {
	record_name=$1
	shift
	spawn "$record_name" $FETHC -s "$SOCK" --json capture "$@"
	eval "$record_name=$LAST"
}
given() {
	[ "$(grep -c 'a capture is given' "$LOG")" -ge "$1" ]
}
over() {
	[ "$(grep -c 'a capture of uid .* is over' "$LOG")" -ge "$1" ]
}
finish() {	# NAME: interrupt it; $rc, $err
	eval "finish_pid=\$$1"
	kill -INT "$finish_pid"
	wait "$finish_pid"
	rc=$?
	err=$(cat "$T/$1.err")
}
echoes() {	# NAME DIRECTION TEXT
	jq -r "select(.direction == \"$2\") | .frame" "$T/$1.out" |
	    grep -c "echo $3"
}

# --- both ends' views, and a filter, at a time

record zero lab --end 0
record one lab --end 1
record kept lab --snaplen 30
wait_for 5 given 3
check "ping" fethc ping lab -c 3 -i 0.05
for r in zero one kept; do
	finish $r
	is "$r: ends well" "$rc" 0
	like "$r: and tells how many" "$err" '^[0-9]+ frames captured, 0 dropped$'
done
is "end 0 answers: requests come in" "$(echoes zero in request)" 3
is "and replies go out" "$(echoes zero out reply)" 3
is "and not the other way" "$(echoes zero in reply)$(echoes zero out request)" 00
is "for end 1 it is the other way" \
    "$(echoes one out request)$(echoes one in reply)" 33
is "a short snaplen" "$(jq -r 'select(.length > 30) | .kept' "$T/kept.out" |
    sort -u)" 30
wait_for 5 over 3

# ldh [12]; jeq #0x806: ARP alone
arp='{"code":40,"jt":0,"jf":0,"k":12},{"code":21,"jt":0,"jf":1,"k":2054}'
arp=$arp',{"code":6,"jt":0,"jf":0,"k":96},{"code":6,"jt":0,"jf":0,"k":0}'
reply=$(call Capture '{"link":"lab","filter":['"$arp"']}')
like "a filter is taken" "$reply" '"fd": ?0'
wait_for 5 over 4
run fethc capture lab --timeout 0.3 arp
if [ "$rc" -eq 1 ]; then
	like "no libpcap: it is said" "$err" 'without libpcap.*'
else
	record arp lab arp
	wait_for 5 given 6
	fethc ping lab -c 1 >/dev/null
	finish arp
	is "a filter lets through what it should" \
	    "$(jq -r .frame "$T/arp.out" | grep -c 'type 0806')" 2
	is "and nothing else" "$(wc -l <"$T/arp.out")" 2
fi

# --- the file

given_now=$(grep -c 'a capture is given' "$LOG")
spawn file $FETHC -s "$SOCK" capture lab -w "$T/file.pcapng" --count 4
file=$LAST
wait_for 5 given $((given_now + 1))
fethc ping lab -c 3 -i 0.05 >/dev/null
wait $file
is "--count ends it" "$?" 0
like "after so many" "$(cat "$T/file.err")" '^4 frames captured, 0 dropped'
is "the file begins as pcapng does" \
    "$(od -A n -t x1 -N 4 "$T/file.pcapng" | tr -d ' ')" 0a0d0d0a
check "and has the link's name" grep -q lab "$T/file.pcapng"

# --- a slow reader, and traffic that does not care

spawn flood $FETHC -s "$SOCK" open flood --pair --relay --named
wait_for 5 there flood
spawn recv $FETHC -s "$SOCK" recv flood --end 1 --raw
received() {
	fethc --json show flood | jq -e '.link.ends[1].attached' >/dev/null
}
wait_for 5 received || die "nobody receives: $(cat "$T/recv.err")"
before=$(grep -c 'a capture is given' "$LOG")
(fethc capture flood -w - 2>"$T/slow.err" | {
	until [ -e "$T/go" ]; do sleep 0.1; done
	cat >"$T/slow.pcapng"
}) &
slow=$!
wait_for 5 given $((before + 1))
check "60000 frames are sent" fethc send flood --end 0 --test 60000
stat() {	# end counter
	fethc --json stats flood | jq ".stats[0].ends[$1].$2"
}
settled() {
	settled_old=$(stat 1 rx_frames)
	sleep 0.2
	[ "$(stat 1 rx_frames)" -eq "$settled_old" ]
}
wait_for 10 settled
passed=$(stat 0 tx_frames)
check "the relay passed on most of them" [ "$passed" -gt 30000 ]
is "the other end got all of those" "$(stat 1 rx_frames)" "$passed"
read_all() {
	[ "$(wc -c <"$T/recv.out")" -eq $((passed * 60)) ]
}
check "and read them" wait_for 10 read_all
touch "$T/go"
fethc close flood
wait $slow
like "the reader lost some, and knows" "$(cat "$T/slow.err")" \
    '^[0-9]+ frames captured, [1-9][0-9]* dropped; the link is gone'
sum=$(sed 's/^\([0-9]*\) frames captured, \([0-9]*\) .*/\1 + \2/' "$T/slow.err")
is "captured and dropped are all" "$(($sum))" "$passed"

# --- how many, and readers that go

all_over() {
	over "$(grep -c 'a capture is given' "$LOG")"
}
wait_for 5 all_over
pids=
given_now=$(grep -c 'a capture is given' "$LOG")
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	spawn "many$i" $FETHC -s "$SOCK" capture lab -w /dev/null
	pids="$pids $LAST"
done
wait_for 10 given $((given_now + 16))
run fethc capture lab -w /dev/null
is "the seventeenth is refused" "$rc" 1
like "by name" "$err" 'QuotaExceeded: 16 captures in use'
check "the link works under all of them" fethc ping lab -c 3 -i 0.05
# shellcheck disable=SC2086
kill -9 $pids
wait_for 5 all_over
run fethc capture lab --timeout 0.2 -w /dev/null
is "then there is room again" "$rc" 0

# --- ends

given_now=$(grep -c 'a capture is given' "$LOG")
record last lab
wait_for 5 given $((given_now + 1))
fethc ping lab -c 1 >/dev/null
fethc close lab
wait $last
is "the end of the link ends it" "$?" 0
like "in good order" "$(cat "$T/last.err")" 'dropped; the link is gone$'

spawn plain $FETHC -s "$SOCK" open plain --pair
wait_for 5 there plain
run fethc capture plain
is "without the relay" "$rc" 1
like "it is refused" "$err" 'Unsupported: '
like "with what would help" "$err" 'hint: .*--relay'

spawn stop $FETHC -s "$SOCK" open stop --pair --relay
wait_for 5 there stop
given_now=$(grep -c 'a capture is given' "$LOG")
record stopped stop
wait_for 5 given $((given_now + 1))
stop_daemon
is "the daemon stops cleanly" "$rc" 0
wait $stopped
like "and its captures with it" "$(cat "$T/stopped.err")" \
    '^0 frames captured, 0 dropped'

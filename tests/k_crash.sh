#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the broker, of the warden and of everything: what lives on, what
# comes back, and that in the end nothing is left.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

HOSTS=50
PAIRS=50
holder=$(tool hold)
# Longer than a slow machine needs to look at all the links while they wait.
GRACE=5
k_conf
k_start crash
fethc exec --host --address auto -- true
wait_for 5 sh -c "! ip -n $NS -o link show | grep -q 'alias fethd'"
fds_warden=$(fds_of "$DPID")
fds_broker=$(fds_of "$(broker_pid)")

hold_all() {	# NAME [resume]
	bg_user "$1" "$holder" "$SOCK" $HOSTS $PAIRS "$@"
	wait_for "$TEST_DEADLINE" grep -q . "$T/$1.log"
	like "$1: $HOSTS host links and $PAIRS pairs" "$(cat "$T/$1.log")" \
	    "^open $HOSTS $PAIRS in"
}
indexes() {
	ip -n "$NS" -j link show | jq -r '.[] | select(.ifname != "lo") |
	    "\(.ifindex) \(.ifname) \(.address) \(.ifalias)"' | sort
}
received() {	# frames that came out of all TAPs
	ip -n "$NS" -s -j link show | jq '[.[].stats64.rx.packets] | add'
}
links() {	# STATE: how many links are in it
	fethc --json list 2>/dev/null | jq "[.links[] |
	    select(.state == \"$1\")] | length" 2>/dev/null
}
all_are() {	# N STATE
	[ "$(links "$2")" = "$1" ]
}
come() {	# more frames than N
	[ "$(received)" -gt "$1" ]
}
other_broker() {
	new=$(broker_pid)
	[ -n "$new" ] && [ "$new" != "$broker" ] && [ -n "$(links up)" ]
}
totals() {	# NAME
	kill "$BG"
	wait "$BG" 2>/dev/null
	grep '^hosts:' "$T/$1.log"
	like "$1: no frame was lost on a TAP" "$(cat "$T/$1.log")" \
	    '^hosts: [0-9]+ sent, 0 failed;'
	like "$1: nor in a pair" "$(cat "$T/$1.log")" \
	    'pairs: ([0-9]+) sent, \1 received, 0 failed$'
}

# --- the broker, and a client that comes back

hold command open command --host --address auto
command=$BG
hold answer answer answer --host --address auto
answer=$BG
ip4=$(of answer '.ends[0].addresses[0] | split("/")[0]')
hold_all resumes resume
before=$(indexes)
all=$((HOSTS + PAIRS + 2))
is "all are up" "$(links up)" $all
broker=$(broker_pid)
frames=$(received)
kill -9 "$broker"
within 2000 "kill -9 of the broker: a new one serves" other_broker
within 2000 "the client has all its links again" all_are $all up
like "none was lost" "$(cat "$T/resumes.log")" '^back after [0-9]+ ms, 0 links'
grep '^back' "$T/resumes.log"
is "the same interfaces" "$(indexes)" "$before"
check "frames pass on" wait_for 5 come $((frames + HOSTS))
sleep $((GRACE + 1))
is "after the grace time they are still there" "$(links up)" $all
for c in command answer; do
	like "fethc $c came back, too" "$(cat "$T/$c.log")" \
	    'the daemon is back, and the link with it'
done
check "and answers" pings "$ip4"
totals resumes
kill "$command" "$answer"
within 3000 "it ends: so do they" all_are 0 up
within 1000 "the interfaces, too" sh -c \
    "! ip -n $NS -o link show | grep -q 'alias fethd'"
fds_as_before() {	# PID N
	[ "$(fds_of "$1")" -le "$2" ]
}
check "the warden has as many descriptors as before ($fds_warden)" \
    wait_for 5 fds_as_before "$DPID" "$fds_warden"
check "and the broker ($fds_broker)" \
    wait_for 5 fds_as_before "$(broker_pid)" "$fds_broker"

# --- the broker, and a client that does not

all=$((HOSTS + PAIRS))
hold_all silent
broker=$(broker_pid)
frames=$(received)
kill -9 "$broker"
within 2000 "kill -9 of the broker: a new one serves" other_broker
is "all wait for their owner" "$(links orphan)" $all
check "frames pass" come "$frames"
within $((GRACE * 1000 + 3000)) "the grace time ends them" all_are 0 orphan
within 1000 "the interfaces, too" sh -c \
    "! ip -n $NS -o link show | grep -q 'alias fethd'"
kill "$BG"

# --- the warden

hold_all survives resume
before=$(indexes)
broker=$(broker_pid)
start=$(now)
kill_hard "$DPID"
within 1000 "kill -9 of the warden: its broker is gone" pid_gone "$broker"
is "the TAPs are there" "$(indexes)" "$before"
frames=$(received)
check "frames pass" wait_for 5 come "$frames"
k_again
is "a new start has the same interfaces" "$(indexes)" "$before"
within 2000 "the client has its host links again" all_are $HOSTS up
grep '^back' "$T/survives.log"
is "the same ones" "$(indexes)" "$before"
frames=$(received)
check "frames pass" wait_for 5 come "$frames"
totals survives
within 3000 "it ends: nothing is left" sh -c \
    "! ip -n $NS -o link show | grep -q 'alias fethd'"

# --- the warden, and all clients before it is back

fethc open lab --host --named --address auto >"$T/named"
named=$(host_if lab)
hold_all dies
bg_user persist "$FETHC" -s "$SOCK" exec persist --host -- sh -c \
    "$(tool port) tap {fd} lo; exec sleep 60"
wait_for 5 grep -q '^sendto' "$T/persist.log"
persist=$BG
persisting=$(pgrep -P "$persist")
hold wire open wire --wire
wire=$BG
persistent=$(host_if persist)
clients=$(pgrep -f "$holder $SOCK .* dies")
kill_hard "$DPID"
# shellcheck disable=SC2086
kill -9 $clients "$persist" $persisting "$wire"
for p in $clients $persist $persisting $wire; do
	wait_for 5 pid_gone "$p"
done
check "a TAP that its holder made persistent is left" if_there "$persistent"
check "and a wire" [ "$(marked | wc -l)" -ge 3 ]
k_again
like "a start takes back what may still be resumed" "$(links orphan)" '^[1-9]'
within $((GRACE * 1000 + 4000)) "and ends it after the grace time" sh -c \
    "[ \"\$(ip -n $NS -o link show | grep 'alias fethd' |
    sed 's/^[0-9]*: \([a-z0-9]*\).*/\1/')\" = $named ]"
is "the named one lives" "$(host_if lab)" "$named"
fethc close lab
k_stop

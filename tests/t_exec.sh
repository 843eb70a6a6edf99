#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fethc exec: a program that knows nothing of fethd gets a port as an inherited
# descriptor; the link ends with it, and its status is fethc's.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
start_daemon
is_there() {
	fethc show "$1" 2>/dev/null | grep -Eq '^state +(up|detached)'
}
is_gone() {
	! fethc show "$1" >/dev/null 2>&1
}

# What the program is told.
# shellcheck disable=SC2016
run fethc exec told --pair --mtu 1400 --mac 02:00:00:00:00:07 \
    --address 192.0.2.1/24 -- sh -c 'echo "{fd} {name} {mac} {mtu} {address}"
	echo "$FETH_FD $FETH_NAME $FETH_MAC $FETH_MTU $FETH_ADDRESS"
	test -S /dev/fd/{fd} && echo socket
	for f in /dev/fd/*; do
		test -S "$f" && echo "${f##*/}"
	done'
is "exec" "$rc" 0
is "the arguments" "$(printf '%s\n' "$out" | sed 1q)" \
    "$(printf '%s\n' "$out" | sed -n 2p)"
like "with all there is to tell" "$out" \
    '^[0-9]+ told 02:00:00:00:00:07 1400 192\.0\.2\.1'
like "the descriptor is there" "$out" '^socket$'
is "and no other socket" "$(printf '%s\n' "$out" | sed 1,3d)" \
    "$(printf '%s\n' "$out" | sed -n '1s/ .*//p')"
check "the link ends with the program" wait_for 5 is_gone told

# Its status.
for n in 0 1 7 255; do
	run fethc exec --pair -- sh -c "exit $n"
	is "status $n" "$rc" $n
done
run fethc exec --pair -- sh -c 'kill -KILL $$'
is "killed by a signal" "$rc" 137
run fethc exec gone --pair -- "$T/no-such-program"
is "a program that there is not" "$rc" 127
like "is told" "$err" 'no-such-program: No such file'
check "and leaves no link" wait_for 5 is_gone gone
: >"$T/plain"
run fethc exec --pair -- "$T/plain"
is "one that cannot be run" "$rc" 126
run fethc exec --pair
is "no program" "$rc" 2
run fethc exec --pair --
is "none after --" "$rc" 2
run fethc exec --host -- touch "$T/ran"
is "a link that is refused" "$rc" 1
check "starts no program" test ! -e "$T/ran"

# A real program, which only knows that it has a descriptor: what comes out of
# the port goes through cat and back.
if command -v socat >/dev/null 2>&1; then
	spawn echo "$FETHC" -s "$SOCK" exec wire --pair -- \
	    socat -b 2000 'FD:{fd}' EXEC:cat
	echo=$LAST
	wait_for 5 is_there wire || fail "no link for socat"
	printf 'ffffffffffff\002\000\000\000\000\001\210\265a frame' \
	    >"$T/frame"
	# shellcheck disable=SC2016
	run fethc attach wire -- sh -c '(cat "$0"; sleep 1) |
	    socat -b 2000 -t 10 STDIO "FD:$FETH_FD"' "$T/frame"
	check "a frame comes back through socat and cat" \
	    cmp "$T/frame" "$T/run.out"
	wait_for 5 pid_gone "$echo" || fail "socat does not see the end"
fi

# Signals: fethc passes them on, and ends when the program does.
# shellcheck disable=SC2016
spawn traps "$FETHC" -s "$SOCK" exec traps --pair -- sh -c \
    'trap "echo caught; exit 9" TERM
     echo ready; while :; do sleep 0.1; done'
traps=$LAST
ready() {
	grep -q ready "$T/traps.out"
}
wait_for 5 ready || fail "the program does not start"
check "the link is there" is_there traps
kill -TERM "$traps"
wait "$traps"
is "the program ends as it likes" $? 9
check "it got the signal" grep -q caught "$T/traps.out"
check "the link is gone" wait_for 5 is_gone traps

# kill -9 of fethc: the link ends although the program goes on; the program sees
# the end of the file on the port.
spawn orphan "$FETHC" -s "$SOCK" exec orphan --pair -- \
    sh -c 'echo $$; exec sleep 30'
orphan=$LAST
started() {
	[ -s "$T/orphan.out" ]
}
wait_for 5 started || fail "no program"
pid=$(cat "$T/orphan.out")
kill -KILL "$orphan"
check "kill -9 of fethc ends the link" wait_for 5 is_gone orphan
kill "$pid" 2>/dev/null

# attach -- PROGRAM: the second port.
run fethc open shared --pair --named
# shellcheck disable=SC2016
run fethc attach shared --end 1 -- sh -c 'echo $FETH_NAME; exit 3'
is "attach runs a program, too" "$rc:$out" 3:shared
run fethc --json show shared
is "and a named link stays" "$(json .link.state)" detached

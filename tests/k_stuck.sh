#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A client passes a file of a FUSE file system that does not answer. Who closes
# it waits, and not even SIGKILL ends that: that must be nobody whom we need.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs nsenter umount
[ -c /dev/fuse ] || skip "needs /dev/fuse"
# Any file system would do; this one is at hand.
fuse=$top_builddir/tests/sim/sim_fuse
[ -x "$fuse" ] || skip "the simulation is not built: needs fuse3"

k_start stuck
mkdir "$RUN/files"
# What the library leaves at its end is not ours.
bg fuse env ASAN_OPTIONS=detect_leaks=0 nsenter --net="/run/netns/$NS" "$fuse" "$RUN/files" 15.4
server=$BG
# shellcheck disable=SC2317
unmount() {
	kill -CONT "$server" 2>/dev/null
	umount -l "$RUN/files" 2>/dev/null
}
at_exit="unmount $at_exit"
wait_for "$TEST_DEADLINE" test -f "$RUN/files/state" ||
    die "the file system does not start"
exec 7<"$RUN/files/state"
kill -STOP "$server"

fds_broker=$(fds_of "$(broker_pid)")
broker=$(broker_pid)
for i in 1 2 3; do
	bg give$i "$HOSTILE" give "$SOCK" 7
	eval "give$i=\$BG"
done
served() {
	timeout 5 "$FETHC" -s "$SOCK" list >/dev/null
}
for i in 1 2 3; do
	check "a file that is stuck was passed" wait_for 5 \
	    grep -q sent "$T/give$i.log"
	check "all are served" served
done
check "links are made" fethc exec --host -- true
for i in 1 2 3; do
	check "its client is hung up on" wait_for 10 \
	    grep -q 'hung up' "$T/give$i.log"
done
like "and the log says why" "$(cat "$LOG")" 'makes who looks at it wait'
same_fds() {
	[ "$(fds_of "$broker")" -le "$fds_broker" ]
}
check "no descriptor of it is left" wait_for 5 same_fds

# Its end, and that of the warden, are no other than else.
kill -9 "$broker"
other_broker() {
	new=$(broker_pid)
	[ -n "$new" ] && [ "$new" != "$broker" ] && served
}
check "kill -9 of the broker: a new one serves" wait_for 5 other_broker
kill_hard "$DPID"
k_again
check "kill -9 of the warden: a new start serves" served
stop_daemon
is "the daemon stops cleanly" "$rc" 0

kill -CONT "$server"
exec 7<&-
for i in 1 2 3; do
	eval "p=\$give$i"
	check "the client ends" wait_for 5 pid_gone "$p"
done
no_process() {
	[ -z "$(k_processes)" ]
}
check "nothing is left" wait_for 10 no_process
is "no interface of ours" "$(marked)" ""

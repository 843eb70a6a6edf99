#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bad clients (tests/hostile.c has the list) against a running daemon, while a
# good one works. After all of them the daemon has no descriptor, no link and not
# much more memory than before, and the good one has seen nothing of it.
. "${srcdir:-.}/tests/lib.sh"

# How much the daemon may grow, in KiB, by the second round of all cases; what
# the first one leaves is what malloc keeps of the floods.
BOUND=4096

# With a warden a link that ends counts until it is gone: the floods of one user
# would use up the good client's quota, who is the same.
if [ -n "${SIM_RELEASE-}" ]; then
	sim_up
	echo '{ "rules": [ { "name": "all", "allow": true, "quota": 4096,
	    "who": ["uid:'$USER_ID'"], "kinds": ["pair"] } ] }' >"$RUN/hostile.conf"
	start_daemon --config "$RUN/hostile.conf"
else
	start_daemon
fi
rss() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$DPID/status"
}
links() {
	fethc --json list
}
measurable() {
	[ -r "/proc/$DPID/status" ] && [ -z "$FETHD_WRAPPER" ] && ! grep -q __asan_init "$FETHD"
}

fethc open keep --pair --named >/dev/null
# The threads of the relay stay.
fethc exec --pair --relay -- true
links_before=$(links)
# Without those of the commands until here, which it may still have to close.
fds_before=$(fds_of "$(serving_pid)")
calm() {
	fds_last=$fds_before
	sleep 0.2
	fds_before=$(fds_of "$(serving_pid)")
	[ "$fds_before" -eq "$fds_last" ]
}
wait_for 5 calm

spawn good "$HOSTILE" good "$SOCK"
good=$LAST
for round in first second; do
	[ $round = first ] || rss_before=$(rss)
	for c in $("$HOSTILE" cases); do
		check "$round round: $c" hostile case "$SOCK" "$c"
		pid_alive "$good" ||
		    die "the good client failed: $(cat "$T/good.out")"
		pid_alive "$DPID" || die "the daemon died"
	done
done

# A client that dies before the daemon has even looked: nothing is left, not
# even of a named link.
kill -STOP "$DPID"
for lease in session named; do
	hostile dies "$SOCK" '{"method":"org.fethd.Broker.Open","parameters":{
	    "name":"dead-'$lease'","lease":"'$lease'",
	    "ends":[{"kind":"port"},{"kind":"port"}]}}' ||
	    fail "cannot send"
done
kill -CONT "$DPID"
no_dead() {
	! links | grep -q dead-
}
check "a dead client's links" wait_for 5 no_dead
like "were opened, and ended" "$(cat "$LOG")" \
    'dead-named of uid [0-9]+ ends: its client went while it was opened'

kill -TERM "$good"
wait "$good"
is "the good client" "$?:$(grep -c failed "$T/good.out")" 0:0
echo "the good client: $(cat "$T/good.out") $(cat "$T/good.err")"
refute "it has worked" grep -q '^[0-9] rounds' "$T/good.out"

same_fds() {
	[ "$(fds_of "$(serving_pid)")" -eq "$fds_before" ]
}
check "descriptors: $fds_before" wait_for 5 same_fds
is "links" "$(links)" "$links_before"
if measurable; then
	grown=$(($(rss) - rss_before))
	echo "memory: $rss_before KiB and $grown more"
	check "no more than $BOUND KiB" [ "$grown" -le "$BOUND" ]
fi
# Whatever one sends, the log does not fill the disk; ours are one line a link.
run grep -vcE 'link @[0-9]+ ' "$LOG"
check "the log has $out lines that are not about links" [ "$out" -lt 200 ]
refute "no line of it holds what a client sent" grep -q 'passwd' "$LOG"
stop_daemon
is "the daemon ends cleanly" "$rc" 0

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Classes socket (the default on a Mac) and stream: the relay between BPF and the
# program, on the simulated macOS.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs

k_conf '{ "name": "sim", "allow": true, "who": ["uid:'$USER_ID'"],
    "quota": 64 }'
k_start mac
sim_guest
no_feth() {
	[ -z "$(sim_feths)" ]
}

for class in auto stream; do
	sim_cable "c$class" $class
	is "$class: the class" "$(of "c$class" '.ends[0].class')" \
	    "$(echo $class | sed 's/auto/socket/')"
	case $SIM_RELEASE in
	14.4|15*)	batch=1 ;;
	*)		batch=0 ;;
	esac
	like "$class: the daemon has the descriptor" "$(sim_state '^bpf 0 ')" \
	    "direction=1 batch=$batch"
	check "$class: the host pings the guest" pings "$guest4"
	check "$class: full frames" pings -M "do" -s 1472 "$guest4"
	check "$class: 3 MB by TCP, host to guest" tcp "$guest" "$NS" TCP4 \
	    "$guest4"
	check "$class: 3 MB by TCP, guest to host" tcp "$NS" "$guest" TCP4 \
	    "$host4"
	check "$class: a burst" h ping -q -c 500 -l 100 -i 0.002 -W 3 "$guest4"
	broker=$(broker_pid)
	kill_hard "$broker"
	check "$class: broker killed: ping again" wait_for 10 answers "$guest4"
	kill $cable
	check "$class: it goes with its program" wait_for 40 no_feth
	check "$class: and its descriptor" wait_for 5 sim_no_bpf
done

# A named one comes back after kill -9 of all of the daemon.
run fethc open keep --host --named --address auto
is "a named one" "$rc" 0
before=$(sim_feths)
kill_hard "$DPID"
start_root_daemon_again --config "$CONF"
back() {
	[ "$(sim_feths)" = "$before" ] && [ "$(of keep .state)" != closing ]
}
check "is there again after a restart" wait_for 5 back
bg_user keep "$FETHC" -s "$SOCK" answer keep
keep4=$(of keep '.ends[0].addresses[0] | split("/")[0]')
check "and answers" wait_for 10 answers "$keep4"
kill $BG
fethc close keep
check "until it is closed" wait_for 5 no_feth
check "with its descriptor" wait_for 5 sim_no_bpf

# The interface goes under the relay.
sim_cable gone auto
sim_do destroy "$(host_if gone)"
check "destroyed by another program: the link is gone" wait_for 5 link_gone gone
check "and the other side" wait_for 5 no_feth
kill $cable 2>/dev/null
stop_daemon
is "the daemon stops cleanly" "$rc" 0
sim_clean

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Classes socket (the default on a Mac) and stream: the relay between BPF and the
# program, on the simulated macOS.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs
need_cmd socat

k_conf '{ "name": "sim", "allow": true, "who": ["uid:'$USER_ID'"],
    "quota": 64 }'
k_start mac
host=$NS
netns_new guest
guest=$NS NS=$host
g() {
	ip netns exec "$guest" "$@"
}
no_feth() {
	[ -z "$(sim_feths)" ]
}
ip -n "$guest" tuntap add dev t0 mode tap user $USER_ID
ip -n "$guest" link set t0 up
head -c 3000000 /dev/urandom >"$T/data"

tcp() {	# listener's netns, sender's netns, address
	ip netns exec "$1" socat -u "$3-LISTEN:7777,reuseaddr" \
	    "CREATE:$T/got" &
	tcp_pid=$!
	sleep 0.3
	ip netns exec "$2" timeout 60 socat -u "OPEN:$T/data" "$3:$4:7777"
	wait_for 20 pid_gone $tcp_pid
	cmp "$T/data" "$T/got"
}

cable_up() {	# name class
	bg "$1" nsenter --net="/run/netns/$guest" sh -c 'exec setpriv \
	    --reuid "$1" --regid "$1" --clear-groups -- "$2" "$3" "$4" "$5" \
	    t0 9<>/dev/net/tun' cable $USER_ID "$SIM_CABLE" "$SOCK" "$1" "$2"
	cable=$BG
	wait_for 5 grep -q open "$T/$1.log" || die "$(cat "$T/$1.log")"
	ip -n "$guest" addr flush dev t0
	ip -n "$guest" link set t0 down
	ip -n "$guest" link set t0 address "$(of "$1" '.ends[0].mac')" up
	for i in 0 1; do
		ip -n "$guest" addr add "$(of "$1" ".ends[0].addresses[$i]")" \
		    dev t0 nodad
	done
	host4=$(of "$1" '.ends[1].addresses[0] | split("/")[0]')
	guest4=$(of "$1" '.ends[0].addresses[0] | split("/")[0]')
	wait_for 5 answers "$guest4"
}

for class in auto stream; do
	cable_up "c$class" $class
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
	check "$class: 3 MB by TCP, host to guest" tcp "$guest" "$host" TCP4 \
	    "$guest4"
	check "$class: 3 MB by TCP, guest to host" tcp "$host" "$guest" TCP4 \
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
cable_up gone auto
sim_do destroy "$(host_if gone)"
check "destroyed by another program: the link is gone" wait_for 5 link_gone gone
check "and the other side" wait_for 5 no_feth
kill $cable 2>/dev/null
stop_daemon
is "the daemon stops cleanly" "$rc" 0
sim_clean

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A port with offloads: what is granted, that segments of 64 KiB pass through one
# program from TCP to TCP, faster than frames, and what a bad header does.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs iperf3

copier=$(tool copier)
k_conf '{ "name": "frames", "allow": true, "who": ["uid:'$OTHER_ID'"],
    "offloads": false }' '{ "name": "all", "allow": true,
    "who": ["uid:'$USER_ID'"] }'
k_start one
one=$DPID one_ns=$NS one_sock=$SOCK
RUN='' CONF=''
k_rundir
k_conf
k_start two
two=$DPID two_ns=$NS

# --- what is granted

hold lab open lab --offloads all
is "the reply tells which" "$(of lab '.ends[0].offloads | join(" ")')" \
    "csum tso4 tso6 uso"
is "the other end has none" "$(of lab '.ends[1].offloads')" null
headers() {	# interface
	ip -n "$NS" -d -j link show dev "$1" |
	    jq -r '.[0].linkinfo.info_data.vnet_hdr'
}
is "the interface has headers" "$(headers "$(host_if lab)")" true
kill "$BG"
hold few open few --offloads tso4
is "one brings csum" "$(of few '.ends[0].offloads | join(" ")')" "csum tso4"
kill "$BG"
hold none open none
is "off by default" "$(of none '.ends[0].offloads')" null
is "and no header" "$(headers "$(host_if none)")" false
kill "$BG"
run fethc open x --pair --offloads csum
is "a pair has none" "$rc" 1
like "and it says so" "$err" 'ends\[0\].offloads.*class tap'
run fethc open x --offloads tso5
is "an unknown one is a mistake" "$rc" 2
SOCK=$one_sock
run as_other "$FETHC" -s "$SOCK" open x --offloads csum --dry-run
is "the policy may refuse them" "$rc" 1
like "and says what helps" "$err" 'leave --offloads out'
check "the same without" as_other "$FETHC" -s "$SOCK" open x --dry-run
SOCK=$RUN/fethd.sock

# --- TCP through a copier, between the two hosts

mbits() {	# way where where mode
	bg_by=bg_user
	[ "$1" = feth ] || bg_by=bg
	$bg_by copy "$copier" "$1" "$2" "$3" "$4"
	wait_for "$TEST_DEADLINE" grep -q ^ready "$T/copy.log" ||
	    die "$(cat "$T/copy.log")"
	read -r _ if1 if2 <"$T/copy.log"
	for side in "$one_ns $if1 1" "$two_ns $if2 2"; do
		# shellcheck disable=SC2086
		set -- $side
		ip -n "$1" addr add "10.77.0.$3/24" dev "$2"
		ip -n "$1" link set "$2" up
	done
	ip netns exec "$two_ns" iperf3 -s -1 -B 10.77.0.2 >"$T/server" 2>&1 &
	server=$!
	wait_for "$TEST_DEADLINE" listens "$two_ns" 5201
	ip netns exec "$one_ns" iperf3 -c 10.77.0.2 -t 2 -J >"$T/iperf" 2>&1 ||
	    kill $server
	wait $server
	kill "$BG"
	wait_for 5 pid_gone "$BG"
	cat "$T/copy.log" >&2
	jq '.end.sum_received.bits_per_second / 1e6 | floor' "$T/iperf" ||
	    { cat "$T/iperf" "$T/server"; return 1; }
}
plain=$(mbits feth "$one_sock" "$SOCK" plain) || die "no rate: $plain"
with=$(mbits feth "$one_sock" "$SOCK" offloads) || die "no rate: $with"
bare=$(mbits bare "$one_ns" "$two_ns" offloads) || die "no rate: $bare"
echo "Mbit/s: frames $plain, offloads $with, offloads by hand $bare"
check "offloads are at least twice as fast" [ "$with" -ge $((2 * plain)) ]
check "and not much slower than by hand" \
    [ "$with" -ge $((bare * 3 / 4)) ]

DPID=$one
stop_daemon
is "the first daemon stops cleanly" "$rc" 0
DPID=$two
k_stop

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# TAPs that are made ahead of time: when, how many, that a burst of links is fast
# with them, whatever anybody does to them, and that none outlives its daemon.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

SPARES=8
many=$(tool hold)
spares_are() {
	[ "$(spares "$NS" | wc -l)" -eq "$1" ]
}

k_start spare
check "a pair brings none" fethc exec pair --pair -- true
check "nor does a dry run" fethc open dry --host --dry-run
sleep 0.3
is "no interface" "$(marked)" ""
check "a host link does" fethc exec first --host -- true
within 3000 "eight spares" spares_are 8
sleep 0.3
check "and no more" spares_are 8
one=$(spares "$NS" | head -n 1)
like "down, and marked" "$(ip -n "$NS" -j link show dev "$one" |
    jq -c '.[0] | [.operstate, .ifalias]')" \
    '^\["DOWN","fethd:[0-9a-f]{16}:spare"\]$'
is "without an address" "$(ip -n "$NS" -o addr show dev "$one")" ""

# --- a burst

burst() {	# N; sets $ms
	bg_user burst "$many" "$SOCK" "$1" 0 burst
	wait_for "$TEST_DEADLINE" grep -q ^open "$T/burst.log" ||
	    die "$(cat "$T/burst.log")"
	ms=$(sed -n 's/^open .* in \([0-9]*\) ms/\1/p' "$T/burst.log")
	is "$1 links" "$(links)" "$1"
	kill "$BG"
	wait_for 5 pid_gone "$BG"
	wait_for 5 no_links
}
links() {
	ip -n "$NS" -j link show | jq '[.[] | (.ifalias // "") |
	    select(startswith("fethd:") and (endswith(":spare") | not))] | length'
}
no_links() {
	[ "$(links)" -eq 0 ]
}
burst 8
echo "8 links in $ms ms"
check "in less time than three moves take" in_time "$ms" 45
within 3000 "eight spares again" spares_are 8
burst 20
echo "20 links in $ms ms"
within 3000 "and again" spares_are 8

# --- the name

# A link that has no name of its own gets the one that the spare has, of which the
# broker was told with the link before.
check "a link before it" fethc exec --host -- true
within 3000 "eight there" spares_are 8
ready=$(spares "$NS")
hold first open --host
iface=$(sed -n 's/^end 1 .* \(feth[0-9]*\) .*/\1/p' "$T/first.log")
is "its interface had it before" "$(echo "$ready" | grep -x "$iface")" "$iface"
kill "$BG"
within 3000 "eight once more" spares_are 8

# --- somebody has a hand in them

h ip link add br type bridge
# shellcheck disable=SC2046
set -- $(spares "$NS")
h ip link set "$1" up
h ip link set "$2" master br
h ip link set "$3" alias mine
h ip link set "$4" name other
h ip link del "$5"
burst 8
within 3000 "eight new ones" spares_are 8
is "none of them is in the bridge" "$(ip -n "$NS" -o link show master br)" ""
h ip link del br
# Nor does it matter what was set since.
h sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
hold lab open lab --host
iface=$(host_if lab)
is "a link does not forward IPv4" "$(conf_of "$iface" ipv4 forwarding)" 0
is "nor IPv6" "$(conf_of "$iface" ipv6 forwarding)" 0
within 3000 "eight again" spares_are 8

# --- none outlives its daemon

broker=$(broker_pid)
kill_hard "$broker"
wait_for 5 sh -c "[ \$(pgrep -P $DPID | wc -l) = 1 ]"
check "kill -9 of the broker: they stay" spares_are 8
kill_hard "$DPID"
kill "$BG"
within 2000 "kill -9 of the warden: they are gone" spares_are 0
h sysctl -qw net.ipv4.conf.all.accept_redirects=1 net.ipv4.conf.all.rp_filter=2
k_again
like "the log tells what counts beside our settings" "$(cat "$LOG")" \
    'conf.all.accept_redirects is 1'
like "and of the filter" "$(cat "$LOG")" 'conf.all.rp_filter is 2'
h sysctl -qw net.ipv4.conf.all.rp_filter=0
check "the next start has none" spares_are 0
check "a link" fethc exec lab --host -- true
within 3000 "they are back" spares_are 8
SPARES=2
k_conf
kill -HUP "$DPID"
within 2000 "fewer after a reload" spares_are 2
SPARES=0
k_conf
kill -HUP "$DPID"
within 2000 "none after another one" spares_are 0
check "a link without" fethc exec lab --host -- true
sleep 0.3
check "brings none" spares_are 0
k_stop

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wire links: two interfaces of the host, or one of them in a network namespace
# that is the caller's own.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs unshare nsenter

k_start wire
no_wire() {
	link_gone "$1" && [ -z "$(marked)" ]
}

# --- both on the host

hold both open both --wire --address 10.98.0.1/30 --peer-address 10.98.1.1/30 \
    --mtu 1400
ends=$(of both '.ends | .[0].interface + " " + .[1].interface')
like "two interfaces" "$ends" '^feth[0-9]{5} feth[0-9]{5}$'
a=${ends% *}
b=${ends#* }
is "of one slot" $((${b#feth} - ${a#feth})) 1
for i in 0 1; do
	iface=$a
	[ $i -eq 0 ] || iface=$b
	facts=$(ip -n "$NS" -d -j link show dev "$iface")
	is "$iface is a veth of MTU 1400, up, marked, with the MAC told" \
	    "$(printf '%s' "$facts" | jq -r '.[0] | [.linkinfo.info_kind, .mtu,
	    .operstate, (.ifalias | startswith("fethd:")), .address] |
	    map(tostring) | join(" ")')" \
	    "veth 1400 UP true $(of both ".ends[$i].mac")"
	is "hardened" "$(conf_of "$iface" ipv6 accept_ra)$(conf_of "$iface" ipv4 \
rp_filter)$(conf_of "$iface" ipv6 forwarding)" 010
done
is "they are each other's" \
    "$(ip -n "$NS" -j link show dev "$a" | jq -r '.[0].link')" "$b"
check "the address is on the first" answers 10.98.0.1
kill "$BG"
within 1000 "the client goes: both are gone" no_wire both

# --- one of them in the caller's own namespace

# What a normal user can make without anybody's help.
user_netns() {	# NAME: a namespace, as long as $BG lives
	bg_user "$1" unshare -Urn sleep 60
	wait_for 5 own_ns "$BG"
}
own_ns() {
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ] &&
	    grep -q sleep "/proc/$1/comm"
}
in_ns() {
	as_user nsenter -t "$holder" -U -n --preserve-credentials "$@"
}
user_netns mine ||
    skip "normal users cannot make namespaces here: $(cat "$T/mine.log")"
holder=$BG
hold wire open wire --wire --netns "/proc/$holder/ns/net" \
    --address 10.98.2.1/30 --address fd98:2::1/64 \
    --peer-address 10.98.2.2/30 --peer-address fd98:2::2/64
client=$BG
iface=$(of wire '.ends[0].interface')
peer=$(in_ns ip -j link show | jq -r '.[] | select(.ifname != "lo").ifname')
is "one is on the host" "$(marked)" "$iface"
is "the other one in the namespace" "$peer" "$(of wire '.ends[1].interface')"
is "with its MAC, up, with its addresses" "$(in_ns ip -j addr show dev "$peer" |
    jq -r '.[0] | .address + " " + .operstate + " " + ([.addr_info[] |
    select(.scope == "global").local] | sort | join(" "))')" \
    "$(of wire '.ends[1].mac') UP 10.98.2.2 fd98:2::2"
check "ping across" pings 10.98.2.2
wait_for 5 answers fd98:2::2
check "by IPv6" pings fd98:2::2
check "and back" in_ns ping -q -c 1 -W 2 10.98.2.1 >/dev/null
# Its owner is root there and may do as it likes; the host's side stays.
check "the namespace's owner takes its side down" \
    in_ns ip link set dev "$peer" down
check "and up" in_ns ip link set dev "$peer" up
kill "$client"
within 1000 "the client goes: the host's is gone" no_wire wire
is "and the other" "$(in_ns ip -j link show | jq -r '[.[].ifname] | join(" ")')" lo

# Close rather than the end of the client.
hold again open again --wire --netns "/proc/$holder/ns/net"
again=$BG
iface=$(of again '.ends[0].interface')
check "without addresses" if_there "$iface"
check "close" fethc close again
within 1000 "Close: both are gone" no_wire again
kill "$again"

# Its owner has an interface of the name that ours would have there.
fethc --json open taken --wire --dry-run >"$T/taken"
taken=$(jq -r '.ends[1].interface' "$T/taken")
check "(he makes one)" in_ns ip link add "$taken" type veth peer name mine
hold taken open taken --wire --netns "/proc/$holder/ns/net"
refute "it gets another one" [ "$(of taken '.ends[1].interface')" = "$taken" ]
check "his own is there" in_ns ip link show dev mine >"$T/mine"
# He removes our side.
check "he removes it" in_ns ip link del "$(of taken '.ends[1].interface')"
within 1000 "the host's goes, too" no_wire taken
kill "$BG"
in_ns ip link del mine

hold dies open dies --wire --netns "/proc/$holder/ns/net"
dies=$BG
kill_hard "$holder"
within 2000 "the namespace goes: the host's is gone" no_wire dies
kill "$dies"

# --- namespaces of others

user_netns mine2
holder=$BG
bg "root-ns" unshare -n sleep 60
wait_for 5 own_ns "$BG"
root_ns=$BG
bg "other-ns" setpriv --reuid $OTHER_ID --regid $OTHER_ID --clear-groups -- \
    unshare -Urn sleep 60
wait_for 5 own_ns "$BG"
other_ns=$BG
# Somebody who may open it gives him the descriptor.
refused() {	# WHAT FILE ERE
	# shellcheck disable=SC2094
	run as_user "$FETHC" -s "$SOCK" open no --wire --netns /proc/self/fd/9 \
	    9<"$2"
	is "$1: refused" "$rc" 1
	like "$1: why" "$err" "$3"
}
refused "a namespace of root's" "/proc/$root_ns/ns/net" \
    'NotPermitted: .*netns-owner'
refused "the host's" "/proc/$DPID/ns/net" 'NotPermitted: .*netns-owner'
refused "another user's" "/proc/$other_ns/ns/net" \
    'NotPermitted: .*netns-owner'
refused "a mount namespace" "/proc/$holder/ns/mnt" \
    'InvalidSpec: .*no network namespace'
refused "a file" /etc/passwd 'InvalidSpec: .*no network namespace'
refused "a device" /dev/null 'InvalidSpec: .*no network namespace'
is "nothing was made" "$(marked)" ""
check "the daemon lives" fethc list >/dev/null

# --- a stop of the daemon leaves neither

hold last open last --wire --netns "/proc/$holder/ns/net"
k_stop
is "nothing in the namespace either" \
    "$(in_ns ip -j link show | jq -r '[.[].ifname] | join(" ")')" lo

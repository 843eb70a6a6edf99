#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Class raw: only where a rule names it; frames as they would be on a cable; a
# namespace with nothing else in it, which goes with the link.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs socat

port=$(tool port)
plain='{ "name": "plain", "allow": true, "who": ["uid:'$USER_ID'"] }'
raw='{ "name": "trusted", "allow": true, "who": ["uid:'$OTHER_ID'"],
    "classes": ["raw", "tap"] }'
k_conf "$plain" "$raw"
k_start raw

# --- who may

run fethc open no --host --class raw
is "without a rule that names it: refused" "$rc" 1
like "why" "$err" 'NotPermitted: refused by rule "plain" of .*fethd\.conf'
like "and what would help" "$err" 'hint: .*(raw|class)'
run fethc policy explain open no --host --class raw
like "explained" "$out" 'plain'
is "nothing was made" "$(marked)" ""

as_raw() {
	as_other "$FETHC" -s "$SOCK" "$@"
}
raw_link() {	# NAME COMMAND ARGS: in the background, as who may
	raw_name=$1
	shift
	bg "$raw_name" setpriv --reuid $OTHER_ID --regid $OTHER_ID \
	    --clear-groups -- "$FETHC" -s "$SOCK" "$@"
}
raw_of() {
	as_raw --json show "$1" 2>/dev/null | jq -r ".link$2"
}
raw_up() {
	[ "$(raw_of "$1" .state)" = up ]
}

# --- frames

raw_link answer answer lab --host --class raw --address auto
answer=$BG
wait_for 5 raw_up lab || die "$(cat "$T/answer.log")"
iface=$(raw_of lab '.ends[1].interface')
ip4=$(raw_of lab '.ends[0].addresses[0] | split("/")[0]')
ip6=$(raw_of lab '.ends[0].addresses[1] | split("/")[0]')
facts=$(ip -n "$NS" -d -j link show dev "$iface")
is "a veth, up, marked, with the MAC told" "$(printf '%s' "$facts" | jq -r '.[0]
    | [.linkinfo.info_kind, .operstate, (.ifalias | startswith("fethd:")),
    .address] | map(tostring) | join(" ")')" \
    "veth UP true $(raw_of lab '.ends[1].mac')"
is "hardened" "$(conf_of "$iface" ipv6 accept_ra)$(conf_of "$iface" ipv4 \
rp_filter)$(conf_of "$iface" ipv6 forwarding)" 010
refute "its other end is not on the host" if_there feth$((${iface#feth} + 1))
check "ping by IPv4" pings "$ip4"
wait_for 5 answers "$ip6"
check "ping by IPv6" pings "$ip6"
within 1000 "the frames are counted" sh -c "[ \"\$(ip -n $NS -s -j \
    link show dev $iface | jq '.[0].stats64.rx.packets')\" -gt 4 ]"
kill -9 $answer
gone() {
	if_gone "$1" && [ -z "$(marked)" ]
}
within 1000 "kill -9 of the client: gone" gone "$iface"

# --- checksums: the host must have finished what it sends

raw_link sums exec sums --host --class raw --address auto -- "$port" recv \
    "{fd}" 20
sums=$BG
wait_for 5 raw_up sums
iface=$(raw_of sums '.ends[1].interface')
ip4=$(raw_of sums '.ends[0].addresses[0] | split("/")[0]')
mac=$(raw_of sums '.ends[0].mac')
h ip neigh replace "$ip4" lladdr "$mac" dev "$iface"
head -c 9000 /dev/urandom >"$T/data"
for n in 1 7 1400; do
	head -c $n "$T/data" | h socat -u - "UDP:$ip4:9"
done
h socat -u - "TCP:$ip4:9,connect-timeout=1" </dev/null 2>/dev/null
h ping -q -c 1 -W 1 "$ip4" >/dev/null
got() {
	[ "$(grep -c "^$1 good" "$T/sums.log")" -ge "$2" ]
}
check "UDP has right checksums" wait_for 5 got udp 3
check "TCP has right checksums" wait_for 5 got tcp 1
check "ICMP has right checksums" wait_for 5 got icmp 1
is "none is wrong" "$(grep -c BAD "$T/sums.log")" 0
kill "$sums"
within 1000 "SIGTERM: gone" gone "$iface"

# --- what the holder can reach

other=3000
h ip link add other index $other type veth peer name other-peer
h ip link set other up
raw_link second answer second --host --class raw
keeper=$BG
wait_for 5 raw_up second
second=$(raw_of second '.ends[1].interface')
raw_link tries exec tries --host --class raw -- "$port" raw "{fd}" "$other"
wait_for 5 grep -q '^SIOCSIFFLAGS' "$T/tries.log" || die "$(cat "$T/tries.log")"
tried() {
	like "$1" "$(cat "$T/tries.log")" "^$1 ($2)\$"
}
sees=$(sed -n 's/^sees [0-9]* //p' "$T/tries.log" | tr '\n' ' ')
like "it sees lo and ports of the same user's" "$sees" \
    '^(lo |feth[0-9]*[13579] )+$'
refute "not the host's interfaces" grep -q "^sees $other " "$T/tries.log"
tried bind-host 'ENODEV|ENXIO'
tried sendto-host 'ENODEV|ENXIO'
tried SIOCGSKNS EPERM
tried SO_MARK EPERM
tried SIOCSIFFLAGS EPERM
wait_for 5 pid_gone "$BG"
within 1000 "its program ended: gone; the user's other link is there" \
    sh -c "[ \"\$(ip -n $NS -o link show | grep -c 'alias fethd')\" = 1 ] &&
    ip -n $NS link show dev $second >/dev/null"

# --- another user has another namespace

as_raw list >"$T/list"
k_conf "$plain" "$raw" '{ "name": "third", "allow": true, "who": ["uid:65123"],
    "classes": ["raw"] }'
kill -HUP "$DPID"
reloaded() {
	as_raw --json policy | jq -e 'any(.rules[]; .name == "third")' >/dev/null
}
wait_for "$TEST_DEADLINE" reloaded || die "the new policy is not in force"
bg third setpriv --reuid 65123 --regid 65123 --clear-groups -- "$FETHC" \
    -s "$SOCK" exec third --host --class raw -- "$port" raw "{fd}" "$other"
wait_for 5 grep -q '^SIOCSIFFLAGS' "$T/third.log" || cat "$T/third.log"
is "which holds the port alone" "$(grep -c '^sees' "$T/third.log")" 2
refute "and not the first user's" grep -q "feth$((${second#feth} + 1))" \
    "$T/third.log"

# --- namespaces go with the last link of their user

spaces() {	# how many network namespaces the warden has open
	[ "$(readlink "/proc/$DPID/fd"/* | grep -c '^net:')" = "$1" ]
}
within 2000 "home, vault, and the first user's namespace are left" spaces 3
kill "$keeper"
within 2000 "his goes with his last link" spaces 2
slab() {
	awk '$1 == "net_namespace" { print $2 }' /proc/slabinfo
}
if [ -n "$(slab 2>/dev/null)" ]; then
	before=$(slab)
	fds=$(fds_of "$DPID")
	i=0
	while [ $i -lt 60 ]; do
		as_raw exec --host --class raw -- true
		i=$((i + 1))
	done
	fewer() {
		[ "$(slab)" -lt $((before + 40)) ]
	}
	within 5000 "60 links later the kernel has no more namespaces" fewer
	# The last of them may still be on its way.
	as_before() {
		[ "$(fds_of "$DPID")" = "$fds" ]
	}
	within 5000 "nor the warden more descriptors than $fds" as_before
fi
k_stop

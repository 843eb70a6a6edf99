#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A host link: what the kernel has of it, that it carries frames, that it is
# hardened, and that it goes with its program.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs tcpdump

k_start host
# The host trusts everybody by default; a link must not inherit that.
h sysctl -qw net.ipv6.conf.default.accept_ra=2 \
    net.ipv6.conf.default.autoconf=1 net.ipv6.conf.all.forwarding=1 \
    net.ipv6.conf.default.forwarding=1 \
    net.ipv6.conf.default.accept_redirects=1 \
    net.ipv6.conf.default.proxy_ndp=1 net.ipv4.ip_forward=1 \
    net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.rp_filter=0 \
    net.ipv4.conf.default.accept_redirects=1 \
    net.ipv4.conf.default.secure_redirects=1 \
    net.ipv4.conf.default.send_redirects=1 \
    net.ipv4.conf.default.accept_source_route=1 \
    net.ipv4.conf.default.accept_local=1 \
    net.ipv4.conf.default.proxy_arp=1 net.ipv4.conf.default.route_localnet=1

start=$(now)
hold answer answer lab --host --address auto -v
echo "opened after $(($(now) - start)) ms"
answer=$BG
like "the user's own process answers" \
    "$(sed -n 's/^Uid:[[:space:]]*//p' "/proc/$answer/status")" \
    "^$USER_ID	$USER_ID"

# --- what the kernel has

iface=$(host_if lab)
like "the name is of our range" "$iface" '^feth(1[0-9]{4}|2[0-9]{4}|3[0-2][0-9]{3})$'
facts=$(ip -n "$NS" -d -j link show dev "$iface")
fact() {
	printf '%s' "$facts" | jq -r ".[0]$1"
}
slot=$(((${iface#feth} - 10000) / 2))
like "the mark" "$(fact .ifalias)" "^fethd:[0-9a-f]{16}:$slot\$"
is "the MAC is the one told" "$(fact .address)" "$(of lab '.ends[1].mac')"
is "the MTU" "$(fact .mtu)" "$(of lab .mtu)"
is "MTU 1500" "$(fact .mtu)" 1500
is "it is up" "$(fact '.flags | index("UP") != null')" true
is "it is a tap" "$(fact .linkinfo.info_data.type)" tap
is "of one queue" "$(fact .linkinfo.info_data.multi_queue)" false
is "which dies with its last descriptor" \
    "$(fact .linkinfo.info_data.persist)" false
mac0=$(of lab '.ends[0].mac')
mac1=$(of lab '.ends[1].mac')
refute "the ends have different MACs" [ "$mac0" = "$mac1" ]
like "locally administered" "$mac0 $mac1" \
    '^.[26ae](:..){5} .[26ae](:..){5}$'

# --- hardened

while read -r family key want; do
	is "$family $key" "$(conf_of "$iface" "$family" "$key")" "$want"
done <<-END
	ipv6 accept_ra 0
	ipv6 autoconf 0
	ipv6 forwarding 0
	ipv6 accept_redirects 0
	ipv6 accept_source_route 0
	ipv6 proxy_ndp 0
	ipv4 forwarding 0
	ipv4 rp_filter 1
	ipv4 accept_redirects 0
	ipv4 secure_redirects 0
	ipv4 send_redirects 0
	ipv4 accept_source_route 0
	ipv4 accept_local 0
	ipv4 route_localnet 0
	ipv4 proxy_arp 0
	ipv4 arp_ignore 1
	ipv4 arp_announce 2
END

# --- addresses and routes

ip4=$(of lab '.ends[0].addresses[0] | split("/")[0]')
ip6=$(of lab '.ends[0].addresses[1] | split("/")[0]')
told=$(of lab '.ends[1].addresses | sort | join(" ")')
has=$(ip -n "$NS" -j addr show dev "$iface" | jq -r '[.[0].addr_info[] |
    select(.scope == "global") | "\(.local)/\(.prefixlen)"] | sort | join(" ")')
is "the addresses are those told" "$has" "$told"
like "from the pools" "$told" '^10\.253\..*/30 fd66:6574:68.*/64$'
is "no IPv4 route but its prefix" \
    "$(ip -n "$NS" -4 route show dev "$iface" | wc -l)" 1
is "no IPv6 route but its prefix and link-local" \
    "$(ip -n "$NS" -6 route show dev "$iface" | grep -vc '^fe80::/64')" 1
is "no default route" "$(ip -n "$NS" route show default
    ip -n "$NS" -6 route show default)" ""

# --- frames

h tcpdump -U -ne -i "$iface" -c 4 icmp >"$T/tcpdump.log" 2>&1 &
dump=$!
daemons="$daemons $dump"
wait_for 5 grep -q 'listening on' "$T/tcpdump.log"
check "ping by IPv4" pings "$ip4"
wait_for 5 answers "$ip6"
check "ping by IPv6" pings "$ip6"
wait_for 5 pid_gone $dump
like "tcpdump sees the request's MACs" "$(cat "$T/tcpdump.log")" \
    "$mac1 > $mac0, .*ICMP echo request"
like "tcpdump sees the reply's MACs" "$(cat "$T/tcpdump.log")" \
    "$mac0 > $mac1, .*ICMP echo reply"
like "the program saw them" "$(cat "$T/answer.log")" \
    "$mac1 > $mac0 .*echo request .*answered"

stat() {
	fethc --json stats lab | jq -r ".. | objects | select(.ends?) |
	    .ends[$1].$2" | head -n 1
}
kernel() {
	ip -n "$NS" -s -j link show dev "$iface" | jq -r ".[0].stats64.$1"
}
check "frames are counted" [ "$(stat 1 tx_frames)" -ge 7 ]
# A frame may come between two looks.
same() {
	counted="$(stat 1 rx_frames) $(stat 1 rx_bytes) $(stat 0 tx_frames)"
	[ "$counted" = \
	    "$(kernel rx.packets) $(kernel rx.bytes) $(kernel rx.packets)" ]
}
check "rx frames and bytes as the kernel's, which are the port's tx" \
    wait_for 5 same

# --- whose it is

run as_other "$FETHC" -s "$SOCK" show "$USER_ID/lab"
is "another user does not see it" "$rc" 1
like "as if it were not there" "$err" NoSuchLink
run as_other "$FETHC" -s "$SOCK" close "$USER_ID/lab"
is "nor can end it" "$rc" 1
run as_other "$FETHC" -s "$SOCK" open --host
is "nor may have one" "$rc" 1
like "and is told why" "$err" 'NotPermitted: .*\.conf'
like "and what would help" "$err" 'hint: .*kernel-test allows it'

# --- it goes with its program, and comes back the same

before="$iface $mac0 $mac1 $told"
kill -9 $answer
within 1000 "kill -9 of the client: the interface is gone" if_gone "$iface"
within 1000 "and the link" link_gone lab
wait $answer 2>/dev/null
hold again answer lab --host --address auto
is "the same name has the same unit, MACs and addresses" "$(host_if lab) \
$(of lab '.ends[0].mac') $(of lab '.ends[1].mac') \
$(of lab '.ends[1].addresses | sort | join(" ")')" "$before"
kill $BG
within 1000 "SIGTERM of the client: gone" if_gone "$iface"

# --- sizes

size() {	# mtu payload
	hold "mtu$1" answer "mtu$1" --host --mtu "$1" --address auto
	is "MTU $1" "$(ip -n "$NS" -j link show dev "$(host_if "mtu$1")" |
	    jq -r '.[0].mtu')" "$1"
	check "ping with packets of $1 bytes" pings -M "do" -s "$2" \
	    "$(of "mtu$1" '.ends[0].addresses[0] | split("/")[0]')"
	kill $BG
}
size 68 40
size 9000 8972
size 65521 65493
run fethc open --host --mtu 65522
is "more is refused" "$rc" 2

# --- explicit addresses

h ip link add other type veth peer name other-peer
h ip addr add 10.77.0.1/24 dev other
h ip -6 addr add fd77::1/64 dev other nodad
h ip link set other up
h ip link set other-peer up
h ip route add default via 10.77.0.2
hold explicit answer explicit --host --address 10.99.7.1/30 \
    --address fd99::1/64 --peer-address 10.99.7.2/30 --peer-address fd99::2/64
has=$(ip -n "$NS" -j addr show dev "$(host_if explicit)" | jq -r '[
    .[0].addr_info[] | select(.scope == "global") |
    "\(.local)/\(.prefixlen)"] | sort | join(" ")')
is "explicit addresses" "$has" "10.99.7.1/30 fd99::1/64"
check "ping them" pings 10.99.7.2
overlap() {
	run fethc open --host --address "$1"
	is "$1 is refused" "$rc" 1
	like "$1 overlaps $2" "$err" "InvalidSpec: addresses: .*overlaps.*$2"
}
overlap 10.77.0.5/30 10.77.0.0/24
overlap 10.77.0.5/32 10.77.0.0/24
overlap 10.0.0.1/8 ''
overlap fd77::5/120 fd77::
overlap 10.99.7.2/30 'another link'
overlap fd99:0:0:0:8000::1/66 'another link'

kill $BG

# --- a host without IPv6

h sysctl -qw net.ipv6.conf.default.disable_ipv6=1
hold four answer four --host --address auto
like "automatic addresses are IPv4's alone" \
    "$(of four '.ends | map(.addresses[]) | join(" ")')" \
    '^10\.253\.[0-9.]+/30 10\.253\.[0-9.]+/30$'
check "ping" pings "$(of four '.ends[0].addresses[0] | split("/")[0]')"
run fethc open six --host --address fd99:6::1/64
is "one of IPv6 by name is refused" "$rc" 1
like "with the system's reason" "$err" 'BackendFailed: .*set the addresses'
is "and nothing of it is left" "$(marked)" "$(host_if four)"
kill $BG
k_stop

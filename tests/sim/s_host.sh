#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A host link on the simulated macOS: what the kernel has of it, and that real
# ping, TCP and multicast pass host stack, feth, BPF and an unprivileged client.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs

k_conf '{ "name": "sim", "allow": true, "who": ["uid:'$USER_ID'"],
    "classes": ["raw", "socket", "stream"], "quota": 64 }'
k_start mac

# --- what the kernel has

hold answer answer lab --host --class raw --address auto -v
answer=$BG
a=$(host_if lab)
b=feth$((${a#feth} + 1))
slot=$(((${a#feth} - 10000) / 2))
like "the name is of our range" "$a" \
    '^feth(1[0-9]{4}|2[0-9]{4}|3[0-2][0-9]{3})$'
like "the host side" "$(sim_state "^if $a ")" \
    "up running mtu=1500 .*mac=$(of lab '.ends[1].mac') peer=$b .*naddr=2 \
desc=fethd:[0-9a-f]{16}:$slot:0\$"
like "the I/O side" "$(sim_state "^if $b ")" \
    "up running mtu=2048 .*mac=$(of lab '.ends[0].mac') peer=$a .*naddr=0 \
desc=fethd:[0-9a-f]{16}:$slot:1\$"
like "the descriptor" "$(sim_state '^bpf 0 ')" \
    "if=$b blen=524288 direction=1 batch=0"
case $SIM_RELEASE in
15*)	divert=0 ;;
*)	divert=-1 ;;
esac
like "the I/O side's input is diverted where it can be" \
    "$(sim_state "^if $b ")" " dvrtin=$divert "

# --- frames

ip4=$(of lab '.ends[0].addresses[0] | split("/")[0]')
ip6=$(of lab '.ends[0].addresses[1] | split("/")[0]')
check "ping by IPv4" pings "$ip4"
wait_for 5 answers "$ip6"
check "ping by IPv6" pings "$ip6"
check "ping of a full frame" pings -M "do" -s 1472 "$ip4"
like "the program saw them" "$(cat "$T/answer.log")" 'echo request .*answered'
refute "and none of its own" grep -q "$(of lab '.ends[0].mac') > .*echo reply" \
    "$T/answer.log"
check "frames are counted" [ "$(fethc --json stats lab | jq -r '.. | objects |
    select(.ends?) | .ends[1].tx_frames' | head -n 1)" -ge 5 ]
kill -9 $answer
wait $answer 2>/dev/null
no_feth() {
	[ -z "$(sim_feths)" ]
}
within 2000 "kill -9 of the client: the interfaces are gone" no_feth
within 2000 "and the descriptor" sim_no_bpf

# --- a second kernel as the guest

sim_guest
sim_cable wire raw
a=$(host_if wire)
check "the host pings the guest" pings "$guest4"
check "the guest pings the host" g ping -q -c 2 -i 0.2 -W 2 "$host4"
wait_for 5 answers "$guest6"

check "3 MB by TCP, host to guest" tcp "$guest" "$NS" TCP4 "$guest4"
check "3 MB by TCP, guest to host" tcp "$NS" "$guest" TCP4 "$host4"
check "3 MB by TCP and IPv6" tcp "$guest" "$NS" TCP6 "[$guest6]"

# Not by g, which would give the number of a shell.
ip netns exec "$guest" socat -u \
    UDP4-RECV:7778,ip-add-membership=239.1.2.3:t0 "CREATE:$T/multicast" &
daemons="$daemons $!"
said() {
	echo hello | h socat -u - \
	    "UDP4-DATAGRAM:239.1.2.3:7778,ip-multicast-if=$host4"
	[ -s "$T/multicast" ]
}
check "multicast, host to guest" wait_for 5 said

# A full frame with a tag: 1518 bytes, both ways. (Not every kernel has VLANs;
# tests/sim/test_backend_feth.c does it without.)
if h ip link add link "$a" name v7 type vlan id 7 2>/dev/null; then
	ip -n "$guest" link add link t0 name v7 type vlan id 7
	ip -n "$NS" addr add 10.99.7.1/30 dev v7
	ip -n "$guest" addr add 10.99.7.2/30 dev v7
	ip -n "$NS" link set v7 up
	ip -n "$guest" link set v7 up
	wait_for 5 answers 10.99.7.2
	check "tagged full frames" pings -M "do" -s 1472 10.99.7.2
	ip -n "$NS" link del v7
fi

kill $cable
within 2000 "SIGTERM of the client: gone" no_feth

# --- sizes

size() {	# mtu
	hold "mtu$1" answer "mtu$1" --host --class raw --mtu "$1" \
	    --address auto
	check "MTU $1: ping of full frames" pings -M "do" -s $(($1 - 28)) \
	    "$(of "mtu$1" '.ends[0].addresses[0] | split("/")[0]')"
	kill $BG
}
size 72
size 1280
size 2030
case $SIM_RELEASE in
12|13)
	run fethc open big --host --class raw --mtu 9000
	is "MTU 9000 is refused before macOS 14" "$rc" 1
	like "and why is in the log" "$(cat "$LOG")" 'before macOS 14.* 2030' ;;
*)
	size 9000
	like "max_mtu was raised" "$(sim_state max_mtu)" ' 9004$'
	size 16366 ;;
esac
run fethc open big --host --class raw --mtu 65000
is "MTU 65000 is refused" "$rc" 1
within 2000 "nothing is left" no_feth
stop_daemon
is "the daemon stops cleanly" "$rc" 0
sim_clean

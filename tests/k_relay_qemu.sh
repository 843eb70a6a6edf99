#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A virtual machine boots from the network through the relay, by each of the
# sockets that QEMU knows: a stream with its framing, and datagrams.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs qemu-system-x86_64 dnsmasq

k_start relayqemu
dhcp_server
dnsmasq=$BG
qemu-system-x86_64 -netdev help >"$T/netdevs" 2>&1

# Until then the next one cannot have its addresses.
no_links() {
	[ "$(fethc --json list | jq '.links | length')" = 0 ]
}
vm_up() {
	[ "$(of "$vm" .state 2>/dev/null)" = up ] &&
	    pgrep -P "$qemu" >"$T/pid"
}
# NAME CLASS NETDEV-OPTIONS...
boot() {
	vm=$1 class=$2 netdev=$3
	shift 3
	type=${netdev%%,*}
	if ! grep -qx "$type" "$T/netdevs"; then
		echo "this QEMU has no -netdev $type"
		return
	fi
	bg_user "$vm" "$FETHC" -s "$SOCK" exec "$vm" --host --class "$class" \
	    --mac-lock "$@" --address 10.99.1.1/24 -- \
	    qemu-system-x86_64 -nographic -nodefaults -serial stdio \
	    -accel tcg -m 64 -boot n -netdev "$netdev" \
	    -device "virtio-net-pci,netdev=n0,mac={mac}"
	qemu=$BG
	wait_for 10 vm_up || die "$(cat "$T/$vm.log")"
	iface=$(host_if "$vm")
	mac=$(of "$vm" '.ends[0].mac')
	start=$(now)
	check "$vm: the server gave its MAC an address" wait_for 60 \
	    grep -Eq "DHCPACK\($iface\) 10\.99\.1\.[0-9]+ $mac" \
	    "$T/dnsmasq.log"
	echo "after $(($(now) - start)) ms"
	given=$(sed -n "s/.*DHCPACK($iface) \([0-9.]*\) $mac.*/\1/p" \
	    "$T/dnsmasq.log" | head -n 1)
	check "$vm: its firmware says so, too" wait_for 40 grep -aqE \
	    "net0: $given/255\.255\.255\.0|configuring \(net0 $mac\).*ok" \
	    "$T/$vm.log"
	is "$vm: nothing was dropped" "$(fethc --json stats "$vm" |
	    jq -c '.stats[0].ends[0].drops')" '{}'
	kill "$qemu"
	within 3000 "$vm: it ends: so does its interface" if_gone "$iface"
	wait_for 5 no_links
}

boot stream stream "stream,id=n0,addr.type=fd,addr.str={fd}"
boot socket stream "socket,id=n0,fd={fd}"
boot dgram socket "dgram,id=n0,local.type=fd,local.str={fd}" --dgram
[ $checks -gt 0 ] || skip "this QEMU has none of the sockets"
kill "$dnsmasq"
k_stop

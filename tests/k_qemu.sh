#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A virtual machine of a normal user's boots from the network through a host
# link: its firmware asks for an address, and the host's DHCP server gives one.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs qemu-system-x86_64 dnsmasq

k_start qemu
hold probe answer probe --host --address 10.99.1.1/24 --peer-address 10.99.1.2/24
kill "$BG"
wait_for 5 link_gone probe

dhcp_server
vm_up() {
	fethc show "$1" >"$T/vm" 2>&1 && pgrep -P $qemu >"$T/pid"
}
# No KVM, no disk: the network card's own ROM is all that it has to boot from.
machine() {	# name, options of fethc, has it headers
	# shellcheck disable=SC2086
	bg_user "$1" "$FETHC" -s "$SOCK" exec "$1" --host \
	    --address 10.99.1.1/24 $2 -- \
	    qemu-system-x86_64 -nographic -nodefaults -serial stdio -accel tcg \
	    -m 64 -boot n -netdev "tap,id=n0,fd={fd}" \
	    -device "virtio-net-pci,netdev=n0,mac={mac}"
	qemu=$BG
	wait_for 10 vm_up "$1" || die "$(cat "$T/$1.log")"
	iface=$(host_if "$1")
	mac=$(of "$1" '.ends[0].mac')
	is "$1: headers" "$(ip -n "$NS" -d -j link show dev "$iface" |
	    jq -r '.[0].linkinfo.info_data.vnet_hdr')" "$3"
	like "qemu is the user's" "$(sed -n 's/^Uid:[[:space:]]*//p' \
	    "/proc/$(cat "$T/pid")/status")" "^$USER_ID	$USER_ID"
	start=$(now)
	check "the server gave the machine's MAC an address" wait_for 60 \
	    grep -Eq "DHCPACK\($iface\) 10\.99\.1\.[0-9]+ $mac" "$T/dnsmasq.log"
	echo "after $(($(now) - start)) ms"
	given=$(sed -n "s/.*DHCPACK($iface) \([0-9.]*\) $mac.*/\1/p" \
	    "$T/dnsmasq.log" | head -n 1)
	check "the machine's firmware says so, too" wait_for 40 \
	    grep -aqE "net0: $given/255\.255\.255\.0|configuring \(net0 $mac\).*ok" \
	    "$T/$1.log"
	tr -d '\r' <"$T/$1.log" | grep -a -i -e iPXE -e net0 | head -n 8
	kill "$qemu"
	within 2000 "the machine ends: so does its interface" if_gone "$iface"
	check "qemu is gone" wait_for 10 pid_gone "$(cat "$T/pid")"
	# Until then the next one cannot have its addresses.
	wait_for 5 link_gone "$1"
}
machine plain "" false
# QEMU sees by itself that there are headers, and fills them in.
machine offloads "--offloads all" true
k_stop

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is not ours is never touched: an interface in our range of names, one that
# carries another daemon's mark, one in the group that we delete by.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

k_start foreign
fethc --json open lab --host --dry-run | jq -r '.ends[1].interface' \
    >"$T/name"
name=$(cat "$T/name")
like "the name that lab would have" "$name" '^feth[0-9]{5}$'

# Somebody else has it, and more.
group=0x66657468
h ip link add "$name" type veth peer name feth9999
h ip link add feth0 type veth peer name feth1
h ip link add "feth$((${name#feth} + 2))" type veth peer name mine
h ip link set mine alias "fethd:0123456789abcdef:1"
h ip link set feth0 alias "fethd:0123456789abcdef:2"
h ip link set feth1 group $((group))
h ip link set feth9999 alias "fethd:"
h ip link set "$name" up
h ip addr add 192.168.77.1/24 dev "$name"
foreign() {
	for i in "$name" feth9999 feth0 feth1 "feth$((${name#feth} + 2))" \
	    mine; do
		ip -n "$NS" -j -d addr show dev "$i" | jq -c '.[0] |
		    del(.addr_info[].valid_life_time, .stats64) |
		    [.ifindex, .ifname, .flags, .mtu, .operstate, .group,
		    .address, .ifalias, .promiscuity,
		    [.addr_info[] | select(.family == "inet")]]'
	done
}
before=$(foreign)
ours() {
	links_left "$NS" | wc -l
}
same() {
	is "$1: the foreign ones are as they were" "$(foreign)" "$before"
}

hold lab answer lab --host --address auto
refute "lab got another unit" [ "$(host_if lab)" = "$name" ]
same "open"
kill "$BG"
within 1000 "lab is gone" if_gone "$(host_if lab)"
same "close"

# As many as go in one batch, with a stranger in the group.
bg_user many "$(tool hold)" "$SOCK" 20 0 many
wait_for "$TEST_DEADLINE" grep -q '^open' "$T/many.log"
is "20 links" "$(ours)" $((5 + 20))
kill "$BG"
only_foreign() {
	[ "$(ours)" -eq 5 ]
}
within 3000 "closed at once: all gone" only_foreign
same "a batch"

# One of ours gets another mark: it is not ours any more.
hold stolen open stolen --host
stolen=$(host_if stolen)
h ip link set "$stolen" alias "somebody's"
fethc close stolen
wait_for 5 link_gone stolen
check "the log says what became of it" \
    wait_for 5 grep -q "lost our mark" "$LOG"
kill "$BG"

# A start sweeps up after a daemon that was killed.
hold killed open killed --wire
kill_hard "$DPID"
kill "$BG"
h ip link add feth30000 type veth peer name feth30001
h ip link set feth30000 alias "$(ip -n "$NS" -j link show |
    jq -r '[.[] | select(.ifalias // "" | test("^fethd:[0-9a-f]{16}:[0-9]+$"))
    .ifalias | select(test("0123456789abcdef") | not)][0]')x"
k_again
same "a start"
check "nor one with a mark nearly ours" if_there feth30000
h ip link del feth30000
stop_daemon
is "stop" "$rc" 0
same "a stop"
is "and ours are gone" "$(ours)" 5
k_again
same "the next start"
stop_daemon
same "and stop"

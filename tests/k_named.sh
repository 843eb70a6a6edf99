#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The named lease: a link that outlives its client, the broker, the warden and a
# clean stop, always the same one, until it is closed.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

k_start named
check "open leaves it" fethc open lab --host --named --address auto >"$T/open"
iface=$(host_if lab)
facts() {	# what must stay the same, in the daemon's words and the kernel's
	fethc --json show lab | jq -r '.link | [.name, .owner, .lease, .mtu,
	    (.ends[] | .mac, (.addresses | join(",")), .interface)] |
	    map(tostring) | join(" ")'
	ip -n "$NS" -j addr show dev "$iface" | jq -r '.[0] | [.ifname,
	    .address, .mtu, ([.addr_info[] | select(.scope == "global") |
	    "\(.local)/\(.prefixlen)"] | sort | join(","))] |
	    map(tostring) | join(" ")'
}
ifindex() {
	ip -n "$NS" -j link show dev "$iface" | jq -r '.[0].ifindex'
}
state_is() {
	[ "$(of lab .state)" = "$1" ]
}
first=$(facts)
echo "$first"
index=$(ifindex)
ip4=$(of lab '.ends[0].addresses[0] | split("/")[0]')
is "nobody holds it" "$(of lab .state)" detached

# --- clients come and go

attach() {	# why
	hold "attach$1" answer lab
	client=$BG
	check "$1: ping" pings "$ip4"
	is "$1: up" "$(of lab .state)" up
	run fethc attach lab
	is "$1: nobody else gets it" "$rc" 1
	like "$1: as it is busy" "$err" EndBusy
}
attach 1
kill_hard "$client"
within 1000 "kill -9 of the client: it stays" state_is detached
is "the very same interface" "$(ifindex)" "$index"
attach 2
kill "$client"
within 1000 "the client ends: it stays" state_is detached

# --- the broker dies

broker=$(broker_pid)
kill -9 "$broker"
other_broker() {
	new=$(broker_pid) && [ -n "$new" ] && [ "$new" != "$broker" ] &&
	    fethc list >/dev/null 2>&1
}
within 2000 "kill -9 of the broker: a new one serves" other_broker
is "it knows the link" "$(facts)" "$first"
is "the very same interface" "$(ifindex)" "$index"
attach 3
kill "$client"
within 1000 "and lets go of it" state_is detached

# --- the warden dies

warden=$DPID
broker=$(broker_pid)
kill_hard "$warden"
within 1000 "kill -9 of the warden: the broker is gone" pid_gone "$broker"
k_again
is "a new start: the same link" "$(facts)" "$first"
attach 4
kill_hard "$DPID"
k_again
is "once more, while it is held" "$(facts)" "$first"
kill "$client"
# The descriptor that the holder had was the last one of this interface.
check "it ends: the link can be had again" \
    wait_for 5 fethc attach lab -- true 2>"$T/busy"
is "the same link" "$(facts)" "$first"
attach 5
kill "$client"
within 1000 "and lets go of it" state_is detached

# --- a clean stop

stop_daemon
is "a clean stop" "$rc" 0
check "the interface is gone" if_gone "$iface"
is "nothing is left but the journal" "$(marked)$(k_processes)" ""
k_again
is "the next start makes the same one" "$(facts)" "$first"
is "nobody holds it" "$(of lab .state)" detached
attach 6

# --- pairs and wires of that lease

kill "$client"
check "named pair" fethc open cord --pair --named --address auto >"$T/open"
check "named wire" fethc open wire --wire --named --address 10.98.0.1/30 \
    >"$T/open"
wire_ends() {
	of wire '.ends | map(.interface) | join(" ")'
}
wire=$(wire_ends)
hold cord answer cord --end 0
cord=$BG
check "ping through the pair" fethc ping cord --end 1 -c 2 -i 0.1 >"$T/ping"
kill -9 "$(broker_pid)"
sleep 0.2
check "and after the broker's death" wait_for 5 fethc ping cord --end 1 -c 2 -i 0.1 \
    >"$T/ping"
kill "$cord"
stop_daemon
k_again
is "the wire is back" "$(wire_ends)" "$wire"
check "on the host, too" if_there "${wire% *}"
check "both of it" if_there "${wire#* }"
hold cord2 answer cord --end 0
cord=$BG
check "ping through the new pair of that name" fethc ping cord --end 1 -c 2 -i 0.1 \
    >"$T/ping"
kill "$cord"

# --- the end

for l in lab cord wire; do
	check "close $l" fethc close $l
done
within 1000 "closed: the interfaces are gone" sh -c \
    "[ -z \"\$(ip -n $NS -o link show | grep 'alias fethd')\" ]"
stop_daemon
k_again
is "and do not come back" "$(fethc --json list | jq -r '.links | length')" 0
k_stop

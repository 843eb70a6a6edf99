#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A wire link: two interfaces of the Mac, and no descriptor at all. A named one
# survives a restart.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs

k_start mac
hold lab open lab --wire --address 10.99.1.1/30 --peer-address 10.99.2.1/30 \
    --mtu 9000
a=$(of lab '.ends[0].interface')
b=$(of lab '.ends[1].interface')
for i in "$a" "$b"; do
	like "$i" "$(sim_state "^if $i ")" \
	    'up running mtu=9000 .*naddr=1 desc=fethd:'
done
like "they are connected" "$(sim_state "^if $a ")" "peer=$b "
is "it takes no descriptor" "$(sim_state '^bpf')" ""
h ip neigh add 10.99.1.2 lladdr "$(of lab '.ends[1].mac')" dev "$a"
rx() {
	h ip -s -j link show dev "$b" | jq -r '.[0].stats64.rx.packets'
}
before=$(rx)
h ping -q -c 3 -i 0.2 -W 1 10.99.1.2 >/dev/null 2>&1
check "what one sends the other receives" [ "$(rx)" -ge $((before + 3)) ]
kill $BG
none() {
	[ -z "$(sim_feths)" ]
}
check "it goes with its owner" wait_for 5 none

run fethc open keep --wire --named
is "a named one" "$rc" 0
before=$(sim_feths)
kill_hard "$DPID"
is "lives through kill -9" "$(sim_feths)" "$before"
start_root_daemon_again --config "$CONF"
is "and is adopted" "$(sim_feths)" "$before"
is "by the daemon" "$(fethc --json show keep | jq -r .link.state)" up
stop_daemon
is "the daemon stops cleanly" "$rc" 0
check "a stop removes it" wait_for 5 none
start_root_daemon_again --config "$CONF"
is "and the next start makes it again" "$(sim_feths | wc -l)" 2
stop_daemon

# Killed as it does so, with the first of the two just made, and no mark on it.
sim_do fault SIOCIFCREATE2 0 1 kill-after
(start_root_daemon_again --config "$CONF") >/dev/null 2>&1
is "killed meanwhile: one is left" "$(sim_feths | wc -l)" 1
start_root_daemon_again --config "$CONF"
again() {
	[ "$(sim_feths | wc -l)" -eq 2 ] &&
	    [ "$(fethc --json show keep | jq -r .link.state)" = up ]
}
check "and the next start makes both" wait_for 5 again
is "the same ones" "$(sim_feths | sort)" "$(echo "$before" | sort)"
fethc close keep
check "until it is closed" wait_for 5 none
stop_daemon
sim_clean

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two daemons in one network namespace: neither touches what is the other's.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

k_start two
one_sock=$SOCK
one=$DPID
one_run=$RUN
one_conf=$CONF
RUN=
k_rundir
k_conf
k_again
two_sock=$SOCK
two=$DPID
first() {
	SOCK=$one_sock
}
second() {
	SOCK=$two_sock
}

# The same name of the same user: the same unit, the same addresses.
first
hold one answer lab --host --address auto
one_client=$BG
one_if=$(host_if lab)
one_ip=$(of lab '.ends[0].addresses[0] | split("/")[0]')
second
hold two answer lab --host --address auto
two_if=$(host_if lab)
two_ip=$(of lab '.ends[0].addresses[0] | split("/")[0]')
refute "two units" [ "$one_if" = "$two_if" ]
refute "two addresses" [ "$one_ip" = "$two_ip" ]
marks() {
	ip -n "$NS" -j link show | jq -r '.[].ifalias // empty' |
	    sed 's/:[0-9]*$//' | sort -u | wc -l
}
is "two marks" "$(marks)" 2
check "the first answers" pings "$one_ip"
check "the second answers" pings "$two_ip"
is "each lists its own" "$(fethc --json list | jq '.links | length')" 1

# One is killed and starts again, and stops.
kill_hard "$two"
kill "$BG"
check "kill -9 of the second: the first has its link" pings "$one_ip"
CONF=$RUN/fethd.conf
k_again
check "start of the second: the first has its link" pings "$one_ip"
fethc open left --wire --named >/dev/null
check "the second has one" [ "$(marks)" = 2 ]
stop_daemon
is "the second stops" "$rc" 0
check "the first has its link" pings "$one_ip"
is "and only that is there" "$(marked)" "$one_if"

# The first's turn.
k_again
second
hold four answer four --host --address auto
four_ip=$(of four '.ends[0].addresses[0] | split("/")[0]')
kill_hard "$one"
kill "$one_client"
RUN=$one_run
CONF=$one_conf
k_again
one=$DPID
second
check "start of the first: the second has its link" pings "$four_ip"
DPID=$one
stop_daemon
is "the first stops" "$rc" 0
check "the second has its link" pings "$four_ip"

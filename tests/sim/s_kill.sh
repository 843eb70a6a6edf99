#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the whole daemon before and after each call of a creation: the next
# start removes exactly what is ours.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs

k_conf '{ "name": "sim", "allow": true, "who": ["uid:'$USER_ID'"],
    "classes": ["raw"] }'
k_start mac
# Of other programs: with a mark of another kind, without, and of ZeroTier's.
sim_do create feth3
sim_do create feth10102 fethd:0000000000000001:51:0
sim_do create feth10104
sim_do create feth10106 somebody
foreign="feth10102 feth10104 feth10106 feth3"

killed=0
try() {	# call skip how
	sim_do fault "$1" "$2" 1 "$3"
	fethc open lab --host --class raw --address auto >/dev/null 2>&1 &
	client=$!
	daemons="$daemons $client"
	if ! wait_for 5 pid_gone "$DPID"; then
		# On this release the call is not made, or refused.
		kill $client
		wait_for 5 pid_gone $client
		sim_do clear
		return
	fi
	wait "$DPID" 2>/dev/null
	kill $client 2>/dev/null
	wait_for 5 pid_gone $client
	killed=$((killed + 1))
	start_root_daemon_again --config "$CONF"
	is "$3 $1 $2: only the others' are left" \
	    "$(sim_feths | sort | tr '\n' ' ')" "$foreign "
	check "no descriptor is left" wait_for 5 sim_no_bpf
	no_hazards
}

while read -r call skip; do
	try "$call" "$skip" kill
	try "$call" "$skip" kill-after
done <<-END
	SIOCIFCREATE2 0
	SIOCSIFDESC 0
	SIOCIFCREATE2 1
	SIOCSIFDESC 1
	SIOCSIFLLADDR 1
	SIOCSIFMTU 0
	SIOCSDRVSPEC 0
	BIOCSBLEN 0
	BIOCSETIF 0
	SIOCSIFFLAGS 0
	SIOCSIFFLAGS 1
	SIOCAIFADDR 0
	SIOCAIFADDR_IN6 0
END
is "killed that often" $killed 26

# And one that was whole is gone too, as nobody holds it.
hold lab open lab --host --class raw
kill_hard "$DPID" $BG
start_root_daemon_again --config "$CONF"
only_others() {
	[ "$(sim_feths | sort | tr '\n' ' ')" = "$foreign " ]
}
check "daemon and client killed: it is removed" wait_for 5 only_others
stop_daemon
is "the others' are left at the end" \
    "$(sim_feths | sort | tr '\n' ' ')" "$foreign "
no_hazards

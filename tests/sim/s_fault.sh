#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The kernel refuses, at each call and with each error: a named error that says
# at what, and nothing is left.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs

k_conf '{ "name": "sim", "allow": true, "who": ["uid:'$USER_ID'"],
    "classes": ["raw"] }'
k_start mac

no_feth() {
	[ -z "$(sim_feths)" ]
}
refused() {	# call skip error operation
	sim_do fault "$1" "$2" 1 "$3"
	run fethc open lab --host --class raw --address auto </dev/null
	is "$1 $3: refused" "$rc" 1
	like "$1 $3: BackendFailed says at what" "$err" "BackendFailed: .*$4"
	check "$1 $3: nothing is left" wait_for 5 no_feth
	check "no descriptor either" wait_for 5 sim_no_bpf
}
for e in ENOMEM EPERM ENXIO; do
	refused SIOCIFCREATE2 0 $e 'create the interface'
	refused SIOCIFCREATE2 1 $e 'create the interface'
	refused SIOCSIFDESC 0 $e 'create the interface'
	refused SIOCSIFDESC 1 $e 'create the interface'
	refused SIOCSIFLLADDR 0 $e 'create the interface'
	refused SIOCSIFMTU 1 $e 'create the interface'
	refused SIOCGIFDEVMTU 0 $e 'create the interface'
	refused SIOCSDRVSPEC 0 $e 'create the interface'
	refused BIOCSBLEN 0 $e 'open the device'
	refused BIOCIMMEDIATE 0 $e 'open the device'
	refused BIOCSHDRCMPLT 0 $e 'open the device'
	refused SIOCSIFFLAGS 0 $e 'bring the interface up'
	refused SIOCSIFFLAGS 1 $e 'bring the interface up'
	refused SIOCAIFADDR 0 $e 'set the addresses'
	refused SIOCAIFADDR_IN6 0 $e 'set the addresses'
done
refused open 0 EACCES 'open the device'
refused open 0 ENXIO 'open the device'
refused BIOCSETIF 0 ENXIO "open the port's socket"

# With less memory it works, with smaller buffers.
sim_do fault BIOCSETIF 0 2 ENOMEM
hold less answer less --host --class raw --address auto
like "buffers of a quarter" "$(sim_state '^bpf 0 ')" 'blen=131072'
check "ping" pings "$(of less '.ends[0].addresses[0] | split("/")[0]')"
kill $BG
check "gone" wait_for 5 no_feth

# All devices in use. FUSE lets go of the last one a moment after its close.
check "no device is in use" wait_for 5 sim_no_bpf
i=0
while sim_do hold $i 2>/dev/null; do
	i=$((i + 1))
done
is "that many devices" $i 256
run fethc open lab --host --class raw
is "all in use: refused" "$rc" 1
like "with reason, count and remedy" "$err" \
    'BackendFailed: .*open the device.*all BPF devices .*256.*lsof'
like "and the log says how many, and what helps" "$(cat "$LOG")" \
    'all 256 BPF devices .*lsof'
sim_do drop 200
hold lab open lab --host --class raw
like "one is free: taken" "$(sim_state '^bpf 200 ')" 'if=feth'
kill $BG
check "gone" wait_for 5 no_feth
stop_daemon
is "the daemon stops cleanly" "$rc" 0
no_hazards

# Settings with which frames would be wrong.
sim_do sysctl net.link.fake.fcs 1
daemon_spawn ip netns exec "$NS" "$FETHD" --foreground --backend feth \
    --socket "$SOCK" --run-dir "$RUN/state" --user "$BROKER_ID:$BROKER_ID"
wait_for 5 pid_gone "$DPID"
like "the daemon does not start, and says what to do" "$(cat "$LOG")" \
    'net.link.fake.fcs is 1: .*sysctl -w net.link.fake.fcs=0'

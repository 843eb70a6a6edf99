#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Class raw on a Mac is capture on the whole machine: by grant only, and a holder
# that binds its descriptor elsewhere is found out.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs

k_conf '{ "name": "plain", "allow": true, "who": ["uid:'$USER_ID'"] }' \
    '{ "name": "trusted", "allow": true, "who": ["uid:'$OTHER_ID'"],
    "classes": ["raw"] }'
k_start mac
rebind=$top_builddir/tests/sim/rebind
if ! as_user test -x "$rebind"; then
	mkdir -p "$T/bin"
	cp "$rebind" "$T/bin/"
	rebind=$T/bin/rebind
fi

run fethc open no --host --class raw
is "without a grant: refused" "$rc" 1
like "by name" "$err" NotPermitted
is "nothing was made" "$(sim_feths)" ""

trusted() {
	as_other "$FETHC" -s "$SOCK" "$@"
}
bg bad setpriv --reuid $OTHER_ID --regid $OTHER_ID --clear-groups -- \
    "$FETHC" -s "$SOCK" exec bad --host --class raw -- "$rebind" "{fd}" en0
wait_for 5 grep -q bound "$T/bad.log" || die "$(cat "$T/bad.log")"
like "a holder can bind it to en0" "$(sim_state '^bpf 0 ')" 'if=en0'
no_feth() {
	[ -z "$(sim_feths)" ]
}
check "then its link is closed" wait_for 5 no_feth
like "and the audit says who and where" "$(cat "$LOG")" \
    "audit: uid $OTHER_ID bound .* to en0"
kill $BG
check "its descriptor goes with the program" wait_for 5 sim_no_bpf

# Daemon and broker killed, the client goes on.
bg good setpriv --reuid $OTHER_ID --regid $OTHER_ID --clear-groups -- \
    "$FETHC" -s "$SOCK" answer good --host --class raw --address auto
good=$BG
wait_for 5 grep -q '^end 1' "$T/good.log" || die "$(cat "$T/good.log")"
ip4=$(trusted --json show good |
    jq -r '.link.ends[0].addresses[0] | split("/")[0]')
before=$(sim_feths)
check "ping" pings "$ip4"
broker=$(broker_pid)
kill_hard "$broker"
check "broker killed: ping" pings "$ip4"
kill_hard "$DPID"
start_root_daemon_again --config "$CONF"
check "warden killed: ping" pings "$ip4"
is "the same interfaces" "$(sim_feths)" "$before"
kill $good
check "the client goes: the link too" wait_for 40 no_feth
check "and the descriptor" wait_for 5 sim_no_bpf

# No event tells a program that its interface is gone: it looks.
bg lost setpriv --reuid $OTHER_ID --regid $OTHER_ID --clear-groups -- \
    "$FETHC" -s "$SOCK" answer lost --host --class raw --address auto
lost=$BG
wait_for 5 grep -q '^end 1' "$T/lost.log" || die "$(cat "$T/lost.log")"
sim_do destroy "$(sim_feths | tail -n 1)"
check "its interface goes: the client ends" wait_for 5 pid_gone "$lost"
check "and the link" wait_for 5 no_feth
stop_daemon
is "the daemon stops cleanly" "$rc" 0
sim_clean

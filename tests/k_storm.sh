#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 of everything at any moment, while links of all kinds open and close.
# After one more start and stop nothing is left. SEED repeats a run.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

: "${SEED:=$(date +%s)}" "${SECONDS_OF_STORM:=10}"
echo "SEED=$SEED"
GRACE=1
k_conf '{ "name": "kernel-test", "allow": true, "who": ["uid:'$USER_ID'"],
    "classes": ["tap", "raw", "socket"] }'
k_start storm
h ip link add other type veth peer name other-peer
strangers=$(ip -n "$NS" -o link show | wc -l)
awk -v seed="$SEED" 'BEGIN { srand(seed); for (i = 0; i < 20000; i++)
    print int(rand() * 100), int(rand() * 60) }' >"$T/dice"
exec 5<"$T/dice"

clients=
client() {	# ARGS: a fethc that will be killed, or end
	nclients=$((${nclients:-0} + 1))
	setpriv --reuid $USER_ID --regid $USER_ID --clear-groups -- \
	    "$FETHC" -s "$SOCK" "$@" >"$T/client.out" 2>&1 </dev/null &
	clients="$clients $!"
	daemons="$daemons $!"
}
reap() {
	alive=
	for p in $clients; do
		pid_alive "$p" && alive="$alive $p"
	done
	clients=$alive
}
restart() {
	# shellcheck disable=SC2086
	daemon_spawn ip netns exec "$NS" $FETHD_WRAPPER "$FETHD" \
	    --foreground --backend linux --socket "$SOCK" --config "$CONF" \
	    --run-dir "$RUN/state" --user "$BROKER_ID:$BROKER_ID"
}
# The broker, or the policy's loader: what else is a child of the warden's is a
# sanitizer's.
kills=0
end=$(($(now) + SECONDS_OF_STORM * 1000))
while [ "$(now)" -lt $end ]; do
	read -r what when <&5
	case $what in
	?)		client exec --host --address auto -- sleep "0.$when" ;;
	1?)		client exec --host --address auto -- sleep 2 ;;
	2[0-4])		client exec --host --class raw -- sleep "0.$when" ;;
	2[5-9])		client open --wire ;;
	3[0-4])		client open --pair ;;
	3[5-9])		client answer "n$((when % 5))" --host --named ;;
	4[0-2])		client open "p$((when % 3))" --pair --named ;;
	4[3-5])		client open "w$((when % 3))" --wire --named ;;
	4[6-9])		client close "n$((when % 5))" ;;
	5?)		for p in $clients; do
				kill -9 "$p" 2>/dev/null
				[ $((when % 2)) -eq 0 ] || break
			done ;;
	6[0-4])		kill -9 "$(pgrep -P "$DPID" -u $BROKER_ID |
			    head -n 1)" 2>/dev/null
			kills=$((kills + 1)) ;;
	6[5-9])		kill -9 "$DPID" 2>/dev/null
			kills=$((kills + 1)) ;;
	7[0-2])		kill -TERM "$DPID" 2>/dev/null ;;
	7[3-5])		kill -HUP "$DPID" 2>/dev/null ;;
	7[6-7])		iface=$(links_left "$NS" | head -n 1)
			[ -z "$iface" ] || ip -n "$NS" link del "$iface" ;;
	esac 2>/dev/null
	pid_alive "$DPID" || restart
	reap
	sleep "0.0$when"
done
exec 5<&-
echo "$nclients clients, $kills kills of the daemon,"\
    "${ndaemons:-0} starts"

# shellcheck disable=SC2086
[ -z "$clients" ] || kill -9 $clients 2>/dev/null
# It may have been told to stop just now.
serves() {
	pid_alive "$DPID" || restart
	fethc list >/dev/null 2>&1
}
check "the daemon serves" wait_for 10 serves
check "it makes a link" wait_for 5 fethc exec --host -- true
for l in $(fethc --json list | jq -r '.links[] | select(.lease == "named") |
    .name'); do
	fethc close "$l"
done
within 8000 "what nobody holds ends" sh -c \
    "! ip -n $NS -o link show | grep -q 'alias fethd'"
spaces() {	# how many network namespaces the warden has open
	[ "$(readlink "/proc/$DPID/fd"/* | grep -c '^net:')" = "$1" ]
}
within 2000 "no namespace but the two" spaces 2
check "few descriptors ($(fds_of "$DPID"), $(fds_of "$(broker_pid)"))" \
    [ $(($(fds_of "$DPID") + $(fds_of "$(broker_pid)"))) -lt 40 ]
k_stop
is "strangers are as before" "$(ip -n "$NS" -o link show | wc -l)" "$strangers"
k_again
is "the last start finds nothing" "$(fethc --json list)" '{"links":[]}'
k_stop
like "no record is in the journal" \
    "$(tr -d '\0' <"$RUN/state/journal" | wc -c)" '^([0-9]|[1-9][0-9])$'

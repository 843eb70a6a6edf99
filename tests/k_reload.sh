#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The policy: read again at SIGHUP, kept when the new one is bad; rules by user
# and by group, and the group of the built-in policy.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs unshare mount

GROUP_ID=64090
none='{ "name": "pairs", "allow": true, "who": ["anybody"], "kinds": ["pair"] }'
host='{ "name": "hosts", "allow": true, "who": ["uid:'$USER_ID'"],
    "kinds": ["host"], "quota": 3 }'
group='{ "name": "members", "allow": true, "who": ["gid:'$GROUP_ID'"],
    "kinds": ["host"] }'

k_conf "$none"
k_start reload
broker=$(broker_pid)
rules() {
	fethc --json policy | jq -r '[.rules[].name] | join(" ")'
}
rules_are() {
	[ "$(rules)" = "$1" ]
}
logged() {
	tail -n "+$logmark" "$LOG" | grep -Eq "$1"
}
reload() {
	logmark=$(($(wc -l <"$LOG") + 1))
	kill -HUP "$DPID"
}
refused() {	# WHAT
	run fethc open --host
	is "$1" "$rc" 1
	like "$1: by" "$err" "NotPermitted: .*$CONF"
}
is "the first policy" "$(rules)" pairs
refused "host links are refused"

# --- a good one

k_conf "$host" "$none"
refused "before SIGHUP, too"
reload
within 2000 "SIGHUP: the new one" rules_are "hosts pairs"
hold lab answer lab --host --address auto
lab=$BG
ip4=$(of lab '.ends[0].addresses[0] | split("/")[0]')
check "host links are made" pings "$ip4"
for i in 1 2; do
	hold more$i open more$i --host
done
run fethc open --host
like "up to the quota" "$err" 'QuotaExceeded: .*hosts.*3'
run as_other "$FETHC" -s "$SOCK" open --host
like "for that user only" "$err" NotPermitted

# --- bad ones

stays() {	# WHAT ERE
	reload
	check "$1: the log says" wait_for 5 logged "$2"
	check "$1: and that the old one stays" wait_for 5 logged 'old policy stays'
	is "$1: it does" "$(rules)" "hosts pairs"
}
echo '{ "rules": [ { "name": "x", "allow": true,
  "who": ["anybody"], "kinds": ["hose"] } ] }' >"$CONF"
stays "an unknown kind" "$CONF:2: "
echo '{ "rules": [' >"$CONF"
stays "no JSON" "$CONF:[12]: "
: >"$CONF"
stays "an empty file" "$CONF"
echo '{ "rules": [ { "name": "x", "allow": true,
  "who": ["group:feth-nobody"] } ] }' >"$CONF"
stays "a group that is not there" "$CONF:2: .*feth-nobody"
k_conf "$none"
chmod 664 "$CONF"
run "$FETHD" --check-config --config "$CONF"
is "root checks a file that a group can write to" "$rc" 1
like "and is told what the daemon wants" "$err" 'root alone can write'
chmod 666 "$CONF"
stays "a file that anybody can write to" 'write'
chmod 644 "$CONF"
chmod 000 "$CONF"
stays "a file that cannot be opened" 'Permission denied|cannot'
rm "$CONF"
stays "a file that is gone" 'No such file'
mkdir "$CONF"
stays "a directory" 'plain file'
rmdir "$CONF"
head -c 300000 /dev/zero | tr '\0' ' ' >"$CONF"
stays "a file that is too long" 'long|large|big|KiB|bytes'
check "the links live" pings "$ip4"
is "under the same broker" "$(broker_pid)" "$broker"

# --- less than before, and often

k_conf "$none"
i=0
while [ $i -lt 50 ]; do
	kill -HUP "$DPID"
	i=$((i + 1))
done
within 3000 "50 SIGHUPs: the last one counts" rules_are pairs
refused "host links are refused again"
check "those that are there live on" pings "$ip4"
wait_for 5 sh -c "[ \$(pgrep -P $DPID | wc -l) = 1 ]"
is "no child is left but the broker" "$(pgrep -P "$DPID")" "$broker"

# --- by group

as_member() {
	setpriv --reuid $OTHER_ID --regid $OTHER_ID --groups 64091,$GROUP_ID \
	    -- "$FETHC" -s "$SOCK" "$@"
}
k_conf "$group"
reload
within 2000 "rules by group" rules_are members
check "a member by its supplementary groups" \
    as_member exec member --host -- true
check "a member by its own group" setpriv --reuid $OTHER_ID \
    --regid $GROUP_ID --clear-groups -- "$FETHC" -s "$SOCK" exec --host -- true
run as_other "$FETHC" -s "$SOCK" open --host
is "not the same user without the group" "$rc" 1
like "who is told" "$err" "NotPermitted: .*$CONF"
run as_other "$FETHC" -s "$SOCK" policy explain open --host
like "explained" "$out$err" 'members|gid'
kill "$lab"
k_stop

# --- names of users and groups, as a machine would have them

cp /etc/group "$RUN/group"
cp /etc/passwd "$RUN/passwd"
echo "fethd:x:$GROUP_ID:" >>"$RUN/group"
echo "feth-tester:x:$USER_ID:$USER_ID::/:/bin/false" >>"$RUN/passwd"
echo "_fethd:x:$BROKER_ID:$BROKER_ID::/:/bin/false" >>"$RUN/passwd"
chmod 644 "$RUN/group" "$RUN/passwd"
private_etc() {	# OPT...: the daemon, with these files
	SOCK=$RUN/fethd.sock
	# shellcheck disable=SC2016,SC2086
	daemon_spawn unshare -m sh -c 'mount --bind "$1/group" /etc/group &&
	    mount --bind "$1/passwd" /etc/passwd && shift && exec "$@"' sh \
	    "$RUN" ip netns exec "$NS" $FETHD_WRAPPER "$FETHD" --foreground \
	    --backend linux --socket "$SOCK" --run-dir "$RUN/state" "$@"
	daemon_wait
}
k_conf '{ "name": "tester", "allow": true, "who": ["user:feth-tester"],
    "kinds": ["wire"] }' '{ "name": "members", "allow": true,
    "who": ["group:fethd"], "kinds": ["host"] }'
private_etc --config "$CONF"
like "the broker is _fethd" "$(sed -n 's/^Uid:[[:space:]]*//p' \
    "/proc/$(broker_pid)/status")" "^$BROKER_ID	$BROKER_ID"
check "user by name" fethc exec --wire -- true
run fethc open --host
is "and nothing else" "$rc" 1
check "group by name" as_member exec --host -- true
run as_member open --wire
is "and nothing else" "$rc" 1
stop_daemon

[ ! -e /etc/fethd.conf ] && [ ! -e /usr/local/etc/fethd.conf ] || exit 0
private_etc
is "the built-in policy" "$(rules)" "root-all fethd-group anybody-pair"
check "members of group fethd have host links" as_member exec --host -- true
check "and wires" as_member exec --wire -- true
run as_member open --host --class raw
like "but not class raw" "$err" NotPermitted
run as_member open --host --address 192.168.44.1/24
like "nor addresses beyond the pools" "$err" NotPermitted
run fethc open --host
like "others have no host links" "$err" 'NotPermitted: .*'
like "and are told how" "$err" 'hint: .*fethd'
check "but pairs" fethc exec --pair -- true
check "root may have all" "$FETHC" -s "$SOCK" exec --host --class raw \
    --address 192.168.44.1/24 -- true
k_stop

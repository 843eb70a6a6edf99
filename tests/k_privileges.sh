#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the two processes may do, and on what the daemon refuses to start.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

k_start privileges
broker=$(broker_pid)
status() {	# pid field
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '
}

# --- the broker

id4="$BROKER_ID $BROKER_ID $BROKER_ID $BROKER_ID"
is "broker: uid" "$(status "$broker" Uid)" "$id4"
is "broker: gid" "$(status "$broker" Gid)" "$id4"
is "broker: no groups" "$(status "$broker" Groups | tr -d ' ')" ""
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	is "broker: $set" "$(status "$broker" $set)" 0000000000000000
done
is "broker: no new privileges" "$(status "$broker" NoNewPrivs)" 1
is "broker: its root" "$(readlink "/proc/$broker/root")" "$RUN/state/empty"
is "broker: its directory" "$(readlink "/proc/$broker/cwd")" "$RUN/state/empty"
is "broker: the root is empty" "$(ls -A "$RUN/state/empty")" ""
is "broker: the root is root's" "$(stat -c '%u:%g %a' "$RUN/state/empty")" \
    "0:0 755"
is "broker: no core" "$(awk '/core file/ { print $5, $6 }' \
    "/proc/$broker/limits")" "0 0"
# 0 1 2 of ours, the channel, the listening socket, and the event loop's own.
others=$(for f in "/proc/$broker/fd"/*; do
	[ "${f##*/}" -le 4 ] || readlink "$f"
done | grep -v -e anon_inode -e '^socket:' -e '^pipe:')
is "broker: no file is open" "$others" ""
check "broker: few descriptors ($(fds_of "$broker"))" \
    [ "$(fds_of "$broker")" -le 12 ]
is "broker: nor the journal, nor a namespace, nor a tun" "$(readlink \
    "/proc/$broker/fd"/* | grep -cE 'journal|^net:|tun|\.conf')" 0
run as_id $BROKER_ID cat "/proc/$broker/environ"
is "broker: its own user cannot look into it" "$rc" 1

# --- the warden

# kill(5) setgid(6) setuid(7) setpcap(8) net_admin(12) net_raw(13)
# sys_chroot(18) sys_admin(21)
eight=00000000002431e0
is "warden: the documented capabilities" "$(status "$DPID" CapEff)" $eight
is "warden: permitted" "$(status "$DPID" CapPrm)" $eight
is "warden: bounding" "$(status "$DPID" CapBnd)" $eight
is "warden: none to inherit" "$(status "$DPID" CapInh)$(status "$DPID" CapAmb)" \
    00000000000000000000000000000000
is "warden: no new privileges" "$(status "$DPID" NoNewPrivs)" 1

# --- files

is "the run directory" "$(stat -c '%u:%g %a' "$RUN/state")" "0:0 755"
is "the journal" "$(stat -c '%u:%g %a' "$RUN/state/journal")" "0:0 600"
is "nothing else is there" "$(find "$RUN/state" -mindepth 1 | sort |
    tr '\n' ' ')" "$RUN/state/empty $RUN/state/journal "
is "the socket" "$(stat -c '%F %a' "$SOCK")" "socket 666"

# --- what it does not start on

refused() {	# WHAT ERE [OPT...]
	what=$1
	why=$2
	shift 2
	run ip netns exec "$NS" timeout 10 "$FETHD" --foreground \
	    --backend linux --socket "$RUN/second.sock" --config "$CONF" \
	    --user "$BROKER_ID:$BROKER_ID" --run-dir "$RUN/second" "$@"
	is "$what: refused" "$rc" 1
	like "$what: why" "$err" "$why"
	[ ! -e "$RUN/second.sock" ] || fail "$what: left its socket"
	rm -f "$RUN/second.sock"
}
refused "a second daemon on the run directory" \
    "another fethd runs on $RUN/state" --run-dir "$RUN/state"
refused "a second daemon on the socket" "$SOCK" --socket "$SOCK"
check "the first one serves on" fethc list >/dev/null
check "on its socket" test -S "$SOCK"

mkdir "$RUN/open"
chmod 777 "$RUN/open"
refused "a run directory that anybody can write to" 'root alone' \
    --run-dir "$RUN/open"
refused "one below that" 'root alone' --run-dir "$RUN/open/deep"
is "untouched" "$(stat -c %a "$RUN/open")$(ls -A "$RUN/open")" 777
mkdir "$RUN/theirs"
chown $USER_ID "$RUN/theirs"
refused "somebody else's run directory" 'root alone' --run-dir "$RUN/theirs"
ln -s "$RUN/theirs" "$RUN/link"
refused "a link to it" 'root alone' --run-dir "$RUN/link"
touch "$RUN/file"
refused "a file" 'run directory|root alone|cannot' --run-dir "$RUN/file"
refused "one below what is not there" 'cannot make the run directory' \
    --run-dir "$RUN/no/where"
refused "a user that is not there" 'no user feth-nobody.*(useradd|--user)' \
    --user feth-nobody
refused "root as the broker" 'must not be root|neither of them 0' --user root
refused "root's number" 'neither of them 0' --user 0:1
refused "root's group" 'neither of them 0' --user 1:0
refused "a backend that is not there" 'no backend|nosuch' --backend nosuch

# In a namespace without the right to make interfaces.
run setpriv --bounding-set -net_admin ip netns exec "$NS" true
run timeout 10 setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
    "$FETHD" --foreground --backend linux --socket "$RUN/second.sock" \
    --run-dir "$RUN/second" --user "$BROKER_ID:$BROKER_ID"
is "without CAP_SYS_ADMIN: refused" "$rc" 1
like "why" "$err" 'CAP_SYS_ADMIN'
run as_user timeout 10 "$FETHD" --foreground --backend linux \
    --socket "$T/second.sock"
is "as a normal user: refused" "$rc" 1
like "why, and what would work" "$err" 'root'

# --- whoever asks

# Files of a client that take long to close keep neither of the two.
for c in fds-linger port-linger; do
	check "$c" hostile case "$SOCK" $c
	check "after it the warden answers" fethc exec --host -- true
done
nothing_marked() {
	[ -z "$(marked)" ]
}
check "and removes" wait_for 5 nothing_marked

is "a daemon like that one keeps to its own" "$(marked)" ""
k_stop

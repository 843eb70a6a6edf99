#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The life of pair links through the real daemon and the real command: open,
# attach, list, show, frames both ways, close; names, MACs, leases, quota.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
start_daemon --socket-mode 666

links() {
	fethc --json list "$@" | jq -r '.links[].name' | sort | tr '\n' ' '
}
is_there() {
	fethc show "$1" 2>/dev/null | grep -Eq '^state +(up|detached)'
}
is_gone() {
	! fethc show "$1" >/dev/null 2>&1
}
said() {
	grep -q "$2" "$T/$1.out"
}

# What would be, and is not.
run fethc --json open dry --pair --mtu 9000 --address auto --dry-run
is "a dry run succeeds" "$rc" 0
is "it tells the MTU" "$(json .mtu)" 9000
like "and an address" "$(json '.ends[0].addresses[0]')" '^10\.253\.'
is "and makes nothing" "$(links)" ""

# A session link: one program opens it, another takes the second port.
spawn first "$FETHC" -s "$SOCK" recv lab --pair -c 3 --mtu 2000 \
    --label role=test --label site=here
first=$LAST
wait_for 5 is_there lab || die "the link does not come up"
run fethc --json show lab
is "kind" "$(json .link.kind)" pair
is "lease" "$(json .link.lease)" session
is "state" "$(json .link.state)" up
is "MTU" "$(json .link.mtu)" 2000
is "labels" "$(json '.link.labels.role + .link.labels.site')" testhere
is "the first port is held, the second free" \
    "$(json '[.link.ends[].attached]|tostring')" '[true,false]'
like "show tells people, too" "$(fethc show lab)" '^mtu +2000'
like "list tells people, too" "$(fethc list)" '^lab .* pair +session +up'
run fethc send lab --test 3
is "another program sends three frames" "$rc:$out" "0:3 frames sent"
check "the first one ends with them" wait_for 5 pid_gone "$first"
pid_end "$first"
is "and is content" "$rc" 0
like "it has seen the frames" "$(cat "$T/first.out")" '88b5|88B5'
is "three of them" "$(wc -l <"$T/first.out" | tr -d ' ')" 3
check "the link is gone with it" wait_for 5 is_gone lab

# When one side goes, the other one reads the end of file.
for side in first second; do
	spawn first "$FETHC" -s "$SOCK" recv lab --pair
	first=$LAST
	wait_for 5 is_there lab
	spawn second "$FETHC" -s "$SOCK" recv lab
	second=$LAST
	held() {
		fethc --json show lab | jq -e '.link.ends|all(.attached)'
	}
	check "both ports are held" wait_for 5 held >/dev/null
	run fethc recv lab
	is "a third program gets none" "$rc" 1
	like "and is told why" "$err" 'EndBusy'
	eval "kill -KILL \$$side"
	if [ $side = first ]; then other=$second; else other=$first; fi
	check "when the $side program dies, the other one ends" \
	    wait_for 5 pid_gone "$other"
	check "and the link with them" wait_for 5 is_gone lab
done

# A named link outlives its programs; frames go both ways.
run fethc open keep --pair --named
is "a named link is made and left" "$rc" 0
is "nobody holds its ports" \
    "$(fethc --json show keep | jq -r .link.state)" detached
for way in 0:1 1:0; do
	to=${way#*:} from=${way%:*}
	spawn reader "$FETHC" -s "$SOCK" recv keep --end "$to" -c 2 --raw
	reader=$LAST
	attached() {
		fethc --json show keep |
		    jq -e ".link.ends[$to].attached and .link.state == \"up\""
	}
	wait_for 5 attached >/dev/null || fail "no program at end $to"
	run fethc send keep --end "$from" --hex \
	    'ffffffffffff 020000000001 88b5 68656c6c6f' -c 2
	is "sent from end $from" "$rc" 0
	check "received at end $to" wait_for 5 pid_gone "$reader"
	frame=ffffffffffff02000000000188b568656c6c6f
	is "what was sent" "$(od -An -tx1 "$T/reader.out" | tr -d ' \n')" \
	    "$frame$frame"
done
settled() {
	[ "$(fethc --json show keep | jq -r .link.state)" = detached ]
}
check "detached again" wait_for 5 settled
run fethc open keep --pair
is "the name is taken" "$rc" 1
like "by whom" "$err" "NameInUse: .*\"keep\".* uid $(as_user id -u)"

# A signal while the link is told of: here that lasts, as nobody reads the line.
mkfifo "$T/fifo" && chmod 666 "$T/fifo"
exec 9<>"$T/fifo"
run fethc open told --pair --named
for way in "open telling --pair" "attach told --end 0"; do
	dd if=/dev/zero of="$T/fifo" bs=65536 count=1 2>/dev/null
	# shellcheck disable=SC2016,SC2086
	spawn telling sh -c 'exec "$0" -s "$@" >"'"$T/fifo"'"' "$FETHC" \
	    "$SOCK" $way
	first=$LAST
	given() {
		fethc --json list | jq -e '[.links[] | .ends[0].attached] |
		    any' >/dev/null
	}
	wait_for 5 given || fail "${way%% *}: no port is given"
	# Now it writes, and stays there.
	sleep 0.3
	kill -TERM "$first"
	sleep 0.1
	dd if="$T/fifo" of=/dev/null bs=65536 count=1 2>/dev/null
	wait "$first"
	is "${way%% *}: SIGTERM while it tells of the link" $? 0
	echo end >&9
	dd if="$T/fifo" bs=65536 count=1 2>/dev/null | grep -aq '^id' ||
	    fail "${way%% *}: the lines do not come"
done
exec 9>&-
run fethc close told

# Nobody reads: send waits, and can be told not to.
for class in socket stream; do
	run fethc open full --pair --named --relay --class $class
	spawn full "$FETHC" -s "$SOCK" send full --end 0 --test 100000000
	first=$LAST
	held() {
		[ "$(fethc --json show full | jq -r .link.state)" = up ]
	}
	wait_for 5 held || fail "send does not take the port"
	sleep 0.5
	kill -TERM "$first"
	check "$class: SIGTERM ends a send that waits" wait_for 5 pid_gone \
	    "$first"
	pid_gone "$first" || kill -KILL "$first"
	wait "$first"
	is "$class: which is no success" $? 1
	like "$class: and tells how far it came" "$(cat "$T/full.out")" \
	    '^[0-9]+ frames sent'
	run fethc close full
done

# Filters.
run fethc open other --pair --named --label role=b
run fethc open third --pair --named --label role=a --label x=y
is "all" "$(links)" "keep other third "
is "by name" "$(links --name th)" "third "
is "by label" "$(links --label role=a)" "third "
is "by two labels" "$(links --label role=b --label x=y)" ""
is "by kind" "$(links --kind host)" ""
is "by owner" "$(links --owner "$(as_user id -u)")" "keep other third "

# Two clients ask for one name at the same time.
for i in 1 2 3 4 5; do
	spawn a "$FETHC" -s "$SOCK" open race --pair --named
	a=$LAST
	spawn b "$FETHC" -s "$SOCK" open race --pair --named
	b=$LAST
	wait "$a"
	ra=$?
	wait "$b"
	rb=$?
	is "race $i: one wins" $((ra + rb)) 1
	run fethc close race
	is "race $i: there is one to close" "$rc" 0
done

# Identity: the MAC is the name's, also after a restart.
macs() {
	fethc --json open "$1" --pair --dry-run | jq -r '.ends[].mac' |
	    tr '\n' ' '
}
before=$(macs stable)
refute "the ends differ" [ "${before% * }" = "${before#* }" ]
refute "names differ" [ "$before" = "$(macs stable2)" ]
run fethc close keep other third
is "several are closed at once" "$rc:$(links)" "0:"
stop_daemon
is "the daemon ends cleanly" "$rc" 0
check "its socket is gone" test ! -e "$SOCK"
start_daemon --socket-mode 666
is "the MAC is the same after a restart" "$(macs stable)" "$before"
run fethc --json open m --pair --named --mac 02:00:00:00:00:01 \
    --peer-mac 02:00:00:00:00:02 --address 192.0.2.1/24 \
    --peer-address 2001:db8::2/64
is "or what was asked for" "$(json '[.ends[]|.mac,.addresses[0]]|join(" ")')" \
    "02:00:00:00:00:01 192.0.2.1/24 02:00:00:00:00:02 2001:db8::2/64"
run fethc close m

# The quota of the built-in policy.
i=0
while [ $i -lt 32 ]; do
	fethc open "q$i" --pair --named >/dev/null || fail "link $i"
	i=$((i + 1))
done
out=$(call Open '{"ends":[{"kind":"port"},{"kind":"port"}]}')
is "one too many" "$(json '.error + " " + (.parameters|[.what,.limit,.used,.rule]|join(" "))')" \
    "org.fethd.Broker.QuotaExceeded links 32 32 anybody-pair"
run fethc open too-many --pair --named
is "fethc says so" "$rc" 1
like "in words" "$err" 'QuotaExceeded: 32 links in use; rule "anybody-pair"'
run fethc close q7
run fethc open again --pair --named
is "what is closed is free again" "$rc" 0

# Names are the owner's.
if is_root; then
	theirs() {
		as_other "$FETHC" -s "$SOCK" "$@"
	}
	run theirs open q0 --pair --named
	is "another user has names of his own" "$rc" 0
	is "and sees his own links only" \
	    "$(theirs --json list | jq -r '.links[].owner')" "$OTHER_ID"
	run theirs show "$USER_ID/q0"
	is "not that there are others" "$rc" 1
	like "at all" "$err" NoSuchLink
	run theirs close "@1"
	is "nor by id" "$rc" 1
	is "root sees all" "$("$FETHC" -s "$SOCK" --json list |
	    jq '.links|length')" 33
	run "$FETHC" -s "$SOCK" close "$OTHER_ID/q0" "$USER_ID/q0"
	is "and closes any" "$rc" 0
	is "of one name" "$("$FETHC" -s "$SOCK" --json list |
	    jq '.links|length')" 31
fi
stop_daemon
is "the daemon ends cleanly with links" "$rc" 0

# The daemon dies, and the port of a link whose other end it had with it: who
# reads there waits for a new daemon, as who only holds a link does.
for who in answer recv ping; do
	start_daemon
	set -- lab --pair
	[ $who != ping ] || set -- lab 192.0.2.2 --pair --address 192.0.2.1/24
	spawn $who-1 "$FETHC" -s "$SOCK" $who "$@"
	first=$LAST
	wait_for 5 is_there lab || fail "$who: the link does not come up"
	kill -KILL "$DPID"
	wait "$DPID" 2>/dev/null
	check "$who: the daemon's end is told" wait_for 5 grep -q \
	    'the daemon is gone; waiting for it' "$T/$who-1.err"
	start_daemon
	wait "$first"
	is "$who: a new one does not have the link" $? 1
	like "$who: and that is told" "$(cat "$T/$who-1.err")" \
	    'the daemon is back, but link lab is gone'
	[ $who = ping ] || stop_daemon
done
# Nor does any daemon come.
spawn alone "$FETHC" -s "$SOCK" answer lab --pair
first=$LAST
wait_for 5 is_there lab || fail "the link does not come up"
kill -KILL "$DPID"
wait "$DPID" 2>/dev/null
wait "$first"
is "no new daemon" $? 3
like "is told, too" "$(cat "$T/alone.err")" 'the daemon did not come back'
# It is not the daemon when the other program goes.
start_daemon
spawn one "$FETHC" -s "$SOCK" recv lab --pair
first=$LAST
wait_for 5 is_there lab || fail "the link does not come up"
spawn two "$FETHC" -s "$SOCK" recv lab
second=$LAST
both() {
	[ "$(fethc --json show lab | jq -c '[.link.ends[].attached]')" = \
	    '[true,true]' ]
}
wait_for 5 both || fail "the ports are not taken"
kill -KILL "$first"
wait "$second"
is "the other program's end ends recv" $? 0
is "without a word" "$(cat "$T/two.err")" ""

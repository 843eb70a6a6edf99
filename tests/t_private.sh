#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fethc --private: a daemon for one command, of which nothing is left, however
# the command ends.
. "${srcdir:-.}/tests/lib.sh"

need_cmd pgrep
mkdir "$T/tmp"
chmod 777 "$T/tmp"
unset FETHD_SOCKET
FETHD_PROGRAM=$FETHD TMPDIR=$T/tmp
export FETHD_PROGRAM TMPDIR
private() {
	as_user "$FETHC" --private "$@"
}
left() {
	ls -A "$T/tmp"
}
nothing_left() {
	[ -z "$(left)" ]
}
# The daemons below this directory, one pid a line.
servers() {
	pgrep -f -- "--socket $T/tmp/"
}
no_servers() {
	[ -z "$(servers)" ]
}

run private list
is "a command of fethc" "$rc" 0
like "has a daemon" "$out" '^NAME +OWNER'
is "nothing is left" "$(left)" ""
run private --json policy
like "the options go on to it" "$out" '^\{"file":"built-in"'
# shellcheck disable=SC2016
run private sh -c '"$0" open lab --pair --named && "$0" list && exit 5' "$FETHC"
is "a program, with its status" "$rc" 5
like "that finds the daemon" "$out" '^lab .* pair +named'
is "nothing is left of it" "$(left)" ""
# shellcheck disable=SC2016
run private sh -c '"$0" answer lab --pair --address auto >/dev/null &
	n=0
	until "$0" show lab >/dev/null 2>&1; do
		n=$((n + 1)); [ $n -lt 100 ] || exit 9; sleep 0.05
	done
	"$0" ping lab -c 2 -i 0.1; r=$?; kill $!; exit $r' "$FETHC"
is "two programs, one pings the other" "$rc" 0
like "and has its answers" "$out" '2 .*(received|answers)'
run private "$T/no-such-program"
is "a program that there is not" "$rc" 127
is "nothing is left of that" "$(left)" ""
run private sh -c 'kill -TERM $$'
is "one that dies of a signal" "$rc" 143
run private open x --host
is "a refusal is the command's" "$rc" 1
like "and is told" "$err" Unsupported
is "nothing is left after it" "$(left)" ""
FETHD_PROGRAM=$T/nothing run private list
is "no daemon to run" "$rc" 3
is "leaves nothing, either" "$(left)" ""

# A signal goes to the command; all ends in order.
spawn term "$FETHC" --private open lab --pair
term=$LAST
opened() {
	grep -q '^link' "$T/$1.out"
}
wait_for 10 opened term || fail "the link is not opened"
kill -TERM "$term"
wait "$term"
is "SIGTERM ends the command" $? 0
check "nothing is left of it" nothing_left
check "nor a daemon" no_servers

# kill -9 of fethc: the daemon sees it and goes.
spawn kill "$FETHC" --private sh -c "echo \$\$; exec '$FETHC' open lab --pair"
kill=$LAST
wait_for 10 opened kill || fail "the link is not opened"
refute "there is a daemon" no_servers
kill -KILL "$kill"
wait "$kill" 2>/dev/null
check "kill -9 ends the daemon" wait_for 10 no_servers
check "nothing is left of it" wait_for 5 nothing_left
# The command waits for its daemon to come back, as it must; this one will not.
kill "$(sed -n 1p "$T/kill.out")"

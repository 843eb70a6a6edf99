#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/example.c, as a reader would use it.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
[ -x "$EXAMPLE" ] || skip "docs/example is not built"
start_daemon
FETHD_SOCKET=$SOCK
export FETHD_SOCKET
is_there() {
	fethc show "$1" 2>/dev/null | grep -Eq '^state +(up|detached)'
}
is_gone() {
	! fethc show "$1" >/dev/null 2>&1
}

spawn example "$EXAMPLE" lab 3
example=$LAST
wait_for 5 is_there lab || die "the example opens no link"
run fethc --json show lab
is "it holds the first port" "$(json '[.link.ends[].attached]|tostring')" \
    '[true,false]'
like "it says what it has" "$(cat "$T/example.out")" \
    "^link lab, $(json '.link.ends[0].mac')\$"

# Three frames go there, and come back with the MACs exchanged.
printf '\002\000\000\000\000\002\002\000\000\000\000\001\210\265hello' \
    >"$T/frame"
# shellcheck disable=SC2016
if command -v socat >/dev/null 2>&1; then
	run fethc attach lab -- sh -c \
	    '(cat "$0"; sleep 0.5; cat "$0"; sleep 0.5; cat "$0"; sleep 0.5) |
	    socat -b 2000 -t 1 STDIO "FD:$FETH_FD"' "$T/frame"
	back=02000000000102000000000288b568656c6c6f
	is "what comes back" "$(od -An -tx1 "$T/run.out" | tr -d ' \n')" \
	    $back$back$back
else
	run fethc send lab --test 3
	is "three frames are sent" "$rc" 0
fi
check "then it ends" wait_for 5 pid_gone "$example"
wait "$example"
is "well" "$?:$(cat "$T/example.err")" 0:
check "and its link with it" wait_for 5 is_gone lab

run as_user "$EXAMPLE" -h lab
is "a host link is refused here" "$rc" 1
# The simulated Mac has such links, but not for anybody.
no=Unsupported
[ -z "${SIM_RELEASE-}" ] || no=NotPermitted
like "by name, and with what would help" "$err" "^$no: "
stop_daemon
run as_user "$EXAMPLE" lab
is "without a daemon" "$rc" 1
like "it says so" "$err" '^NoDaemon: '

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How fethd starts and stops: by a service manager that owns the socket and
# listens for readiness, in the background, and on its own socket path.
. "${srcdir:-.}/tests/lib.sh"

[ "$(uname -s)" = Linux ] || skip "the service manager is systemd"
need_cmd pgrep
FETHD_OPTIONS="--foreground --backend user"
said() {
	grep -q "$2" "$T/$1.out"
}
serves() {
	as_user "$FETHC" -s "$1" version >/dev/null 2>&1
}

# A socket that is there before the daemon, and after it.
SOCK=$T/act.sock
# shellcheck disable=SC2086
spawn act "$HOSTILE" activate right "$SOCK" "$FETHD" $FETHD_OPTIONS
act=$LAST
check "an inherited socket is served" wait_for 5 serves "$SOCK"
like "the log says so" "$(cat "$T/act.err")" 'socket inherited'
run fethc open lab --pair --named
is "with all there is" "$rc" 0
pid_end "$act"
is "it ends on SIGTERM" "$rc" 0
check "the socket is the service manager's, and stays" test -S "$SOCK"

# What is no such socket is refused, not guessed at.
for how in datagram file deaf two; do
	run as_user "$HOSTILE" activate $how "$T/$how.sock" "$FETHD" \
	    --foreground --backend user --socket "$T/own.sock"
	is "$how: no start" "$rc" 1
	like "$how: the reason" "$err" 'no listening Unix stream socket'
	check "$how: no socket of its own" test ! -e "$T/own.sock"
done
# Somebody else's LISTEN_PID: the variables are not for this process.
# shellcheck disable=SC2086
spawn other "$HOSTILE" activate other "$T/other.sock" "$FETHD" \
    $FETHD_OPTIONS --socket "$T/own.sock"
other=$LAST
check "LISTEN_PID of another: its own socket" wait_for 5 serves "$T/own.sock"
pid_end "$other"

# Readiness, reload, stop.
spawn manager "$HOSTILE" notify "$T/notify"
manager=$LAST
wait_for 5 test -S "$T/notify" || fail "no service manager"
NOTIFY_SOCKET=$T/notify
export NOTIFY_SOCKET
start_daemon
unset NOTIFY_SOCKET
check "READY=1" wait_for 5 said manager '^READY=1$'
is "is the first word" "$(sed -n 1p "$T/manager.out")" READY=1
kill -HUP "$DPID"
check "RELOADING=1 with the time" wait_for 5 said manager \
    '^RELOADING=1 MONOTONIC_USEC=[0-9]*$'
ready_again() {
	[ "$(grep -c '^READY=1$' "$T/manager.out")" -eq 2 ]
}
check "and READY=1 again" wait_for 5 ready_again
stop_daemon
is "SIGTERM: a clean end" "$rc" 0
check "STOPPING=1" wait_for 5 said manager '^STOPPING=1$'
is "is the last word" "$(sed -n '$p' "$T/manager.out")" STOPPING=1
check "its socket is gone" test ! -e "$SOCK"
pid_end "$manager"
# No manager there: no harm.
NOTIFY_SOCKET=$T/nobody
export NOTIFY_SOCKET
start_daemon
unset NOTIFY_SOCKET
check "a manager that is gone does no harm" serves "$SOCK"

# The socket's path: alive, stale, something else, too long; its mode.
run as_user "$FETHD" --foreground --backend user --socket "$SOCK"
is "a second daemon on the socket" "$rc" 1
like "is told of the first" "$err" "another daemon serves $SOCK"
check "which goes on" serves "$SOCK"
is "the socket is private" "$(stat -c %a "$SOCK")" 600
kill -KILL "$DPID"
wait "$DPID" 2>/dev/null
check "kill -9 leaves a stale socket" test -S "$SOCK"
start_daemon --socket-mode 660
check "it is replaced" serves "$SOCK"
is "with the mode that was asked for" "$(stat -c %a "$SOCK")" 660
kill -INT "$DPID"
wait "$DPID"
is "SIGINT: a clean end, too" "$?" 0
check "without socket" test ! -e "$SOCK"
echo precious >"$T/file"
run as_user "$FETHD" --foreground --backend user --socket "$T/file"
is "a file in its place" "$rc" 1
like "is told" "$err" 'is there and is no socket'
is "and kept" "$(cat "$T/file")" precious
run as_user "$FETHD" --foreground --backend user \
    --socket "$T/$(printf '%0120d' 0)"
is "too long a path" "$rc" 1
like "is told with the limit" "$err" 'must have from 1 to 107 bytes'
run as_user "$FETHD" --foreground --backend user --socket "$T/no/such/dir"
is "no directory" "$rc" 1
like "is told, too" "$err" 'cannot make the socket'

# The background: the command returns when the daemon serves.
bg=$T/bg.sock
# shellcheck disable=SC2317
bg_pid() {
	pgrep -f -- "--backend user --socket $bg"
}
run as_user "$FETHD" --backend user --socket "$bg"
is "in the background" "$rc" 0
pid=$(bg_pid)
check "it serves at once" serves "$bg"
is "without the caller's terminal or files" \
    "$(for n in 0 1 2; do readlink "/proc/$pid/fd/$n"; done | sort -u)" \
    /dev/null
is "in a session of its own" "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
kill "$pid"
check "it ends" wait_for 5 pid_gone "$pid"
check "without socket" wait_for 5 test ! -e "$bg"
echo '{' >"$T/bad.conf"
run as_user "$FETHD" --backend user --socket "$bg" --config "$T/bad.conf"
is "a start that fails is seen" "$rc" 1
like "with where to look" "$err" 'did not start.*--foreground'
check "and leaves no socket" test ! -e "$bg"
for option in --config --run-dir --socket; do
	run as_user "$FETHD" --backend user --socket "$bg" $option here
	is "a relative $option" "$rc" 1
	like "is told" "$err" 'must begin with /'
done

# The descriptor whose end stops it.
mkfifo "$T/life"
chmod 666 "$T/life"
SOCK=$T/life.sock
# shellcheck disable=SC2086
$user_prefix "$FETHD" $FETHD_OPTIONS --socket "$SOCK" --exit-with-fd 9 \
    9<"$T/life" 2>"$T/life.err" &
life=$!
daemons="$daemons $life"
exec 8>"$T/life"
check "it serves" wait_for 5 serves "$SOCK"
exec 8>&-
check "it ends with its descriptor" wait_for 5 pid_gone "$life"
wait "$life"
is "cleanly" "$?" 0

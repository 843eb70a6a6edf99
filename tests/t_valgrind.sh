#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon under valgrind through a life of everything: no access that is none
# of its, no leak, and at the end no descriptor but those that it was born with.
. "${srcdir:-.}/tests/lib.sh"

need_cmd valgrind jq
if grep -q -e __asan_init -e __ubsan_handle "$FETHD"; then
	skip "valgrind and the sanitizers exclude each other"
fi
FETHD_WRAPPER="valgrind -q --leak-check=full --track-fds=yes
    --errors-for-leak-kinds=definite,indirect,possible
    --child-silent-after-fork=yes --error-exitcode=99 --log-file=$T/valgrind.%p"

# What valgrind wrote of process $1: the descriptors that are left open must be
# inherited, and there must be nothing else.
clean() {
	awk '/Open / { open = 1; what = $0; next }
	    open && /inherited from parent/ { open = 0; next }
	    open { print what; bad = 1; open = 0; next }
	    /FILE DESCRIPTORS:/ || /==[0-9]+== *$/ { next }
	    { print; bad = 1 }
	    END { if (open) print what; exit bad || open }' "$T/valgrind.$1"
}

printf '{ "rules": [ { "name": "a", "allow": true, "who": ["anybody"],
    "kinds": ["pair"], "quota": 32 } ] }\n' >"$T/fethd.conf"
chmod 644 "$T/fethd.conf"
start_daemon --config "$T/fethd.conf"
said() {
	grep -q "$2" "$T/$1.out"
}

# Links of both leases, by one program and by two, with all that they may have.
spawn watch "$FETHC" -s "$SOCK" --json watch
watch=$LAST
wait_for 10 said watch links || fail "no watcher"
fethc open named --pair --named --label a=b --address auto >/dev/null
run fethc send named --end 0 --test 2
is "frames go in" "$rc" 0
run fethc recv named --end 1 -c 2
is "and come out" "$rc" 0
spawn session "$FETHC" -s "$SOCK" open session --pair
session=$LAST
wait_for 10 said session link || fail "no session link"
run fethc attach session -- true
is "a second program" "$rc" 0
pid_end "$session"
fethc open left --pair --named >/dev/null
for c in "list" "show named" "stats" "stats named -i 0.1 -c 2" policy \
    "policy explain open --host" version "close named" "open x --host" \
    "open y --pair --dry-run --address auto"; do
	# shellcheck disable=SC2086
	run fethc $c
done

# The bad ones that are not only many.
kill -KILL "$watch"
# It lets no signal end close(2), so files that are slow to close stay slow.
for c in $("$HOSTILE" cases | grep -v -e '-linger$'); do
	case $c in
	churn) continue ;;
	esac
	check "$c" hostile case "$SOCK" "$c"
done
spawn mute "$HOSTILE" mute "$SOCK" 30
mute=$LAST
wait_for 10 said mute watching || fail "no mute watcher"
run hostile opens "$SOCK" 800
is "many links for one who does not read" "$rc" 0
wait "$mute"
is "who is dropped" "$?" 0

# Reloads, good and bad.
in_force() {
	[ "$(grep -c 'policy in force' "$LOG")" -ge "$1" ]
}
before=$(grep -c 'policy in force' "$LOG")
kill -HUP "$DPID"
check "a good reload" wait_for 10 in_force $((before + 1))
echo '{' >"$T/fethd.conf"
kill -HUP "$DPID"
stays() {
	grep -q 'the old policy stays' "$LOG"
}
check "a bad reload" wait_for 10 stays

# The end, with links, a watcher and a client in the middle of it all.
spawn session "$FETHC" -s "$SOCK" open session --pair
wait_for 10 said session link || fail "no session link"
spawn watch "$FETHC" -s "$SOCK" --json watch
wait_for 10 said watch links || fail "no watcher"
stop_daemon
is "exit code" "$rc" 0
check "valgrind has nothing to say" clean "$DPID"

# A start that fails.
# shellcheck disable=SC2086
run as_user $FETHD_WRAPPER "$FETHD" --foreground --backend user \
    --socket "$SOCK" --config "$T/fethd.conf"
is "a bad policy at start" "$rc" 1
for f in "$T"/valgrind.*; do
	check "${f##*/}" clean "${f##*.}"
done

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What fethc tells its caller: exit codes, messages that help, JSON of every
# command; and the same of fethd's own options.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
start_daemon

# code, words of the message, command
tells() {
	want=$1 words=$2
	shift 2
	run fethc "$@"
	is "fethc $*" "$rc" "$want"
	like "fethc $*: what" "$err" "^fethc: .*$words"
	[ "$want" -eq 0 ] || like "fethc $*: and what helps" "$err" \
	    '^  hint: [a-zA-Z"]'
}

# 2: it cannot be meant.
tells 2 'a command is missing'
tells 2 'there is no command explode' explode
tells 2 'there is no command detach' detach lab 0
tells 2 'unknown option' list --explode
tells 2 'needs a value' open lab --mtu
tells 2 'mtu takes a number from 68 to 65521' open lab --pair --mtu 12
tells 2 'contradicts' open lab --pair --host
tells 2 'usage: fethc show' show
tells 2 'usage: fethc close' close
tells 2 'usage: fethc list' list lab
tells 2 'class' open lab --pair --class copper
tells 2 'one of --hex, --file and --test' send lab
tells 2 'takes pairs' send lab --pair --hex xyz
tells 2 'program' exec lab --pair
tells 2 '' policy explode

# 1: the daemon refuses.
fethc open lab --pair --named >/dev/null
tells 1 'NoSuchLink: .*"nobody"' show nobody
tells 1 'NoSuchLink: .*"nobody"' close nobody
tells 1 'NoSuchLink: .*"@99"' attach @99
tells 1 'NoSuchLink' stats nobody
tells 1 'NoSuchLink' ping nobody
tells 1 'NameInUse: .*"lab"' open lab --pair
run fethc open x --pair --mac-lock
is "a lock that nobody watches" "$rc" 1
like "is told" "$err" 'InvalidSpec: .*mac_lock: nobody sees the frames'
if [ -z "${SIM_RELEASE-}" ]; then
	tells 1 'Unsupported: .*host links' open x --host
	tells 1 'Unsupported: .*wire links' open x --wire
else
	tells 1 'NotPermitted: .*not wire' open x --wire
fi
run fethc open 'a b' --pair
is "a name with a blank" "$rc" 1
like "is told" "$err" 'InvalidSpec: name: '
run fethc attach lab
is "two free ports" "$rc" 1
like "are too many to choose from" "$err" 'InvalidSpec: end: '
run fethc open x --pair --mac 01:00:5e:00:00:01
is "a group address" "$rc" 1
like "names the end" "$err" 'InvalidSpec: ends\[0\].mac: '
run fethc close lab nobody
is "one of two is not there" "$rc" 1
refute "the other one is closed" fethc show lab 2>/dev/null

# Control characters of a client do not reach a terminal.
run fethc open "$(printf 'x\033[2J')" --pair
is "an escape in a name" "$rc" 1
refute "is not echoed" grep -q "$(printf '\033')" "$T/run.err"
run fethc open x --pair --label "k=$(printf 'v\033[2J\n')"
is "nor in a label" "$rc" 1
like "which is told" "$err" 'InvalidSpec: labels: '

# --json: a document each.
fethc open esc --pair --named >/dev/null
is_json() {
	run fethc --json "$@"
	refute "--json $*: there is output" [ -z "$out" ]
	check "--json $*: is JSON" sh -c "jq -e . '$T/run.out' >/dev/null"
}
is_json version
is_json list
is_json show esc
is_json stats
is_json stats esc
is_json stats -i 0.1 -c 2
is_json watch -c 1
is_json policy
is_json policy explain open --host
is_json policy explain close esc
is_json open js --pair --dry-run
is_json open js --pair --named --address auto
is_json send js --end 0 --test 2
is_json recv js --end 1 -c 2
is "what was received" "$(jq -r .length "$T/run.out" | tr '\n' ' ')" "60 60 "
is_json ping js --end 0 -c 1 -W 0.1
is_json close js
for refused in "show nobody" "open x --host" "close nobody"; do
	# shellcheck disable=SC2086
	is_json $refused
	is "--json $refused: code" "$rc" 1
	refute "--json $refused: names the error" \
	    [ "$(json .error)" = null ]
	refute "--json $refused: says what" [ "$(json .text)" = null ]
done
run fethc --json show nobody
like "for people, too" "$err" '^fethc: NoSuchLink'

# Help is no error, and is there for each command.
run fethc help
is "help" "$rc" 0
for c in $(printf '%s\n' "$out" | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	run fethc help "$c"
	is "help $c" "$rc" 0
	like "help $c: usage" "$out" "^usage: fethc $c"
done
run fethc --version
is "--version" "$rc" 0

# Output that cannot be written is no success.
if [ -c /dev/full ]; then
	fethc list >/dev/full 2>/dev/null
	is "a full disk" $? 1
fi

# 3: nobody is there.
stop_daemon
for c in list "show lab" "open lab --pair" watch stats policy version; do
	# shellcheck disable=SC2086
	run fethc $c
	case $c in
	version) ;;	# tells its own
	*) is "no daemon: $c" "$rc" 3
	   like "no daemon: $c: says so" "$err" '^fethc: NoDaemon: ' ;;
	esac
done
run fethc --json list
check "also as JSON" sh -c "jq -e .error '$T/run.out' >/dev/null"
run as_user "$FETHC" -s "$T/nowhere.sock" list
is "no socket" "$rc" 3
long=$(printf '%0200d' 0)
run as_user "$FETHC" -s "/$long" list
refute "too long a path" [ "$rc" = 0 ]
like "too long a path is told" "$err" '^fethc: '

# fethd's own.
fethd_tells() {
	want=$1 words=$2
	shift 2
	run as_user env -u XDG_RUNTIME_DIR "$FETHD" "$@"
	is "fethd $*" "$rc" "$want"
	like "fethd $*: what" "$err$out" "$words"
}
fethd_tells 2 'usage: fethd' --explode
fethd_tells 2 'takes no argument: x' x
fethd_tells 2 'no octal mode: 999' --socket-mode 999
fethd_tells 2 'no descriptor number: x' --exit-with-fd x
fethd_tells 2 'no open descriptor: 99' --exit-with-fd 99
fethd_tells 1 'backend copper' --foreground --backend copper \
    --socket "$T/x.sock"
fethd_tells 1 'backend linux: ' --foreground --backend linux \
    --socket "$T/x.sock"
fethd_tells 1 'where to listen' --foreground --backend user
fethd_tells 1 'must begin with /' --backend user --socket x.sock
fethd_tells 0 '^fethd [0-9]' --version
fethd_tells 0 '^usage: fethd' --help

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# fethd on your Mac: `sudo make check-darwin`. Asks the kernel and launchd what
# fethd believes of them (tests/check_darwin.c), then has a daemon of its own make
# links, answer pings, die and clean up, and writes one report to attach to an
# issue. It takes about two minutes.
#
# Two things want your hand. It asks you to open a page in a browser, if it runs in a
# terminal (Enter leaves it out); and with the command of a virtual machine that
# takes a descriptor for its network, as in
#
#	sudo make check-darwin VM='vfkit ... --device virtio-net,fd={fd},mac=...'
#
# it looks at what such a machine sends for a minute.
#
# It makes feth32766 and feth32767, which no daemon uses, and the links of its own
# daemon, with a run directory of its own; it changes and removes no others. Your
# service, if there is one, goes on. Nobody has run this before you, so read the
# report with that in mind.

set -u
: "${srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${top_builddir:=.}"
FETHD=$top_builddir/fethd
FETHC=$top_builddir/fethc
CHECK=$top_builddir/tests/check_darwin
JOB=org.fethd.check
report=$PWD/fethd-report-$(date +%Y%m%d-%H%M%S).txt
daemon=

die() {
	echo "check-darwin: $*" >&2
	exit 2
}

[ "$(uname -s)" = Darwin ] || die "this is for a Mac; here ./bootstrap cross \
checks what can be checked"
[ "$(id -u)" -eq 0 ] || die "run it as root: sudo make check-darwin"
for f in "$FETHD" "$FETHC" "$CHECK"; do
	[ -x "$f" ] || die "$f is not built"
done
# Root's, so that the daemon takes it; /tmp is anybody's.
T=/var/db/fethd-check.$$
(umask 077 && mkdir "$T") || die "cannot make $T"
chmod 755 "$T"
mkdir "$T/empty"

# shellcheck disable=SC2317
cleanup() {
	trap - EXIT HUP INT TERM
	launchctl bootout "system/$JOB" 2>/dev/null
	[ -z "$daemon" ] || {
		kill "$daemon" 2>/dev/null
		wait "$daemon" 2>/dev/null
	}
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 130' HUP INT TERM

say() {
	echo "$*" | tee -a "$report"
}

pass() { say "PASS $*"; }
fail() { say "FAIL $*"; }
note() { say "NOTE $*"; }

# ask SECTION WHAT QUESTION: what no program can find out. The report has the field
# in any case.
ask() {
	answer="not asked, as there is no terminal"
	if [ -t 0 ]; then
		printf '%s\n(Enter to leave it out) ' "$3" >&2
		read -r answer || answer=
	fi
	say "ASK  $(printf %-9s "$1")$2: ${answer:-not answered}"
}

# expect SECTION WHAT CMD...
expect() {
	section=$1 what=$2
	shift 2
	if "$@" >"$T/out" 2>&1; then
		pass "$(printf %-9s "$section")$what"
	else
		fail "$(printf %-9s "$section")$what: $(tail -n 3 "$T/out" | tr '\n' ' ')"
	fi
}

fethc() {
	"$FETHC" -s "$T/sock" "$@"
}

# Names of feth interfaces, one a line.
feths() {
	ifconfig -l | tr ' ' '\n' | grep '^feth' | sort
}

start_daemon() {
	"$FETHD" --foreground --debug --backend feth --socket "$T/sock" \
	    --run-dir "$T/run" --user nobody 2>>"$T/log" &
	daemon=$!
	n=0
	until fethc list >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 100 ] || return 1
		kill -0 "$daemon" 2>/dev/null || return 1
		sleep 0.1
	done
}

# The one interface that came since $T/before, or nothing.
new_feth() {
	feths | comm -13 "$T/before" - | head -n 1
}

# --- links

ping_ok() {
	ping -c 3 -t 5 "$1"
}

# address_of NAME: the program's.
address_of() {
	fethc --json show "$1" 2>/dev/null |
	    sed -n 's/.*"\(10\.253\.[0-9]*\.[0-9]*[02468]\)\/.*/\1/p' |
	    head -n 1
}

# One lock is for all of BPF: how much slower one link is while ten others are in
# use.
check_many() {
	note "bpf      one link, 200 pings: $(ping -q -c 200 -i 0.01 "$address" |
	    tail -n 1)"
	many=
	for i in 1 2 3 4 5 6 7 8 9 10; do
		fethc answer "many$i" --host --address auto >/dev/null 2>&1 &
		many="$many $!"
	done
	sleep 2
	for i in 1 2 3 4 5 6 7 8 9 10; do
		a=$(address_of "many$i")
		[ -n "$a" ] || continue
		ping -q -c 2000 -i 0.001 "$a" >/dev/null 2>&1 &
		many="$many $!"
	done
	note "bpf      the same beside 10 busy links:" \
	    "$(ping -q -c 200 -i 0.01 "$address" | tail -n 1)"
	# shellcheck disable=SC2086
	kill $many 2>/dev/null
	# shellcheck disable=SC2086
	wait $many 2>/dev/null
}

check_daemon() {
	feths >"$T/before"
	if ! start_daemon; then
		fail "feth     the daemon does not start: $(tail -n 3 "$T/log")"
		return
	fi
	pass "feth     the daemon runs"
	fethc answer check --host --address auto >"$T/answer" 2>&1 &
	answer=$!
	n=0
	until [ -n "$(new_feth)" ] || [ $n -gt 50 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	sleep 1
	address=$(address_of check)
	if [ -n "$address" ]; then
		expect bpf "the kernel pings an unprivileged program" \
		    ping_ok "$address"
		[ -z "${SUDO_USER-}" ] || expect network "and so does a user's ping" \
		    sudo -u "$SUDO_USER" ping -c 3 -t 5 "$address"
		# Of applications only: a click, and nobody has it told.
		ask network "does macOS ask before an application may reach it?" \
		    "Please open http://$address/ in a browser (there is no page).
Did macOS ask whether it may find devices on the local network, or refuse it?"
	else
		fail "bpf      the link has no address: $(cat "$T/answer")"
	fi
	[ -z "$address" ] || check_many
	note "network  does configd take it for a network service?" \
	    "$(scutil <<-END | tr '\n' ' '
	list State:/Network/(Interface|Service)/.*feth.*
	END
	)"
	expect feth "a raw port opens" sh -c \
	    "'$FETHC' -s '$T/sock' exec --host --class raw -- true"
	check_crash
	kill "$answer" 2>/dev/null
	wait "$answer" 2>/dev/null
}

# kill -9, and the next start leaves nothing.
check_crash() {
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null
	left=$(new_feth)
	note "feth     kill -9 of the daemon leaves: ${left:-nothing}"
	start=$(date +%s)
	if ! start_daemon; then
		fail "feth     the daemon does not start again"
		return
	fi
	pass "feth     the daemon starts again"
	kill "$answer" 2>/dev/null
	n=0
	while [ -n "$(new_feth)" ] && [ $n -lt 400 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	expect feth "and nothing of the old one is left" test -z "$(new_feth)"
	note "feth     that took $(($(date +%s) - start)) s"
	kill "$daemon"
	wait "$daemon"
	expect feth "a stop leaves nothing" test -z "$(new_feth)"
	daemon=
}

# --- virtual machines

# What Virtualization.framework leaves to a descriptor's other side is not
# documented: frames longer than the MTU, or with checksums that somebody else
# should complete, would show in what a guest sends (DHCP will do).
check_vm() {
	if [ -z "${VM-}" ]; then
		say "ASK  vm       does a guest of Virtualization.framework send" \
		    "whole frames?: not asked, give VM='...' (see" \
		    "tests/check-darwin.sh)"
		return
	fi
	start_daemon || return
	fethc exec vm --pair --relay -- sh -c "$VM" >"$T/vm.log" 2>&1 &
	vm=$!
	sleep 1
	fethc attach vm -- sleep 70 >/dev/null 2>&1 &
	other=$!
	fethc capture vm -w "$T/vm.pcapng" >/dev/null 2>&1 &
	capture=$!
	sleep 60
	kill "$capture" "$other" "$vm" 2>/dev/null
	wait "$capture" "$other" "$vm" 2>/dev/null
	tcpdump -nevvr "$T/vm.pcapng" >"$T/vm.txt" 2>/dev/null
	note "vm       $(grep -c ethertype "$T/vm.txt") frames, the longest" \
	    "$(sed -n 's/.*ethertype.* length \([0-9]*\): .*/\1/p' "$T/vm.txt" |
	    sort -n | tail -n 1), with incomplete checksums:" \
	    "$(grep -ci -e 'bad.*cksum' -e incorrect "$T/vm.txt")"
	[ -s "$T/vm.txt" ] || note "vm       $(tail -n 3 "$T/vm.log")"
	kill "$daemon"
	wait "$daemon"
	daemon=
}

# --- launchd

job_list() {
	cat <<-END
	<?xml version="1.0" encoding="UTF-8"?>
	<plist version="1.0"><dict>
	<key>Label</key><string>$JOB</string>
	<key>ProgramArguments</key><array>
	<string>$T/check_darwin</string><string>job</string>
	<string>$T/job</string></array>
	<key>RunAtLoad</key><true/>
	$1
	<key>Sockets</key><dict><key>fethd</key><dict>
	<key>SockPathName</key><string>$2</string>
	<key>SockPathMode</key><integer>438</integer></dict></dict>
	</dict></plist>
	END
}

# check_job TEXT KEYS SOCKET
check_job() {
	rm -f "$T/job"
	job_list "$2" "$3" >"$T/$JOB.plist"
	chmod 644 "$T/$JOB.plist"
	if ! launchctl bootstrap system "$T/$JOB.plist" 2>"$T/out"; then
		note "launchd  $1: bootstrap says $(cat "$T/out")"
		return
	fi
	sleep 2
	note "launchd  $1: $(head -n 1 "$T/job" 2>/dev/null)," \
	    "$(stat -f '%Sp %u:%g' "$3" 2>&1)"
	start=$(date +%s)
	launchctl bootout "system/$JOB" 2>/dev/null
	n=0
	while launchctl print "system/$JOB" >/dev/null 2>&1 && [ $n -lt 90 ]; do
		n=$((n + 1))
		sleep 1
	done
	last=$(tail -n 1 "$T/job" | awk '{ print $2 }')
	note "launchd  $1: lived $((${last:-$start} - start)) s after SIGTERM"
}

check_launchd() {
	cp "$CHECK" "$T/check_darwin"
	check_job "no ExitTimeOut" "" "/var/run/fethd-check.sock"
	check_job "ExitTimeOut 10" \
	    "<key>ExitTimeOut</key><integer>10</integer>" \
	    "/var/run/fethd-check.sock"
	check_job "a socket in a directory that is not there" "" \
	    "/var/run/fethd-check/sock"
	rm -f /var/run/fethd-check.sock /var/run/fethd-check/sock
	rmdir /var/run/fethd-check 2>/dev/null
}

: >"$report"
say "fethd $("$FETHD" --version), $(sw_vers -productVersion)" \
    "($(sw_vers -buildVersion)), $(uname -m), $(date)"
note "identity /var/run is $(stat -f '%Sp %Su:%Sg' /private/var/run)," \
    "/var/db is $(stat -f '%Sp %Su:%Sg' /private/var/db)"
"$CHECK" "$T/empty" 2>&1 | tee -a "$report"
check_daemon
check_vm
check_launchd
say "--- the daemon's log"
tail -n 200 "$T/log" >>"$report"
f=$(grep -c '^FAIL' "$report")
say "$(grep -c '^PASS' "$report") passed, $f failed"
[ -z "${SUDO_USER-}" ] || chown "$SUDO_USER" "$report"
echo "The report is $report; please attach it to an issue."
[ "$f" -eq 0 ]

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ./bootstrap demo: the main job, told as a story. Each step is a sentence, the
# real command and its real output. Usage: demo.sh BUILD_DIR
#
# As root the host's side of the cable is a real network interface, in a network
# namespace that the demo makes, so that nothing of this machine's network is
# touched. Without root, or where root may not do that, the cable joins two
# programs.
# shellcheck disable=SC1007,SC2086,SC2317
set -u

build=$(cd "${1:?usage: demo.sh BUILD_DIR}" && pwd) || exit 1
dir=$(mktemp -d "${TMPDIR:-/tmp}/fethd-demo.XXXXXX") || exit 1
chmod 755 "$dir"
ns=fethd-demo-$$
user_id=64088 broker_id=64087
FETHD_SOCKET=$dir/fethd.sock
export FETHD_SOCKET
pids=
made_ns=
failed=0

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') off=$(printf '\033[0m')
else
	bold= dim= off=
fi

cleanup() {
	for p in $pids; do
		kill "$p" 2>/dev/null
	done
	for p in $pids; do
		wait "$p" 2>/dev/null
	done
	pids=
	[ -z "$made_ns" ] || ip netns del "$ns" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM
trap 'exit 141' PIPE

# The build may be below a directory that is not for everybody.
mkdir "$dir/bin" && cp "$build/fethd" "$build/fethc" "$dir/bin/" || exit 1
PATH=$dir/bin:$build:/usr/sbin:/sbin:$PATH
"$dir/bin/fethc" version --help >/dev/null 2>&1 || rm -rf "${dir:?}/bin"

say() {
	printf '\n%s%s%s\n' "$bold" "$*" "$off"
}

# The command as the reader would type it, then run.
run() {
	printf '  %s$ %s%s\n' "$dim" "$*" "$off"
	sh -c "$*" 2>&1 | sed 's/^/    /'
}

# As run, in the namespace that plays the host.
host() {
	printf '  %s$ %s%s\n' "$dim" "$*" "$off"
	ip netns exec "$ns" sh -c "$*" 2>&1 | sed 's/^/    /'
}

# A program in the background: its pid in $last, its output in $dir/NAME.
start() {
	name=$1
	shift
	"$@" >"$dir/$name" 2>&1 &
	last=$!
	pids="$pids $last"
}

wait_for() {	# what, command...
	what=$1
	shift
	n=0
	until "$@" >/dev/null 2>&1; do
		n=$((n + 1))
		if [ $n -ge 100 ]; then
			printf 'demo: %s did not happen within 10 s\n' "$what"
			for f in "$dir"/*; do
				[ -f "$f" ] && sed "s|^|${f##*/}: |" "$f"
			done
			exit 1
		fi
		sleep 0.1
	done
}

stop() {	# pid
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

check_nothing_left() {	# label, count
	if [ "$2" -eq 0 ]; then
		printf '    %s: none\n' "$1"
	else
		printf '    %s: %s LEFT\n' "$1" "$2"
		failed=1
	fi
}

frames() {	# the first ones that are of interest
	grep -Ei 'arp|echo|nd who-has fd' "$dir/answer" | head -n 6 |
	    sed 's/^/    /'
}

answer_lab() {
	printf '  %s$ fethc answer lab --pair --address auto%s\n' "$dim" "$off"
	start answer fethc answer lab --pair --address auto -v
	answer=$last
	wait_for "the link" fethc show lab
}

left_behind() {
	check_nothing_left "processes" "$(pgrep -f "$dir/fethd.sock" | wc -l)"
	if [ -S "$FETHD_SOCKET" ]; then
		check_nothing_left "sockets" 1
	else
		check_nothing_left "sockets" 0
	fi
}

demo_root() {
	user="setpriv --reuid $user_id --regid $user_id --clear-groups --"

	say "1. A network namespace plays the host, so that this machine's network stays as it is."
	printf '  %s$ ip netns add %s%s\n' "$dim" "$ns" "$off"
	ip netns exec "$ns" ip link set lo up

	say "2. The administrator starts the service. Its policy lets one user open host links."
	cat >"$dir/fethd.conf" <<-END
	{ "rules": [
	  { "name": "demo", "allow": true, "who": ["uid:$user_id"],
	    "kinds": ["host", "pair"], "quota": 4 } ],
	  "spares": 0 }
	END
	sed 's/^/    /' "$dir/fethd.conf"
	printf '  %s$ fethd --foreground --config fethd.conf%s\n' "$dim" "$off"
	start daemon ip netns exec "$ns" fethd --foreground \
	    --config "$dir/fethd.conf" --socket "$FETHD_SOCKET" \
	    --run-dir "$dir/run" --user $broker_id:$broker_id
	daemon=$last
	wait_for "the daemon's start" fethc list
	printf '  %s$ ps -eo user,pid,ppid,comm | grep fethd%s\n' "$dim" "$off"
	ps -o user:8,pid,ppid,comm -p "$daemon,$(pgrep -P "$daemon")" |
	    sed 's/^/    /'

	say "3. A user without any privilege asks for a cable into the host, and answers on it."
	printf '  %s$ fethc answer lab --host --address auto%s    (as uid %s)\n' "$dim" "$off" $user_id
	start answer $user fethc answer lab --host --address auto -v
	answer=$last
	wait_for "the link" fethc show $user_id/lab
	run "fethc show $user_id/lab"

	say "4. The host has a new interface, hardened, with the other end's address next to it."
	host "ip -brief link show type tun; ip -brief address show type tun"

	say "5. The host's own ping reaches that program, by IPv4 and by IPv6."
	ip4=$(fethc --json show $user_id/lab | tr -d ' \n' |
	    grep -o '"kind":"port"[^]]*' | grep -o '10\.[0-9.]*' | head -n 1)
	ip6=$(fethc --json show $user_id/lab | tr -d ' \n' |
	    grep -o '"kind":"port"[^]]*' | grep -o 'fd66:[0-9a-f:]*' | head -n 1)
	wait_for "an answer to ping -6" ip netns exec "$ns" ping -6 -c 1 -W 1 "$ip6"
	host "ping -c 2 -i 0.2 $ip4"
	host "ping -6 -c 2 -i 0.2 $ip6"

	say "6. What the program saw, frame by frame, and what was counted."
	frames
	run "fethc stats $user_id/lab"

	say "7. What that user may not do is refused, with the reason."
	printf '  %s$ fethc open --wire%s    (as uid %s)\n' "$dim" "$off" $user_id
	$user fethc open --wire 2>&1 | sed 's/^/    /'

	say "8. The program is killed, as hard as it gets. Its cable is gone at once."
	printf '  %s$ kill -9 %s%s\n' "$dim" "$answer" "$off"
	kill -9 "$answer"
	wait "$answer" 2>/dev/null
	wait_for "the end of the interface" \
	    sh -c "! ip netns exec $ns ip -brief link | grep -q feth"
	host "ip -brief link"

	say "9. The service stops. Is anything left behind?"
	stop "$daemon"
	check_nothing_left "interfaces" \
	    "$(ip netns exec "$ns" ip -brief link | grep -c feth)"
	left_behind
	ip netns del "$ns" && made_ns=
	check_nothing_left "namespaces" "$(ip netns list | grep -c "^$ns")"
}

demo_user() {	# why no host link
	say "1. $1, so the cable joins two programs. A private daemon, without any privilege:"
	printf '  %s$ fethd --foreground --backend user --socket %s%s\n' "$dim" "$FETHD_SOCKET" "$off"
	start daemon fethd --foreground --backend user --socket "$FETHD_SOCKET"
	daemon=$last
	wait_for "the daemon's start" fethc list
	run "fethc version"

	say "2. One program opens a cable and answers at its end."
	answer_lab
	run "fethc show lab"

	say "3. Another program takes the other end and pings it: real Ethernet frames, no interface, no root."
	ip6=$(fethc --json show lab | tr -d ' \n' |
	    grep -o 'fd66:[0-9a-f:]*::1' | head -n 1)
	run "fethc ping lab -c 2 -i 0.2"

	say "4. What the first program saw, frame by frame. When the other one went, it read end-of-file, and the cable was gone."
	wait_for "the end of the link" sh -c "! fethc show lab"
	frames
	run "fethc list"

	say "5. By IPv6 on a new one of the same name: it has the same addresses."
	answer_lab
	run "fethc ping lab $ip6 -c 2 -i 0.2"
	wait_for "the end of the link" sh -c "! fethc show lab"

	say "6. What the daemon without privilege cannot do is refused, with the reason."
	run "fethc open --host"

	say "7. A program is killed, as hard as it gets. Its cable is gone at once."
	answer_lab
	printf '  %s$ kill -9 %s%s\n' "$dim" "$answer" "$off"
	kill -9 "$answer"
	wait "$answer" 2>/dev/null
	wait_for "the end of the link" sh -c "! fethc show lab"
	run "fethc list"

	say "8. The daemon stops. Is anything left behind?"
	stop "$daemon"
	left_behind
}

printf '%sfethd: a program without privilege gets an Ethernet cable.%s\n' "$bold" "$off"
if [ "$(id -u)" -ne 0 ]; then
	demo_user "You are not root"
elif ! ip netns add "$ns" 2>/dev/null; then
	demo_user "There are no network namespaces here"
elif [ ! -c /dev/net/tun ]; then
	made_ns=1
	demo_user "There is no /dev/net/tun here"
else
	made_ns=1
	demo_root
fi
rm -rf "$dir"
[ -e "$dir" ] && failed=1
if [ $failed -eq 0 ]; then
	say "Nothing was left behind. Next: README.md, fethc help, ./bootstrap check."
else
	say "Something was left behind: that is a bug, please report it."
fi
exit $failed

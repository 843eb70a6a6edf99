# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2086,SC2154
#
# Helpers of the kernel tests: their second line, after lib.sh. The daemon is
# root's, in a network namespace that plays the host ($NS); the clients are one
# normal user, whom a policy file grants what a test is about.
#
#   k_conf [RULE...]      write $CONF: these rules, else one that allows the user
#                         host, pair and wire links; $GRACE seconds of grace,
#                         $SPARES spares, so that interfaces can be counted
#   k_start NAME [OPT...] start the daemon with $CONF
#   k_again               start it again on the same run directory
#   k_stop                SIGTERM: exit code 0, and nothing is left
#   k_nothing_left        no interface, no process
#   h CMD...              run as root on the "host"
#   bg NAME CMD...        run in the background; $BG, output in $T/NAME.log
#   bg_user NAME CMD...   the same as the normal user
#   hold NAME ARGS...     bg_user fethc ARGS, and wait until it has its link
#   of LINK JQ            a fact about a link: of lab .ends[1].mac
#   host_if LINK          the name of its (first) host interface
#   now                   the clock in ms
#   within MS WHAT CMD... CMD must come true in that time; $took has it
#   in_time TOOK MS       that is no more; both allow for a machine that is slow
#   if_gone NAME / if_there NAME    on the host
#   pings ADDRESS [OPT...]      two pings from the host, both answered
#   answers ADDRESS [OPT...]    one ping, for wait_for
#   tool NAME             the path of tests/kernel_NAME, as the user may run it
#   listens NAMESPACE PORT    somebody does, by TCP
#   dhcp_server           dnsmasq for machines on links of 10.99.1.1/24
#   marked                interfaces on the host that carry a mark of fethd's
#   spares NAMESPACE      those of them that are no link's yet

GRACE=30
SPARES=0
CONF=

k_rundir() {
	[ -n "$RUN" ] && return
	RUN=$(mktemp -d /run/feth-test.XXXXXX) || die "no directory"
	chmod 755 "$RUN"
	rundirs="$rundirs $RUN"
}

k_conf() {
	k_rundir
	CONF=$RUN/fethd.conf
	[ $# -gt 0 ] || set -- '{ "name": "kernel-test", "allow": true,
	    "who": ["uid:'$USER_ID'"], "quota": 4096 }'
	{
		echo '{ "rules": ['
		sep=
		for r in "$@"; do
			printf '%s%s\n' "$sep" "$r"
			sep=,
		done
		echo '], "grace": '"$GRACE"', "spares": '"$SPARES"' }'
	} >"$CONF"
}

k_start() {
	k_name=$1
	shift
	[ -n "$CONF" ] || k_conf
	start_root_daemon "$k_name" --config "$CONF" "$@"
}

k_again() {
	start_root_daemon_again --config "$CONF" "$@"
}

k_stop() {
	stop_daemon
	is "the daemon stops cleanly" "$rc" 0
	k_nothing_left
}

k_processes() {
	pgrep -f -- "--run-dir $RUN/state"
}

k_nothing_left() {
	is "no interface of ours is left" "$(marked)" ""
	is "no process of ours is left" "$(k_processes)" ""
	[ ! -e "$SOCK" ] || fail "the socket is left"
}

h() {
	ip netns exec "$NS" "$@"
}

bg() {
	bg_log=$T/$1.log
	: >"$bg_log"		# now; the shell in the background may be late
	shift
	"$@" >"$bg_log" 2>&1 </dev/null &
	BG=$!
	daemons="$daemons $BG"
}

bg_user() {
	bg_name=$1
	shift
	bg "$bg_name" setpriv --reuid $USER_ID --regid $USER_ID --clear-groups \
	    -- "$@"
}

hold() {
	hold_name=$1
	shift
	bg_user "$hold_name" "$FETHC" -s "$SOCK" "$@"
	wait_for "$TEST_DEADLINE" hold_ready ||
	    die "fethc $*: $(cat "$bg_log")"
	pid_alive "$BG" || die "fethc $* ended: $(cat "$bg_log")"
}

hold_ready() {
	pid_gone "$BG" || grep -q '^end 1' "$bg_log"
}

# kill -9, and not a word of the shell's about it.
kill_hard() {
	kill -9 "$@"
	for p in "$@"; do
		wait "$p" 2>/dev/null
	done
}

of() {
	fethc --json show "$1" | jq -r ".link$2"
}

host_if() {
	of "$1" ' | [.ends[].interface // empty][0]'
}

now() {
	date +%s%3N
}

# How many times slower than the quiet one is this machine now? All its network
# namespaces have one lock, and removing an interface (30 ms with the programs)
# waits for it and for RCU.
slower() {
	slower_start=$(now)
	ip -n "$NS" link add feth-clock type veth peer name feth-clock2
	ip -n "$NS" link del feth-clock
	echo $((1 + ($(now) - slower_start) / 60))
}

in_time() {	# took limit
	[ "$1" -le "$2" ] || [ "$1" -le $(($2 * $(slower))) ]
}

within() {
	limit=$1
	what=$2
	shift 2
	start=$(now)
	until "$@"; do
		took=$(($(now) - start))
		if [ $took -gt "$limit" ] && ! in_time $took "$limit"; then
			fail "$what: not within $limit ms"
			return 1
		fi
		sleep 0.02
	done
	took=$(($(now) - start))
	checks=$((checks + 1))
	echo "ok: $what ($took ms)"
}

if_there() {
	ip -n "$NS" link show dev "$1" >/dev/null 2>&1
}

if_gone() {
	! if_there "$1"
}

link_gone() {
	! fethc show "$1" >/dev/null 2>&1
}

marked() {
	ip -n "$NS" -j link show |
	    jq -r '.[] | select(.ifalias // "" | startswith("fethd:")) | .ifname'
}

spares() {	# NAMESPACE
	ip -n "$1" -j link show |
	    jq -r '.[] | select(.ifalias // "" | test("^fethd:.*:spare$")) | .ifname'
}

k_needs() {
	need_root
	need_tun
	need_cmd jq ping pgrep "$@"
}

conf_of() {	# interface family key
	h cat "/proc/sys/net/$2/conf/$1/$3"
}

pings() {	# address [option...]
	h ping -q -n -c 2 -i 0.2 -W 2 "$@" >"$T/ping.out" 2>&1 ||
	    { cat "$T/ping.out"; return 1; }
}

answers() {	# address [option...]: once, for wait_for
	h ping -q -n -c 1 -W 1 "$@" >/dev/null 2>&1
}

tool() {
	tool_path=$top_builddir/tests/kernel_$1
	[ -x "$tool_path" ] || die "$tool_path is not built: make check"
	if ! as_user test -x "$tool_path"; then
		mkdir -p "$T/bin"
		cp -u "$tool_path" "$T/bin/"
		tool_path=$T/bin/kernel_$1
	fi
	echo "$tool_path"
}

listens() {	# NAMESPACE PORT
	[ -n "$(ip netns exec "$1" ss -Hltn "sport = :$2")" ]
}

# With files of its own, away from the machine's.
dhcp_server() {
	cat >"$T/dnsmasq.conf" <<-END
		port=0
		no-resolv
		no-hosts
		bind-dynamic
		interface=feth*
		dhcp-range=10.99.1.100,10.99.1.200,255.255.255.0,10m
		dhcp-leasefile=$T/leases
		dhcp-authoritative
		no-ping
		log-dhcp
		dhcp-option=encap:175,176,1b
		log-facility=-
		user=root
	END
	: >"$T/leases"
	bg dnsmasq ip netns exec "$NS" dnsmasq --keep-in-foreground \
	    --conf-file="$T/dnsmasq.conf" --pid-file="$T/dnsmasq.pid"
}

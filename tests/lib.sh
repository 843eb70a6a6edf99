# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1007,SC2034,SC2154
#
# Helpers of the shell tests: `. "${srcdir:-.}/tests/lib.sh"` is a test's first
# line. It makes the private directory $T, and takes everything away again at
# exit: daemons by pid, network namespaces by name, $T. A test counts its
# failures (check, is, like) and goes on; the exit status is 1 when there was
# any, 77 after skip. Nothing here touches what the test did not make.
#
#   skip WHY              end the test as skipped, with the reason
#   need_root             skip unless root on Linux
#   need_cmd NAME...      skip unless these programs exist
#   need_tun              skip unless TAP interfaces can be made
#   fail WHY              count a failure
#   die WHY               fail, and end the test
#   check WHAT CMD...     CMD must succeed
#   refute WHAT CMD...    CMD must fail
#   is WHAT GOT WANT      the two must be equal
#   like WHAT TEXT ERE    TEXT must have a line that matches
#   run CMD...            run it; $out, $err and $rc have what came of it
#   wait_for SECS CMD...  until CMD succeeds; fails when it does not in time
#   as_user CMD...        run as a normal user (as it is when not root)
#   as_other CMD...       run as a second normal user (root only)
#   fethc ARGS...         the command on $SOCK, as the normal user
#   hostile ARGS...       tests/hostile, as the normal user
#   call METHOD [PARAMS]  one call of org.fethd.Broker; prints the reply
#   json FILTER [TEXT]    jq -r FILTER on TEXT, or on $out
#   call METHOD [PARAMS]  one call of org.fethd.Broker; prints the reply
#   json FILTER [TEXT]    jq -r FILTER on TEXT, or on $out
#   spawn NAME CMD...     run it in the background as the normal user; its pid is
#                         in $LAST, its output in $T/NAME.out and $T/NAME.err
#   start_daemon [OPT...] as the normal user, user backend; sets $SOCK $DPID $LOG
#   start_root_daemon NAME [OPT...]  as root, Linux backend, in a network
#                         namespace of its own; sets $NS $RUN too
#   stop_daemon           SIGTERM, wait; $rc is its exit code
#   broker_pid            the pid of the broker of $DPID
#   serving_pid           the pid of what clients of $DPID talk to
#   netns_new NAME        make a network namespace; its full name is in $NS
#   netns_own             names of the namespaces of this test that exist
#   fds_of PID            how many descriptors it has open
#   links_left NS         the fethd interfaces in a namespace, one a line

set -u

: "${srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${top_builddir:=.}"
: "${FETHD:=$top_builddir/fethd}"
: "${FETHC:=$top_builddir/fethc}"
: "${HOSTILE:=$top_builddir/tests/hostile}"
: "${EXAMPLE:=$top_builddir/docs/example}"
: "${FETHD_WRAPPER=}"

# Ids that no system gives to anybody: the user, a second user, the broker.
USER_ID=64086
OTHER_ID=64088
BROKER_ID=64087

# How long anything may take; much more than it does, for slow machines.
: "${TEST_DEADLINE:=20}"

test_name=$(basename "$0" .sh)
failures=0
checks=0
daemons=
at_exit=
namespaces=
rundirs=
out= err= rc=0 SOCK= DPID= LAST= LOG= NS= RUN=

# What the daemon never writes of itself.
speaks='ERROR: [A-Za-z]*Sanitizer|runtime error:|^==[0-9]+== '

# shellcheck disable=SC2317
test_cleanup() {
	status=$?
	trap - EXIT HUP INT TERM
	for p in $daemons; do
		if pid_ours "$p"; then
			pid_end "$p"
		fi
	done
	for c in $at_exit; do
		$c
	done
	for n in $namespaces; do
		ip netns del "$n" 2>/dev/null
	done
	# The newest at the end, where what went wrong is looked for.
	# shellcheck disable=SC2045
	for l in $(ls -tr "$T"/*.log 2>/dev/null); do
		if grep -Eq "$speaks" "$l"; then
			fail "a sanitizer or valgrind speaks in $(basename "$l")"
		fi
		if [ $failures -gt 0 ] || { [ $status -ne 0 ] &&
		    [ $status -ne 77 ]; }; then
			echo "--- $(basename "$l")"
			tail -n 60 "$l"
		fi
	done
	for d in "$T" $rundirs; do
		rm -rf "$d"
	done
	[ $status -ne 0 ] || [ $failures -eq 0 ] || status=1
	[ $status -ne 0 ] || echo "$test_name: $checks checks"
	exit $status
}

skip() {
	echo "SKIP: $*"
	exit 77
}

fail() {
	failures=$((failures + 1))
	echo "FAIL: $*"
}

die() {
	fail "$@"
	exit 1
}

check() {
	what=$1
	shift
	checks=$((checks + 1))
	if "$@"; then
		echo "ok: $what"
	else
		fail "$what: $*"
	fi
}

refute() {
	what=$1
	shift
	checks=$((checks + 1))
	if "$@"; then
		fail "$what: succeeded: $*"
	else
		echo "ok: $what"
	fi
}

is() {
	checks=$((checks + 1))
	if [ "$2" = "$3" ]; then
		echo "ok: $1"
	else
		fail "$1: got '$2', want '$3'"
	fi
}

like() {
	checks=$((checks + 1))
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		echo "ok: $1"
	else
		fail "$1: '$2' is not like '$3'"
	fi
}

run() {
	"$@" >"$T/run.out" 2>"$T/run.err"
	rc=$?
	out=$(cat "$T/run.out")
	err=$(cat "$T/run.err")
	return 0
}

wait_for() {
	tries=$(($1 * 20))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

is_root() {
	[ "$(id -u)" -eq 0 ]
}

need_root() {
	[ "$(uname -s)" = Linux ] || skip "needs Linux"
	is_root || skip "needs root"
	need_cmd ip setpriv
	probe=feth-test-$$-probe
	why=$(ip netns add "$probe" 2>&1) ||
	    skip "cannot make network namespaces: $why"
	ip netns del "$probe"
}

need_cmd() {
	for c in "$@"; do
		command -v "$c" >/dev/null 2>&1 || skip "needs $c"
	done
}

need_tun() {
	[ -c /dev/net/tun ] || skip "needs /dev/net/tun"
}

# The normal user is somebody else than root, with no group but his own.
as_id() {
	id=$1
	shift
	if is_root; then
		setpriv --reuid "$id" --regid "$id" --clear-groups -- "$@"
	else
		"$@"
	fi
}

as_user() {
	as_id $USER_ID "$@"
}

as_other() {
	as_id $OTHER_ID "$@"
}

fethc() {
	as_user "$FETHC" -s "$SOCK" "$@"
}

hostile() {
	as_user "$HOSTILE" "$@"
}

call() {
	[ $# -eq 2 ] || set -- "$1" '{}'
	printf '{"method":"org.fethd.Broker.%s","parameters":%s}\n' "$1" "$2" |
	    hostile talk "$SOCK" | sed 's/^[0-9]* //'
}

json() {
	printf '%s\n' "${2-$out}" | jq -r "$1"
}

spawn() {
	sname=$1
	shift
	# Now; the shell in the background may be late.
	: >"$T/$sname.out"
	: >"$T/$sname.err"
	# shellcheck disable=SC2086
	$user_prefix "$@" >"$T/$sname.out" 2>"$T/$sname.err" </dev/null &
	LAST=$!
	daemons="$daemons $LAST"
}

pid_alive() {
	kill -0 "$1" 2>/dev/null || return 1
	if [ -d /proc/self ]; then
		! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
	else
		case $(ps -o stat= -p "$1" 2>/dev/null) in ""|Z*) return 1 ;; esac
	fi
}

pid_gone() {
	! pid_alive "$1"
}

# A number alone may belong to somebody else by now.
pid_ours() {
	[ "$(ps -o ppid= -p "$1" 2>/dev/null | tr -d ' ')" = $$ ]
}

# Our child $1 ends on SIGTERM; $rc is its exit code.
pid_end() {
	kill -TERM "$1" 2>/dev/null
	wait_for "$TEST_DEADLINE" pid_gone "$1" || {
		fail "process $1 does not end on SIGTERM"
		kill -KILL "$1"
	}
	wait "$1" 2>/dev/null
	rc=$?
}

# Start "$@" in the background, with its output in $LOG; a function would leave
# a shell between us and the daemon, so that $! were not its pid.
daemon_spawn() {
	ndaemons=$((${ndaemons:-0} + 1))
	LOG=$T/daemon$ndaemons.log
	# shellcheck disable=SC2086
	"$@" >"$LOG" 2>&1 </dev/null &
	DPID=$!
	daemons="$daemons $DPID"
}

daemon_serves() {
	pid_alive "$DPID" || return 0
	[ -S "$SOCK" ] && "$FETHC" -s "$SOCK" version >/dev/null 2>&1
}

daemon_wait() {
	if ! wait_for "$TEST_DEADLINE" daemon_serves; then
		die "the daemon does not serve on $SOCK"
	fi
	if ! pid_alive "$DPID"; then
		wait "$DPID"
		die "the daemon ended at start with $?"
	fi
}

start_daemon() {
	SOCK=$T/fethd.sock
	# shellcheck disable=SC2086
	daemon_spawn $user_prefix $FETHD_WRAPPER "$FETHD" --foreground --backend user \
	    --socket "$SOCK" "$@"
	daemon_wait
}

start_root_daemon() {
	netns_new "$1"
	shift
	# Under /run: the daemon refuses a run directory below one that anybody
	# may write to.
	if [ -z "$RUN" ]; then
		RUN=$(mktemp -d /run/feth-test.XXXXXX) || die "no directory"
		chmod 755 "$RUN"
		rundirs="$rundirs $RUN"
	fi
	start_root_daemon_again "$@"
}

# In the same namespace, with the same run directory: a restart.
start_root_daemon_again() {
	SOCK=$RUN/fethd.sock
	# shellcheck disable=SC2086
	daemon_spawn ip netns exec "$NS" $FETHD_WRAPPER "$FETHD" --foreground \
	    --backend linux --socket "$SOCK" --run-dir "$RUN/state" \
	    --user "$BROKER_ID:$BROKER_ID" "$@"
	daemon_wait
}

stop_daemon() {
	pid_end "$DPID"
	rest=
	for p in $daemons; do
		[ "$p" = "$DPID" ] || rest="$rest $p"
	done
	daemons=$rest
}

serving_pid() {
	echo "$DPID"
}

broker_pid() {
	pgrep -P "$DPID" | head -n 1
}

netns_new() {
	NS=feth-test-$$-$1
	ip netns add "$NS" || die "cannot make network namespace $NS"
	namespaces="$namespaces $NS"
	ip -n "$NS" link set lo up
}

netns_own() {
	ip netns list | awk '{ print $1 }' | grep "^feth-test-$$-"
}

fds_of() {
	if [ -d /proc/self/fd ]; then
		# shellcheck disable=SC2012
		ls "/proc/$1/fd" 2>/dev/null
	else
		lsof -nP -p "$1" -a -d 0-99999 -F f 2>/dev/null | grep '^f'
	fi | wc -l | tr -d ' '
}

links_left() {
	ip -n "$1" -o link show |
	    sed -n 's/^[0-9]*: \(feth[0-9]*\)[@:].*/\1/p'
}

if is_root; then
	T=$(mktemp -d /tmp/feth-test.XXXXXX) || exit 99
	chown $USER_ID:$USER_ID "$T"
	chmod 755 "$T"
else
	T=$(mktemp -d "${TMPDIR:-/tmp}/feth-test.XXXXXX") || exit 99
fi
trap test_cleanup EXIT
trap 'exit 130' HUP INT TERM

# The daemons of this test live on a simulated macOS.
if [ -n "${SIM_RELEASE-}" ]; then
	. "$srcdir/tests/sim/simlib.sh"
fi

# A build below a private directory is out of the normal user's reach.
test_reachable() {
	for v in FETHD FETHC HOSTILE EXAMPLE SIM_CABLE; do
		eval "f=\${$v-}"
		[ -x "$f" ] || continue
		as_user test -x "$f" && continue
		mkdir -p "$T/bin"
		cp "$f" "$T/bin/" && chmod 755 "$T/bin" "$T/bin/${f##*/}"
		eval "$v=\$T/bin/\${f##*/}"
	done
}

user_prefix=
if is_root && command -v setpriv >/dev/null 2>&1; then
	user_prefix="setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --"
	test_reachable
fi

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC1007,SC2034,SC2086,SC2154
#
# The simulated macOS for shell tests. With SIM_RELEASE set, lib.sh takes this
# file in, and each daemon that a test starts is the one of a Mac: root's, with
# the feth backend, on a simulation of that release. $FETHD and $FETHC are those
# of tests/sim/ then.
#
#   sim_up                start the simulation, unless it runs; $NS is its host
#   sim_down              end it; nothing of it is left
#   sim_state [ERE]       what there is in it, a line each
#   sim_feths             the names of its feth interfaces
#   sim_do COMMAND...     play the rest of the Mac; see sim_fuse.c
#   sim_clean             no feth, no BPF descriptor, no hazard
#   sim_guest             a second kernel as the guest, in the namespace $guest
#   sim_cable NAME CLASS  a link to it, with addresses: $cable $host4 $guest4 $guest6
#   g COMMAND...          run there
#   tcp LISTENER SENDER TCP4|TCP6 ADDRESS   3 MB pass from one namespace to another
#   no_hazards            no call that harms a real kernel was made

: "${SIM_RELEASE:=15.4}"
FETHD=$top_builddir/tests/sim/fethd
FETHC=$top_builddir/tests/sim/fethc
SIM_SERVER=$top_builddir/tests/sim/sim_fuse
SIM_CABLE=$top_builddir/tests/sim/cable
sim_pid= SIM=

sim_needs() {
	need_root
	need_tun
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	[ -x "$SIM_SERVER" ] || skip "the simulation is not built: needs fuse3"
	need_cmd jq ping nsenter umount
}

sim_up() {
	[ -z "$sim_pid" ] || return 0
	sim_needs
	netns_new mac
	[ -n "$RUN" ] || {
		RUN=$(mktemp -d /run/feth-test.XXXXXX) || die "no directory"
		chmod 755 "$RUN"
		rundirs="$rundirs $RUN"
	}
	SIM=$RUN/mac
	mkdir "$SIM"
	# Not by "ip netns exec": that has mounts of its own.
	nsenter --net="/run/netns/$NS" "$SIM_SERVER" "$SIM" "$SIM_RELEASE" \
	    >"$T/sim.log" 2>&1 </dev/null &
	sim_pid=$!
	at_exit="sim_down $at_exit"
	wait_for "$TEST_DEADLINE" test -f "$SIM/state" ||
	    die "the simulation does not start"
	export FETHD_SIM="$SIM"
}

sim_down() {
	[ -n "$sim_pid" ] || return 0
	pid_end "$sim_pid"
	sim_pid=
	umount -l "$SIM" 2>/dev/null
}

sim_state() {
	grep -E -e "${1-.}" "$SIM/state"
}

sim_feths() {
	sed -n 's/^if \(feth[0-9]*\) .*/\1/p' "$SIM/state"
}

sim_do() {
	echo "$*" >"$SIM/admin"
}

no_hazards() {
	is "no harm was done to the kernel" \
	    "$(sed -n 's/^hazards //p' "$SIM/state")" "0 "
}

sim_no_bpf() {
	! sim_state '^bpf' >/dev/null
}

sim_clean() {
	is "no feth is left" "$(sim_feths)" ""
	check "no BPF descriptor is left" wait_for 5 sim_no_bpf
	no_hazards
}

sim_guest() {
	need_cmd socat
	sim_host=$NS
	netns_new guest
	guest=$NS NS=$sim_host
	ip -n "$guest" tuntap add dev t0 mode tap user $USER_ID
	ip -n "$guest" link set t0 up
	head -c 3000000 /dev/urandom >"$T/data"
}

g() {
	ip netns exec "$guest" "$@"
}

sim_cable() {
	bg "$1" nsenter --net="/run/netns/$guest" sh -c 'exec setpriv \
	    --reuid "$1" --regid "$1" --clear-groups -- "$2" "$3" "$4" "$5" \
	    t0 9<>/dev/net/tun' cable $USER_ID "$SIM_CABLE" "$SOCK" "$1" "$2"
	cable=$BG
	wait_for 5 grep -q open "$T/$1.log" || die "$(cat "$T/$1.log")"
	ip -n "$guest" addr flush dev t0
	ip -n "$guest" link set t0 down
	ip -n "$guest" link set t0 address "$(of "$1" '.ends[0].mac')" up
	for i in 0 1; do
		ip -n "$guest" addr add "$(of "$1" ".ends[0].addresses[$i]")" \
		    dev t0 nodad
	done
	host4=$(of "$1" '.ends[1].addresses[0] | split("/")[0]')
	guest4=$(of "$1" '.ends[0].addresses[0] | split("/")[0]')
	guest6=$(of "$1" '.ends[0].addresses[1] | split("/")[0]')
	wait_for 5 answers "$guest4"
}

tcp() {
	ip netns exec "$1" socat -u "$3-LISTEN:7777,reuseaddr" \
	    "CREATE:$T/got" &
	tcp_pid=$!
	daemons="$daemons $tcp_pid"
	wait_for 5 listens "$1" 7777
	ip netns exec "$2" timeout 60 socat -u "OPEN:$T/data" "$3:$4:7777"
	wait_for 20 pid_gone $tcp_pid
	cmp "$T/data" "$T/got"
}

# A pair of programs needs no privilege, and its tests a normal user's daemon;
# here they have a warden, whose clients they are.
start_daemon() {
	sim_up
	# Where the warden may remove it.
	SOCK=$RUN/fethd.sock
	sim_daemon "$@"
}

start_root_daemon_again() {
	sim_up
	SOCK=$RUN/fethd.sock
	sim_daemon "$@"
}

start_root_daemon() {
	shift
	start_root_daemon_again "$@"
}

serving_pid() {
	broker_pid
}

sim_daemon() {
	daemon_spawn ip netns exec "$NS" $FETHD_WRAPPER "$FETHD" --foreground \
	    --backend feth --socket "$SOCK" --run-dir "$RUN/state" \
	    --user "$BROKER_ID:$BROKER_ID" "$@"
	daemon_wait
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Host links whose frames pass the relay: nothing is lost, a reader that does
# not read hurts nobody else, a broker that is killed is not noticed, bad frames
# are counted from either side, and what one port does wrong its neighbours do
# not feel.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs
relay=$top_builddir/tests/relay_port
[ -x "$relay" ] || die "$relay is not built: make check"
mkdir -p "$T/bin" && cp "$relay" "$T/bin/" && relay=$T/bin/relay_port

GRACE=5
k_conf
k_start relay

port() {	# NAME CLASS OPTIONS... -- ARGS of relay_port, with PORT
	pname=$1 pclass=$2
	shift 2
	popts=
	while [ "$1" != -- ]; do
		popts="$popts $1"
		shift
	done
	shift
	pkind=message
	[ "$pclass" = stream ] && pkind=stream
	pargs=$(printf '%s ' "$@" | sed "s/PORT/$pkind:{fd}/")
	bg_user "$pname" "$FETHC" -s "$SOCK" exec "$pname" --host --class \
	    "$pclass" $popts -- sh -c "$relay $pargs; exec sleep 120"
	pid=$BG
	wait_for "$TEST_DEADLINE" if_of "$pname" || die "$(cat "$T/$pname.log")"
}
if_of() {
	[ "$(of "$1" .state 2>/dev/null)" = up ] && iface=$(host_if "$1")
}
said() {	# NAME PATTERN
	grep -Eq "$2" "$T/$1.log"
}
counter() {	# INTERFACE NAME
	ip -n "$NS" -s -j link show dev "$1" | jq ".[0].stats64.$2"
}
stat() {	# LINK JQ of its end 0
	fethc --json stats "$1" | jq -r ".stats[0].ends[0]$2"
}
ended() {
	kill "$pid"
	wait_for 5 pid_gone "$pid"
	wait_for 5 link_gone "$pname"
}
broker_pid_new() {
	now_pid=$(broker_pid)
	[ -n "$now_pid" ] && [ "$now_pid" != "$broker" ] &&
	    fethc list >/dev/null 2>&1
}

broker_ends() {	# SIGNAL
	how="$class, SIG$1"
	port lives "$class" -- recv PORT 8000 4000
	bg slow ip netns exec "$NS" "$relay" send "packet:$iface" 8000 500 2000
	sleep 1
	broker=$(broker_pid)
	kill -"$1" "$broker"
	within 3000 "$how: a new broker serves" broker_pid_new
	check "$how: the port goes on" wait_for 30 said lives '^received'
	got=$(sed -n 's/^received \([0-9]*\) .*/\1/p' "$T/lives.log")
	check "$how: at most a turn was lost ($got of 8000)" \
	    [ "${got:-0}" -ge 7936 ]
	like "$how: and it did not end" "$(grep '^received' "$T/lives.log")" \
	    'out of order [01]$'
	check "$how: the link is its owner's again" wait_for 5 sh -c \
	    "[ \"\$('$FETHC' -s '$SOCK' --json show '$USER_ID/lives' |
	    jq -r .link.state)\" = up ]"
	is "$how: the interface is the same" "$(host_if lives)" "$iface"
	sleep $((GRACE + 1))
	check "$how: after the grace time, too" if_there "$iface"
	ended
	within 3000 "$how: it ends with its program" if_gone "$iface"
}

for class in socket stream; do
	# --- from the program to the host, as fast as it goes

	port up $class -- send PORT 100000 1500
	check "$class: all are sent" wait_for 60 said up '^sent 100000'
	all_in() {
		[ "$(counter "$iface" rx.packets)" -ge 100000 ]
	}
	check "$class: the host has them all" wait_for 20 all_in
	is "$class: not one was dropped" "$(stat up '.drops|tostring')" '{}'
	is "$class: counted" "$(stat up .tx_frames)" 100000
	grep '^sent' "$T/up.log"

	# --- from the host to the program

	ended
	port down $class -- recv PORT 30000 5000
	h "$relay" send "packet:$iface" 30000 1500 20000
	check "$class: they come" wait_for 60 said down '^received'
	like "$class: all of them, in order" "$(cat "$T/down.log")" \
	    '^received 30000 of 30000, twice 0, out of order 0$'
	sed -n 2p "$T/down.log"

	# --- a reader that never reads, beside one that does

	ended
	port stuck $class -- fill PORT
	stuck=$pid stuck_if=$iface
	port live $class -- recv PORT 20000 5000
	bg flood ip netns exec "$NS" "$relay" send "packet:$stuck_if" 400000 1500
	flood=$BG
	h "$relay" send "packet:$iface" 20000 1500 10000
	check "$class: beside it they come" wait_for 60 said live '^received'
	like "$class: all" "$(cat "$T/live.log")" \
	    '^received 20000 of 20000, twice 0, out of order 0$'
	sed -n 2p "$T/live.log"
	check "$class: the daemon answers meanwhile" \
	    [ "$(stat stuck .rx_frames)" -gt 10 ]
	is "$class: and does not turn in circles" "$(ticks=$(awk '{
	    print $14 + $15 }' "/proc/$(broker_pid)/stat"); sleep 1
	    end=$(awk '{ print $14 + $15 }' "/proc/$(broker_pid)/stat")
	    pid_alive "$flood" || [ $((end - ticks)) -lt 10 ] && echo idle)" idle
	kill "$flood" 2>/dev/null
	ended
	kill "$stuck"

	# --- the broker alone ends, by force and in order

	broker_ends KILL
	broker_ends TERM
done

# --- what no port may send, beside ports that do as they should

# One neighbour a thread of the relay, and so one in that of the bad port.
beside=$(seq "$(n=$(nproc); echo $((n < 4 ? n : 4)))")
neighbours() {	# CLASS
	held=
	for i in $beside; do
		port "beside$i" "$1" -- recv PORT 4000 5000
		held="$held $pid"
		bg "to$i" ip netns exec "$NS" "$relay" send "packet:$iface" \
		    4000 1500 2000
	done
}
neighbours_well() {	# WHAT
	for i in $beside; do
		check "$1: neighbour $i has something" \
		    wait_for 60 said "beside$i" '^received'
		like "$1: neighbour $i has all" "$(cat "$T/beside$i.log")" \
		    '^received 4000 of 4000, twice 0, out of order 0$'
		# Mostly 0; what waits for others waits for seconds.
		like "$1: in time" "$(cat "$T/beside$i.log")" \
		    '^late ms: least 0, median [0-9]{1,2},'
		sed -n 's/^late/neighbour: late/p' "$T/beside$i.log"
	done
	# shellcheck disable=SC2086 # They are several.
	kill $held
	for i in $beside; do
		wait_for 5 link_gone "beside$i"
	done
}
dropped() {	# LINK END DROPS
	[ "$(fethc --json stats "$1" |
	    jq -cS ".stats[0].ends[$2].drops")" = "$3" ]
}

neighbours socket
port bad socket -- bad PORT 1500 5000
check "socket: bad frames are taken" wait_for 60 said bad '^longest 1518: sent'
check "socket: each is counted for what it is" wait_for 10 dropped bad 0 \
    '{"descriptors":5000,"long":10000,"short":70000}'
is "socket: only the longest possible went on" "$(counter "$iface" \
    rx.packets)" 5000
neighbours_well "socket: bad frames"
ended

neighbours stream
port bad stream -- bad PORT 1500 5000
check "stream: short frames are taken" wait_for 60 said bad '^short 13: sent'
check "stream: and counted" wait_for 10 dropped bad 0 '{"short":65000}'
is "stream: none went on" "$(counter "$iface" rx.packets)" 0
neighbours_well "stream: short frames"
ended

closed() {	# LINK WHY
	[ "$(stat "$1" .closed)" = "$2" ]
}
for length in 0 1519 65535 4294967295; do
	port framing stream -- length PORT $length
	check "stream: a length of $length ends it" wait_for 5 said framing \
	    '^then: (end|Connection reset)'	# the length itself is unread
	check "stream: and says why" wait_for 5 closed framing framing
	ended
done

# --- from the host: what its kernel lets through. Runts it refuses, or pads, or
# the relay counts them; and whoever may can give the interface a larger MTU.

neighbours socket
port odd socket -- recv PORT 100000 120000
runts=$(h "$relay" bad "packet:$iface" 1500 | grep -c '^short .*Invalid')
is "the host: each runt is refused or dropped" "$(wait_for 5 dropped odd 1 \
    "$([ "$runts" = 14 ] && echo '{}' || echo "{\"short\":$((14 - runts))}")" &&
    echo so)" so
ip -n "$NS" link set dev "$iface" mtu 9000
h "$relay" send "packet:$iface" 2000 1519
h "$relay" send "packet:$iface" 2000 9000
long_out() {
	[ "$(stat1 odd .drops.long)" = 4000 ]
}
stat1() {
	fethc --json stats "$1" | jq -r ".stats[0].ends[1]$2"
}
check "the host: frames over the link's MTU are dropped" wait_for 10 long_out
neighbours_well "bad frames of the host"
ended

# --- ports that are used against the rules

mkdir "$T/theirs" && chown "$USER_ID" "$T/theirs"
refused() {	# LINK N
	[ "$(stat "$1" .drops.refused)" -ge "$2" ] 2>/dev/null
}
for class in socket stream; do
	neighbours "$class"
	port shut "$class" -- shut PORT wr
	check "$class: shut for writing: closed" wait_for 5 closed shut shutdown
	ended
	within 3000 "$class: and gone with its program" if_gone "$iface"
	port deaf "$class" -- shut PORT rd
	check "$class: shut for reading" wait_for 5 said deaf '^shutdown: done'
	h "$relay" send "packet:$iface" 500 100
	check "$class: what comes is counted" wait_for 5 refused deaf 500
	ended
	port full "$class" -- fill PORT
	check "$class: who fills his queue" wait_for 5 said full '^filled'
	h "$relay" send "packet:$iface" 20000 1500
	check "$class: and reads nothing is kept" \
	    [ "$(stat full .closed)" = null ]
	ended
	neighbours_well "$class: ports against the rules"
done
neighbours socket
port else socket --dgram -- elsewhere PORT "$T/theirs/socket"
check "a port connected elsewhere" wait_for 5 said else '^connect: done'
h "$relay" send "packet:$iface" 5 100
check "is closed, with the reason" wait_for 5 closed else shutdown
neighbours_well "a port connected elsewhere"
ended
k_stop

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Relayed pair links with the user backend: class stream with frames in pieces,
# class socket on request, datagram sockets; what the relay refuses and counts,
# and how a port closes.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
[ "$(uname -s)" = Linux ] || skip "relay_port is a program for Linux"
relay=$top_builddir/tests/relay_port
[ -x "$relay" ] || die "$relay is not built: make check"
mkdir -p "$T/bin" && cp "$relay" "$T/bin/" && relay=$T/bin/relay_port
start_daemon
ipid=

held() {	# LINK END
	fethc --json show "$1" 2>/dev/null |
	    jq -e ".link.ends[$2].attached" >/dev/null
}
# A program at the first port of a new link; its output is $T/NAME.out.
first() {	# LINK KIND ARGS-OF-relay_port... : OPTIONS...
	flink=$1 fkind=$2
	shift 2
	fargs=
	while [ "$1" != : ]; do
		fargs="$fargs $1"
		shift
	done
	shift
	fargs=$(echo "$fargs" | sed "s/PORT/$fkind:{fd}/")
	spawn "$flink" "$FETHC" -s "$SOCK" exec "$flink" --pair "$@" -- sh -c \
	    "$relay $fargs; exec sleep 60 >/dev/null 2>&1"
	fpid=$LAST
	wait_for 5 held "$flink" 0 || die "$(cat "$T/$flink.err")"
}
second() {	# LINK KIND ARGS...
	slink=$1
	sargs=$(shift; k=$1; shift; echo "$@" | sed "s/PORT/$k:{fd}/")
	# shellcheck disable=SC2086
	fethc attach "$slink" -- "$relay" $sargs
}
# Somebody at the second port who does nothing: until then nobody reads the first.
idle() {	# LINK
	spawn "$1-idle" "$FETHC" -s "$SOCK" attach "$1" -- sleep 60
	ipid=$LAST
	wait_for 5 held "$1" 1 || die "$(cat "$T/$1-idle.err")"
}
said() {	# NAME PATTERN
	grep -Eq "$2" "$T/$1.out"
}
stat() {	# LINK END JQ
	fethc --json stats "$1" | jq -r ".stats[0].ends[$2]$3"
}
end_first() {
	pid_end "$fpid"
	if [ -n "$ipid" ] && pid_alive "$ipid"; then
		pid_end "$ipid"
	fi
	ipid=
	wait_for 5 gone "$flink" || fail "$flink is left"
}
gone() {
	! fethc show "$1" >/dev/null 2>&1
}

# --- every way of framing against every other, with a slow reader: no loss

for way in "stream stream" "message message" "message stream"; do
	k0=${way% *} k1=${way#* }
	case $way in
	"stream stream") set -- --class stream ;;
	"message message") set -- --relay ;;
	*) set -- ;;
	esac
	if [ "$way" = "message stream" ]; then
		# The two ends of one link, of two classes.
		run call Open '{"name":"mixed","lease":"named","ends":[{"kind":"port","class":"socket","take":false},{"kind":"port","class":"stream","take":false}]}'
		like "a link of two classes" "$out" '"relayed":true'
		spawn mixed "$FETHC" -s "$SOCK" attach mixed --end 0 -- \
		    "$relay" recv "message:{fd}" 3000 4000 200
		run fethc attach mixed --end 1 -- "$relay" send "stream:{fd}" \
		    3000 1500
		flink=mixed
	else
		first way "$k0" recv PORT 3000 4000 200 : "$@"
		run second way "$k1" send PORT 3000 1500
	fi
	is "$way: sent" "$rc" 0
	check "$way: they come" wait_for 20 said "$flink" '^received'
	like "$way: all in order, at a slow reader's" \
	    "$(cat "$T/$flink.out")" \
	    '^received 3000 of 3000, twice 0, out of order 0'
	[ "$way" = "message stream" ] || end_first
done
run fethc close mixed

# --- a stream in pieces, of frames up to the longest that there are

first pieces stream recv PORT 500 4000 : --class stream --mtu 9000
run second pieces stream split PORT 500 9018
is "a stream in pieces" "$rc" 0
check "comes" wait_for 30 said pieces '^received'
like "as whole frames" "$(cat "$T/pieces.out")" \
    '^received 500 of 500, twice 0, out of order 0'
end_first
first huge stream recv PORT 60 4000 : --class stream --mtu 65521
run second huge stream send PORT 60 65539
check "frames longer than any buffer come" wait_for 30 said huge '^received'
like "all" "$(cat "$T/huge.out")" \
    '^received 60 of 60, twice 0, out of order 0'
end_first

# --- our own reader, which has frames in its memory when nothing is in the socket

run fethc open ahead --pair --named --class stream
spawn ahead "$FETHC" -s "$SOCK" --json recv ahead --end 1 -c 2000 --timeout 15
reader=$LAST
wait_for 5 held ahead 1 || fail "nobody is at the port"
run fethc send ahead --end 0 --test 2000
is "2000 frames are sent at once" "$rc" 0
wait "$reader"
is "recv gets them all, with no more to wake it" $? 0
is "each of them" "$(wc -l <"$T/ahead.out" | tr -d ' ')" 2000
run fethc close ahead

# --- lengths that cannot be

for length in 0 1519 0x80000000 0xffffffff; do
	first bad stream length PORT $length : --class stream
	idle bad
	first_pid=$fpid first_link=$flink first_idle=$ipid
	ipid=
	first other stream recv PORT 10 20000 : --class stream
	check "a length of $length: the port ends" wait_for 5 said bad \
	    '^then: (end|Connection reset)'
	closed() {
		[ "$(stat bad 0 .closed)" = framing ]
	}
	check "with a reason in its statistics" wait_for 5 closed
	is "and in what the link is" "$(fethc --json show bad |
	    jq -r '.link.ends[0] | .closed, .attached' | tr '\n' ' ')" \
	    "framing false "
	like "people see it, too" "$(fethc stats bad)" 'closed=framing'
	grep -q "port 0 is closed (framing): a frame of $((length)) bytes" \
	    "$LOG" || fail "the log does not tell why"
	run second other stream send PORT 10 100
	check "another link does not notice" wait_for 5 said other \
	    '^received 10 of 10'
	end_first
	fpid=$first_pid flink=$first_link ipid=$first_idle
	end_first
done
# Watchers are told before they could ask.
spawn watch "$FETHC" -s "$SOCK" --json watch --name told
watch=$LAST
first told stream length PORT 0 : --class stream
idle told
check "a watcher is told, too" wait_for 5 said watch \
    '"event":"changed".*"closed":"framing"'
end_first
pid_end "$watch"

# --- frames that may not pass

first short stream bad PORT 1500 : --class stream
idle short
counts() {	# LINK WANT
	[ "$(stat "$1" 0 '.drops|tostring')" = "$2" ]
}
check "13 short frames in a stream" wait_for 5 counts short '{"short":13}'
is "none is sent" "$(stat short 0 .tx_frames)" 0
is "all are dropped" "$(stat short 0 .tx_dropped)" 13
refute "the stream goes on" [ "$(stat short 0 .closed)" = framing ]
end_first
first sock message bad PORT 1500 : --relay
idle sock
check "a socket: short, long, with a descriptor" wait_for 5 counts sock \
    '{"short":14,"long":2,"descriptors":1}'
is "the longest passes" "$(stat sock 0 .tx_frames)" 1
before=$(fds_of "$DPID")
end_first
check "no descriptor stays" [ "$(fds_of "$DPID")" -le "$before" ]

mac=02:00:00:00:00:77
first lock message from PORT 5 02:00:00:00:00:66 : --relay --mac $mac --mac-lock
idle lock
check "another source: dropped" wait_for 5 counts lock '{"mac":5}'
end_first
first own message from PORT 5 $mac : --relay --mac $mac --mac-lock
idle own
check "its own passes" wait_for 5 counts own '{}'
is "all of it" "$(stat own 0 .tx_frames)" 5
is "show tells of the lock" \
    "$(fethc --json show own | jq .link.ends[0].mac_lock)" true
end_first
first mtu message send PORT 4 1518 : --relay --mtu-check
idle mtu
check "untagged and above the MTU: dropped" wait_for 5 counts mtu '{"long":4}'
end_first
first rate message send PORT 100 1000 : --relay --rate 1000 --burst 10000
idle rate
check "above the rate: dropped" wait_for 5 counts rate '{"rate":90}'
is "a burst passes" "$(stat rate 0 .tx_frames)" 10
end_first

# --- sockets that are used as they should not be

first shut message shut PORT wr : --relay
idle shut
closed() {
	[ "$(stat "$1" 0 .closed)" = "$2" ]
}
check "shut for writing: closed" wait_for 5 closed shut shutdown
end_first
first deaf message shut PORT rd : --relay
check "shut for reading" wait_for 5 said deaf '^shutdown: done'
spawn teller "$FETHC" -s "$SOCK" attach deaf -- sh -c \
    "sleep 0.3; $relay send message:{fd} 5 100; exec sleep 60"
ipid=$LAST
refused() {
	[ "$(stat deaf 0 .drops.refused)" = 5 ]
}
check "shut for reading: what comes is counted" wait_for 5 refused
end_first
first full message fill PORT : --relay
idle full
check "who fills his queue only waits" wait_for 5 said full \
    'filled with [0-9]+: Resource temporarily'
is "what a program holds is bounded" "$([ "$(stat full 0 .tx_frames)" -lt \
    4000 ] && echo so)" so
end_first

# --- datagram sockets

first dgram message recv PORT 100 4000 : --relay --dgram
is "it is one" "$(fethc --json show dgram | jq .link.ends[0].dgram)" true
run second dgram message send PORT 100 500
check "datagrams pass" wait_for 5 said dgram \
    '^received 100 of 100, twice 0, out of order 0'
run second dgram message recv PORT 1 100
end_first
first else message elsewhere PORT "$T/elsewhere" : --relay --dgram
spawn else-idle "$FETHC" -s "$SOCK" attach else -- sh -c \
    "sleep 1; $relay send message:{fd} 1 100; exec sleep 60"
ipid=$LAST
check "connected elsewhere" wait_for 5 said else '^connect: done'
check "closed, with the reason" wait_for 5 closed else shutdown
end_first
first dpair message recv PORT 100 4000 : --dgram
refute "a plain pair of them is not relayed" \
    [ "$(fethc --json show dpair | jq .link.relayed)" = true ]
run second dpair message send PORT 100 500
check "and works" wait_for 5 said dpair '^received 100 of 100'
end_first

# --- a named link's port, again and again

run fethc open keep --pair --named --class stream
is "a named stream" "$rc" 0
for i in 1 2 3; do
	spawn reader "$FETHC" -s "$SOCK" attach keep --end 0 -- \
	    "$relay" recv "stream:{fd}" 10 4000
	reader=$LAST
	wait_for 5 held keep 0 || fail "nobody is at the port"
	# Half a frame of the last holder's must not be in the way.
	run fethc attach keep --end 1 -- sh -c \
	    "printf '\0\0\1\0half' >&{fd}"
	run fethc attach keep --end 1 -- "$relay" send "stream:{fd}" 10 300
	is "round $i: sent" "$rc" 0
	check "round $i: it comes" wait_for 10 pid_gone "$reader"
	like "round $i: all of it" "$(cat "$T/reader.out")" \
	    '^received 10 of 10, twice 0, out of order 0'
done
run fethc close keep

# --- a policy that wants the lock and a rate

stop_daemon
is "the daemon ends cleanly" "$rc" 0
cat >"$T/locked.conf" <<-END
	{ "rules": [ { "name": "tame", "allow": true, "who": ["anybody"],
	    "mac_lock": true, "max_rate": 5000 } ] }
END
start_daemon --config "$T/locked.conf"
run fethc open a --pair --named
is "without the lock: refused" "$rc" 1
like "the hint helps" "$err" 'ask for --relay --mac-lock'
run fethc open a --pair --named --relay --mac-lock
like "a rate is wanted, too" "$err" 'ask for --rate 5000 or less'
run fethc open a --pair --named --relay --mac-lock --rate 5001
is "not a higher one" "$rc" 1
run fethc open a --pair --named --relay --mac-lock --rate 5000 --burst 5001
like "nor a burst that is one" "$err" 'ask for --burst 5000 or less'
run fethc open a --pair --named --relay --mac-lock --rate 5000
is "as the hints said" "$rc" 0
run fethc --json policy
is "the policy tells" "$(json '.rules[0] | [.mac_lock, .max_rate] | tostring')" \
    '[true,5000]'
stop_daemon
is "the daemon ends cleanly" "$rc" 0

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Capture: what tshark makes of the file, filters good and hostile, a reader that
# is slow or goes, links that end; and that the packet socket is where it should
# be and nowhere else.
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs tshark capinfos script

k_conf '{ "name": "kernel-test", "allow": true, "who": ["uid:'$USER_ID'"],
    "classes": ["tap", "raw", "socket", "stream"], "quota": 64 }'
k_start capture
hold answer answer lab --host --address auto
iface=$(host_if lab)
ip4=$(of lab '.ends[0].addresses[0] | split("/")[0]')
mkdir "$T/cap" && chmod 777 "$T/cap"

# record FILE ARGS...: capture lab in the background until stopped.
record() {
	file=$T/cap/$1
	shift
	bg_user record "$FETHC" -s "$SOCK" capture lab -w "$file" "$@"
	recorder=$BG
	wait_for 5 recording || die "no capture: $(cat "$T/record.log")"
}
recording() {
	[ "$(captures)" -gt 0 ] && [ -s "$file" ]
}
captures() {
	pgrep -c -P "$(pgrep -o -f -- "--run-dir $RUN/state")" -f fethd |
	    awk '{ print $1 - 1 }'
}
no_captures() {
	[ "$(captures)" -eq 0 ]
}
stop_record() {
	kill -INT "$recorder"
	wait "$recorder"
	rc=$?
	out=$(cat "$T/record.log")
}
shark() {	# file, filter, fields...
	shark_file=$1
	shark_filter=$2
	shift 2
	set -- $(printf -- '-e %s ' "$@")
	tshark -n -r "$T/cap/$shark_file" -Y "$shark_filter" -T fields "$@" \
	    2>/dev/null
}

# --- what comes out

record a
check "ping" pings "$ip4"
stop_record
is "SIGINT ends it well" "$rc" 0
like "and it tells how many" "$out" '^[0-9]+ frames captured, 0 dropped$'
n=$(shark a frame frame.number | wc -l)
is "as many are in the file" "$n" "$(echo "$out" | sed 's/ .*//')"
is "requests go out of the host" \
    "$(shark a 'icmp.type == 8' frame.packet_flags_direction | sort -u)" \
    0x00000002
is "replies come in" \
    "$(shark a 'icmp.type == 0' frame.packet_flags_direction | sort -u)" \
    0x00000001
is "both of them" "$(shark a icmp frame.number | wc -l)" 4
is "the interface has the link's name" \
    "$(shark a frame frame.interface_name | sort -u)" lab
info=$(capinfos "$T/cap/a")
like "its description" "$info" \
    "Description = end 1 of the host link @1 of uid $USER_ID, MTU 1500, interface $iface"
like "nanoseconds" "$info" 'Time precision = nanoseconds \(9\)'
like "who wrote it" "$info" 'Capture application: fethd [0-9]'
like "the counters are there" "$info" 'Number of stat entries = [1-9]'
like "whole frames" "$(shark a 'icmp.type == 8' frame.len frame.cap_len)" \
    '^98	98$'
now_s=$(date +%s)
check "stamps of today" [ $((now_s - $(shark a 'icmp.type == 8' \
    frame.time_epoch | head -n 1 | cut -d . -f 1))) -lt 60 ]

record b --end 0
pings "$ip4"
stop_record
is "from the other end, requests come in" \
    "$(shark b 'icmp.type == 8' frame.packet_flags_direction | sort -u)" \
    0x00000001
like "which is said" "$(capinfos "$T/cap/b")" 'Description = end 0 of the host'

record c --snaplen 20
pings "$ip4"
stop_record
is "a short snaplen" "$(shark c 'frame.len == 98' frame.cap_len | sort -u)" 20

record d --count 3
pings "$ip4"
wait "$recorder"
is "--count: ends by itself" "$?" 0
like "after so many" "$(cat "$T/record.log")" '^3 frames captured'
is "which are in the file" "$(shark d frame frame.number | wc -l)" 3
like "with the counters" "$(capinfos "$T/cap/d")" 'stat entries = [1-9]'

# What comes before the capture is not in it, and --count would wait for more.
wait_for 5 no_captures
fethc capture lab --count 2 >"$T/cap/e" 2>"$T/e.err" &
piped=$!
wait_for 5 eval '! no_captures'
pings "$ip4"
wait $piped
is "a pipe gets pcapng" "$(shark e frame frame.interface_name | sort -u)" lab
run fethc --json capture lab --timeout 0.3
is "--json and --timeout" "$rc" 0
wait_for 5 no_captures
bg_user lines script -qec "$FETHC -s $SOCK capture lab --count 4 icmp" /dev/null
lines=$BG
wait_for 5 eval '! no_captures'
pings "$ip4"
wait $lines
like "lines on a terminal" "$(cat "$T/lines.log")" \
    '^[0-9:]{8}\.[0-9]{6} out .*echo request'
like "both ways" "$(cat "$T/lines.log")" '^[0-9:.]+ in  .*echo reply'
as_user script -qec "$FETHC -s $SOCK capture lab -w -" /dev/null \
    >"$T/tty.out" 2>&1
is "pcapng on a terminal is refused" "$?" 2
like "with a hint" "$(cat "$T/tty.out")" 'not for a terminal'
run fethc capture lab -w /nonexistent/x
is "a file that cannot be written" "$rc" 1
like "is named" "$err" '/nonexistent/x: No such file'
bg_user full "$FETHC" -s "$SOCK" capture lab -w /dev/full
pings "$ip4"
wait $BG
is "a full disk" "$?" 1
like "is named too" "$(cat "$T/full.log")" 'No space left'
wait_for 5 no_captures

# --- where the packet socket is

record p
child=$(pgrep -P "$(pgrep -o -f -- "--run-dir $RUN/state")" | tail -n 1)
status=$(cat "/proc/$child/status")
like "the capture process is nobody" "$status" \
    "^Uid:	$BROKER_ID	$BROKER_ID	$BROKER_ID	$BROKER_ID"
like "without a capability" "$status" '^CapEff:	0+$'
like "or a way to one" "$status" '^NoNewPrivs:	1'
like "behind a filter of system calls" "$status" '^Seccomp:	2'
is "in an empty root" "$(readlink "/proc/$child/root")" "$RUN/state/empty"
sockets=$(h awk 'NR > 1 { print $NF }' /proc/net/packet)
holders=
for s in $sockets; do
	for f in /proc/[0-9]*/fd/*; do
		[ "$(readlink "$f" 2>/dev/null)" = "socket:[$s]" ] || continue
		f=${f#/proc/}
		holders="$holders ${f%%/*}"
	done
done
is "nobody else has a packet socket" "$holders" " $child"

# --- the broker goes, the capture stays

kill_hard "$(broker_pid)"
wait_for 5 fethc show lab >/dev/null
pings "$ip4"
stop_record
is "a crash of the broker does not end it" "$(shark p icmp frame.number |
    wc -l)" 4
is "it ends well" "$rc" 0

# --- filters

record f icmp
pings "$ip4"
h ping -q -c 1 -W 1 ff02::1%"$iface" >/dev/null 2>&1
stop_record
is "a filter lets its frames through" "$(shark f icmp frame.number | wc -l)" 4
is "and no others" "$(shark f 'not icmp' frame.number | wc -l)" 0

# The kernel takes a VLAN tag out of a frame; it is back where a filter looks for
# it, and the file has the frame as it was sent.
check "a link" fethc open vlans --host --named
arp='0806 0001 0800 0604 0001 020000000001 0a580001 000000000000 0a580002'
arp="$arp 000000000000000000000000000000000000"
for f in 'vlan 7 and arp' 'arp' 'vlan 8'; do
	name=$(echo "$f" | tr -d ' ')
	# shellcheck disable=SC2086
	bg_user "$name" "$FETHC" -s "$SOCK" capture vlans -w "$T/cap/$name" $f
done
three_there() {
	[ "$(captures)" -eq 3 ]
}
wait_for 5 three_there
fethc send vlans --hex "ffffffffffff 020000000001 8100 6007 $arp"
fethc send vlans --hex "ffffffffffff 020000000001 $arp"
fethc close vlans
wait_for 5 no_captures
is "a VLAN tag is where it belongs, and filtered by" "$(shark vlan7andarp \
    frame vlan.id vlan.priority arp.dst.proto_ipv4 frame.len)" \
    "7	3	10.88.0.2	64"
is "a filter without it sees no tagged frame" "$(shark arp \
    frame vlan.id arp.dst.proto_ipv4 frame.len)" "	10.88.0.2	60"
is "nor does one of another tag" "$(shark vlan8 frame frame.len)" ""

run fethc capture lab -w "$T/cap/no" tcp prot 80
is "what does not compile" "$rc" 2
like "is told with libpcap's reason" "$err" 'tcp prot 80.*does not compile: '
refute "and makes no file" [ -e "$T/cap/no" ]

hostile_filter() {	# what, instructions, error
	reply=$(call Capture '{"link":"lab","filter":'"$2"'}')
	like "filter: $1" "$reply" "InvalidSpec.*$3"
}
ret='{"code":6,"jt":0,"jf":0,"k":1}'
hostile_filter "jumps back" \
    '[{"code":5,"jt":0,"jf":0,"k":4294967295},'"$ret"']' \
    'filter\[0\].*jumps behind the end'
hostile_filter "jumps behind the end" \
    "[$ret,"'{"code":21,"jt":0,"jf":9,"k":1},'"$ret"']' \
    'filter\[1\].*jumps behind'
hostile_filter "bad code" '[{"code":65535,"jt":0,"jf":0,"k":1},'"$ret"']' \
    'filter\[0\].*no such instruction'
hostile_filter "no return" '[{"code":0,"jt":0,"jf":0,"k":1}]' 'must return'
hostile_filter "the kernel's own data" \
    '[{"code":32,"jt":0,"jf":0,"k":4294963200},'"$ret"']' 'offset beyond'
hostile_filter "memory never written" \
    '[{"code":96,"jt":0,"jf":0,"k":2},'"$ret"']' 'not written'
hostile_filter "number out of range" '[{"code":6,"jt":256,"jf":0,"k":1}]' \
    'filter\[0\]\.jt.*from 0 to 255'
hostile_filter "empty" '[]' 'from 1 to 1024'
many=$(jq -nc '[range(1025) | {code: 6, jt: 0, jf: 0, k: 1}]')
hostile_filter "too long" "$many" 'from 1 to 1024'
most=$(jq -nc '[range(1024) | {code: 6, jt: 0, jf: 0, k: 1}]')
like "the longest" "$(call Capture '{"link":"lab","filter":'"$most"'}')" '"fd": *0'
for n in 13 0 -1 262145; do
	like "snaplen $n" "$(call Capture '{"link":"lab","snaplen":'$n'}')" \
	    'InvalidSpec.*snaplen.*from 14 to 262144'
done
like "end 2" "$(call Capture '{"link":"lab","end":2}')" 'InvalidSpec.*end'
run fethc capture lab --snaplen 13 -w "$T/cap/no"
is "snaplen of the command" "$rc" 2
wait_for 5 no_captures

# --- whose it is, and how many

run as_other "$FETHC" -s "$SOCK" capture "$USER_ID/lab" -w "$T/cap/no"
is "another user gets nothing" "$rc" 1
like "as if it were not there" "$err" NoSuchLink
refute "not even a file" [ -e "$T/cap/no" ]
h timeout 20 "$FETHC" -s "$SOCK" capture "$USER_ID/lab" --count 4 \
    -w "$T/cap/root" icmp 2>/dev/null &
root=$!
wait_for 5 eval '! no_captures'
pings "$ip4"
wait $root
is "root does" "$(shark root icmp frame.number | wc -l)" 4
run fethc capture nothing -w "$T/cap/no"
like "no such link" "$err" NoSuchLink

many=
for i in $(seq 16); do
	bg_user "many$i" "$FETHC" -s "$SOCK" capture lab -w "$T/cap/many$i"
	many="$many $BG"
done
all_there() {
	[ "$(captures)" -eq 16 ]
}
wait_for 10 all_there
run fethc capture lab -w "$T/cap/no"
is "the seventeenth is refused" "$rc" 1
like "by name" "$err" 'QuotaExceeded: 16 captures in use'
# shellcheck disable=SC2086
kill -9 $many
wait_for 5 no_captures
record again
stop_record
is "and readers that died leave room" "$rc" 0

# --- a slow reader

check "a link" fethc open slow --host --named
fethc capture slow -w - ether proto 0x88b5 2>"$T/slow.err" | {
	until [ -e "$T/go" ]; do sleep 0.1; done
	cat >"$T/cap/slow"
} &
slow=$!
wait_for 5 eval '! no_captures'
start=$(now)
run fethc send slow --test 60000
took=$(($(now) - start))
is "60000 frames go their way" "$rc" 0
echo "in $took ms, while the reader of the capture slept"
rx=$(ip -n "$NS" -s -j link show dev "$(host_if slow)" |
    jq '.[0].stats64.rx.packets')
is "all of them" "$rx" 60000
touch "$T/go"
fethc close slow
wait $slow
like "the reader lost some, and knows" "$(cat "$T/slow.err")" \
    '^[0-9]+ frames captured, [1-9][0-9]* dropped; the link is gone'
sum=$(sed 's/^\([0-9]*\) frames captured, \([0-9]*\) .*/\1 + \2/' "$T/slow.err")
is "captured and dropped are all of them" "$(($sum))" 60000
is "as the file has it" "$(shark slow frame frame.number | wc -l)" "${sum%% *}"

# --- links of other kinds

hold wire open cable --wire --address 10.98.0.1/30
wire=$BG
caps=
for e in 0 1; do
	bg_user wire$e "$FETHC" -s "$SOCK" capture cable --end $e --count 1 \
	    --timeout 20 -w "$T/cap/wire$e" arp
	caps="$caps $BG"
done
two_there() {
	[ "$(captures)" -eq 2 ]
}
wait_for 5 two_there
answers 10.98.0.2
for p in $caps; do
	wait "$p"
done
is "a wire: what leaves end 0" "$(shark wire0 arp \
    frame.packet_flags_direction arp.dst.proto_ipv4)" "0x00000002	10.98.0.2"
is "comes in at end 1" "$(shark wire1 arp \
    frame.packet_flags_direction arp.dst.proto_ipv4)" "0x00000001	10.98.0.2"
kill $wire

hold rawlink answer rawlink --host --class raw --address auto
raw=$BG
bg_user rawcap "$FETHC" -s "$SOCK" capture rawlink -w "$T/cap/raw" icmp
rawcap=$BG
wait_for 5 eval '! no_captures'
check "a raw link" pings \
    "$(of rawlink '.ends[0].addresses[0] | split("/")[0]')"
kill $raw
wait $rawcap
is "its capture ends with it" "$?" 0
like "in good order" "$(cat "$T/rawcap.log")" \
    '^4 frames captured, 0 dropped; the link is gone$'
is "and is whole" "$(shark raw icmp frame.packet_flags_direction | sort |
    uniq -c | awk '{ print $1, $2 }' | xargs)" "2 0x00000001 2 0x00000002"
like "with its counters" "$(capinfos "$T/cap/raw")" 'stat entries = [1-9]'

# Through the relay: no packet socket, no process, the same picture.
hold relayed answer relayed --host --class socket --address auto
relayed=$BG
bg_user relaycap "$FETHC" -s "$SOCK" capture relayed -w "$T/cap/relay" icmp
relaycap=$BG
wait_for 5 [ -s "$T/cap/relay" ]
check "a relayed link" pings \
    "$(of relayed '.ends[0].addresses[0] | split("/")[0]')"
is "is captured without a process" "$(captures)" 0
is "and without a packet socket" "$(h awk 'NR > 1' /proc/net/packet | wc -l)" 0
kill $relayed
wait $relaycap
is "its capture ends with it" "$?" 0
is "requests go out of the host, replies come in" "$(shark relay icmp \
    frame.packet_flags_direction icmp.type | sort | uniq -c |
    awk '{ print $1, $2, $3 }' | xargs)" "2 0x00000001 0 2 0x00000002 8"
is "under the link's name" \
    "$(shark relay icmp frame.interface_name | sort -u)" relayed

hold pair open twins --pair
run fethc capture twins -w "$T/cap/no"
is "a pair link out of the daemon's way" "$rc" 1
like "is refused by name" "$err" 'Unsupported: '
like "with what would help" "$err" 'hint: .*--relay'
kill "$BG"

# --- the interface goes down and up, and then away under it

record u icmp
ip -n "$NS" link set dev "$iface" down
sleep 0.3
ip -n "$NS" link set dev "$iface" up
wait_for 5 answers "$ip4"
stop_record
check "down and up does not end it" [ "$(shark u icmp frame.number |
    wc -l)" -ge 2 ]

# --- the daemon stops

record z
stop_daemon
is "the daemon stops cleanly" "$rc" 0
wait "$recorder"
is "a capture ends with it" "$?" 0
like "in good order too" "$(capinfos "$T/cap/z")" 'stat entries = [1-9]'
k_nothing_left

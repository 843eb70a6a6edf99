#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the holder of a TAP's descriptor can do with it, and that it is undone. By
# itself for a TAP that is made when it is asked for; k_tap_spare.sh runs it for
# those that were made before.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs mkfifo

SPARES=${TAP_SPARES:-0}
port=$(tool port)
k_start tap
spares_are() {
	[ "$(spares "$NS" | wc -l)" -eq "$1" ]
}
# The first link brings them.
check "no spare yet" spares_are 0
check "a link before" fethc exec before --host -- true
within 5000 "$SPARES spares" spares_are "$SPARES"
# What the holder would like to have.
h ip link add other type veth peer name other-peer
h ip link set other up
h ip tuntap add mode tap name idle
other_before=$(ip -n "$NS" -o link show dev other)

# Each argument is one more program; a line in the fifo starts the next one.
mkfifo "$T/next"
chown $USER_ID "$T/next"
cat >"$T/program" <<-'END'
	#!/bin/sh
	exec 3<"$1"
	shift
	for program; do
		$program
		echo done
		read -r line <&3 || break
	done
END
chmod 755 "$T/program"
steps() {
	[ "$(grep -c '^done' "$T/$1.log")" -ge "$2" ]
}

# --- the descriptor of a live link

bg_user tap "$FETHC" -s "$SOCK" exec lab --host --address auto -- \
    "$T/program" "$T/next" "$port tap {fd} other" "$port ra {fd}" \
    "$port ra {fd}" "$port gone {fd} idle"
tap=$BG
exec 4>"$T/next"
wait_for "$TEST_DEADLINE" steps tap 1 || die "$(cat "$T/tap.log")"
iface=$(host_if lab)
within 1000 "$SPARES spares again" spares_are "$SPARES"
mac=$(of lab '.ends[1].mac')

tried() {	# NAME ERE
	like "$1" "$(cat "$T/tap.log")" "^$1 ($2)\$"
}
tried TUNSETIFF-other EEXIST
tried TUNSETIFF-new EEXIST
tried TUNSETIFF-any EEXIST
tried TUNSETIFF-multi EEXIST
tried TUNSETQUEUE-detach EINVAL
tried TUNSETQUEUE-attach 'EINVAL|EPERM'
tried TUNSETLINK EBUSY
tried SIOCSIFFLAGS 'EINVAL|EPERM'
tried SIOCSIFNAME 'EINVAL|EPERM'
tried SIOCGSKNS EPERM
tried TUNGETDEVNETNS EPERM
tried sendto ENOTSOCK
# These the kernel allows, so that they must be undone.
tried SIOCSIFHWADDR ok
tried TUNSETPERSIST ok
tried TUNSETOWNER ok

mac_is() {
	[ "$(ip -n "$NS" -j link show dev "$iface" | jq -r '.[0].address')" = \
	    "$1" ]
}
within 1000 "the MAC is restored" mac_is "$mac"
check "and the log says so" wait_for 5 grep -q \
    "$iface: its MAC was changed to 02:00:00:ba:db:ad; restored" "$LOG"
is "the other interface is as it was" \
    "$(ip -n "$NS" -o link show dev other)" "$other_before"
is "no interface came" "$(ip -n "$NS" -o link | grep -c evil)" 0

# --- router advertisements are not believed

h sysctl -qw net.ipv6.conf.all.accept_ra=2 net.ipv6.conf.default.accept_ra=2
routed() {
	ip -n "$NS" -6 route show default | grep -q "$iface"
}
echo >&4
wait_for 5 steps tap 2
like "the advertisement was sent" "$(cat "$T/tap.log")" '^advertisement ok'
sleep 0.3
refute "it makes no route" routed
is "and no address" \
    "$(ip -n "$NS" -6 addr show dev "$iface" to fd88::/64)" ""
# The same one, where it is allowed: it is a good advertisement.
h sysctl -qw "net.ipv6.conf.$iface.accept_ra=2"
echo >&4
wait_for 5 steps tap 3
check "(it would)" wait_for 5 routed

# --- the descriptor of a link that was closed

fethc close lab
within 1000 "after Close the interface is gone, persistent or not" \
    if_gone "$iface"
echo >&4
wait_for 5 steps tap 4
gone() {
	like "then: $1" "$(sed '1,/^advertisement/d' "$T/tap.log")" \
	    "^$1 ($2)\$"
}
gone read EBADFD
gone write EBADFD
gone TUNSETIFF-other 'EPERM|ENOENT|ENODEV'
gone TUNSETIFF-new EPERM
gone TUNSETIFF-any EPERM
gone TUNSETPERSIST EBADFD
gone SIOCSIFHWADDR EBADFD
is "nobody is at the idle TAP" "$(ip -n "$NS" -j link show dev idle |
    jq -r '.[0].flags | index("LOWER_UP")')" null
exec 4>&-
wait_for 5 pid_gone "$tap"

# --- persistence does not outlive the session

survive() {	# how the client ends
	bg_user "$1" "$FETHC" -s "$SOCK" exec "$1" --host -- \
	    "$T/program" "$T/next" "$port tap {fd} other"
	exec 4>"$T/next"
	wait_for "$TEST_DEADLINE" steps "$1" 1
	iface=$(host_if "$1")
	children=$(pgrep -P "$BG")
	is "$1: it is persistent" "$(ip -n "$NS" -d -j link show dev "$iface" |
	    jq -r '.[0].linkinfo.info_data.persist')" true
}
survive fethc-dies
kill -9 "$BG"
within 1000 "its client dies: gone, though the program has it open" \
    if_gone "$iface"
exec 4>&-
survive program-dies
# shellcheck disable=SC2086
kill -9 $children
within 1000 "its program dies: gone" if_gone "$iface"
exec 4>&-
survive both-die
# shellcheck disable=SC2086
kill -9 "$BG" $children
within 1000 "both die: gone" if_gone "$iface"
exec 4>&-

h ip link del idle
k_stop

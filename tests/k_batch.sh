#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 500 interfaces that go at once: soon, and while others are made.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

many=$(tool hold)
k_start batch
open_many() {	# N
	bg_user many "$many" "$SOCK" "$1" 0 many
	wait_for 60 grep -q . "$T/many.log"
	like "$1 links" "$(cat "$T/many.log")" "^open $1 0"
	cat "$T/many.log"
	is "as many interfaces" "$(links_left "$NS" | wc -l)" "$1"
	is "as many in the list" \
	    "$(fethc --json list | jq '.links | length')" "$1"
}
# End the client by SIGNAL, and see how long new links take meanwhile.
end_many() {	# SIGNAL MS
	start=$(now)
	kill "-$1" "$BG"
	worst=0
	n=0
	while :; do
		before=$(now)
		fethc exec fresh --host -- true && n=$((n + 1))
		took=$(($(now) - before))
		[ $took -le $worst ] || worst=$took
		took=$(($(now) - start))
		[ "$took" -lt 60000 ] || break
		[ -n "$(links_left "$NS")" ] || break
	done
	echo "gone after $took ms; $n links were opened and closed" \
	    "meanwhile, the slowest in $worst ms"
	check "all gone within 5 s" in_time "$took" 5000
	check "each of the others within $2 ms" in_time "$worst" "$2"
	is "none of them was refused" "$(grep -c refused "$LOG")" 0
	wait "$BG" 2>/dev/null
	wait_for 2 no_links
	is "the list is empty" "$(fethc --json list | jq '.links | length')" 0
}
no_links() {
	[ "$(fethc --json list)" = '{"links":[]}' ]
}

open_many 500
fds=$(fds_of "$DPID")
check "the warden keeps no descriptor of theirs ($fds)" [ "$fds" -lt 40 ]
check "nor the broker" [ "$(fds_of "$(broker_pid)")" -lt 40 ]
end_many TERM 1000

# Of a client that is killed the kernel closes the descriptors first, the newest
# before the others, and takes 20 ms for each; the daemon only helps it. A new
# link is ten calls that each wait for their turn between those.
open_many 64
end_many KILL 3000
check "slots are free again" fethc exec many1 --host -- true
k_stop

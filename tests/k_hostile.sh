#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bad clients against the daemon with its warden, while a good one opens and
# closes host links; and what a TAP's holder can do to keep the warden busy.
# shellcheck disable=SC2119
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
k_needs

flood=$(tool flood)
port=$(tool port)
k_conf '{ "name": "kernel-test", "allow": true, "who": ["uid:'$USER_ID'"],
    "kinds": ["host"], "quota": 64 }' \
    '{ "name": "bad", "allow": true, "who": ["uid:'$OTHER_ID'"],
    "kinds": ["host", "pair"], "quota": 4096 }'
k_start hostile
broker=$(broker_pid)
settled() {
	[ -z "$(marked)" ] &&
	    [ "$(fds_of "$DPID") $(fds_of "$broker")" = "$fds" ]
}
spaces() {
	readlink "/proc/$DPID/fd"/* "/proc/$broker/fd"/* | grep -c '^net:'
}
fethc exec --host --address auto -- true
# The threads of the relay stay.
as_other "$FETHC" -s "$SOCK" exec --pair --relay -- true
wait_for 5 sh -c "! ip -n $NS -o link show | grep -q 'alias fethd'"
fds="$(fds_of "$DPID") $(fds_of "$broker")"
spaces=$(spaces)

# The good one: one link after the other, each with a ping's worth of work.
cat >"$T/good.sh" <<-'END'
	#!/bin/sh
	n=0
	trap 'echo "$n links"; exit 0' TERM
	while "$1" -s "$2" exec good --host --address auto -- true; do
		n=$((n + 1))
	done
	echo "failed after $n"
	exit 1
END
chmod 755 "$T/good.sh"
bg_user good "$T/good.sh" "$FETHC" "$SOCK"
good=$BG

# What they are to be told is another matter for a daemon with host links.
for c in $("$HOSTILE" cases | grep -v '^messages$'); do
	check "$c" as_other timeout 60 "$HOSTILE" case "$SOCK" "$c"
	pid_alive "$good" || die "the good client: $(cat "$T/good.log")"
done
run as_other "$flood" "$SOCK" 10000
echo "$out"
like "10,000 connections" "$out" '^10000 connections, [1-9][0-9]* links'
check "the good client is well" pid_alive "$good"
kill "$good"
wait "$good"
is "it was never refused" "$?" 0
cat "$T/good.log"
is "the same broker" "$(broker_pid)" "$broker"
check "as many descriptors as before ($fds), and no interface" \
    wait_for 5 settled
is "as many namespaces" "$(spaces)" "$spaces"
is "no link" "$(fethc --json list)" '{"links":[]}'

# --- a holder that changes its MAC as fast as it can

cat >"$T/restless.sh" <<-'END'
	#!/bin/sh
	while :; do "$1" tap "$2" other >/dev/null; done
END
chmod 755 "$T/restless.sh"
bg_user restless "$FETHC" -s "$SOCK" exec restless --host -- \
    "$T/restless.sh" "$port" "{fd}"
restless=$BG
wait_for 5 fethc show restless >/dev/null 2>&1
worst=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	before=$(now)
	fethc exec --host -- true || fail "cannot open a link beside it"
	took=$(($(now) - before))
	[ $took -le $worst ] || worst=$took
done
check "others get their links meanwhile, the slowest in $worst ms" \
    in_time $worst 1000
check "the log is bounded ($(wc -l <"$LOG") lines)" \
    [ "$(wc -l <"$LOG")" -lt 30000 ]
iface=$(host_if restless)
mac=$(of restless '.ends[1].mac')
# shellcheck disable=SC2046
kill -STOP $(pgrep -P "$restless")
mac_is() {
	[ "$(ip -n "$NS" -j link show dev "$iface" | jq -r '.[0].address')" = \
	    "$mac" ]
}
within 1000 "and its MAC is what it was in the end" mac_is
# shellcheck disable=SC2046
kill -9 $(pgrep -P "$restless") "$restless"
check "all as before" wait_for 10 settled
k_stop

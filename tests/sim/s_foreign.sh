#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Other programs on the Mac: they destroy, disconnect and reconnect what is ours,
# hold BPF devices, lower max_mtu, and have feths of their own.
# shellcheck disable=SC2119,SC2154
: "${SIM_RELEASE:=15.4}"
. "${srcdir:-.}/tests/lib.sh"
. "${srcdir:-.}/tests/klib.sh"
sim_needs

k_conf '{ "name": "sim", "allow": true, "who": ["uid:'$USER_ID'"],
    "classes": ["raw"], "quota": 64 }'
sim_up
sim_do hold 0		# a tcpdump
sim_do hold 2
sim_do create feth5000 zerotier
k_start mac

no_ours() {
	[ "$(sim_feths)" = feth5000 ]
}
one() {
	hold "$1" answer "$1" --host --class raw --address auto
	client=$BG
	a=$(host_if "$1")
	b=feth$((${a#feth} + 1))
	ip4=$(of "$1" '.ends[0].addresses[0] | split("/")[0]')
}

one lab
like "the devices that others hold are passed over" \
    "$(sim_state '^bpf 1 ')" "if=$b"
check "ping" pings "$ip4"
sim_do destroy "$a"
check "the host side is destroyed: the link is gone" wait_for 5 link_gone lab
check "and the other side" wait_for 5 no_ours
wait_for 5 pid_gone $client || kill $client

one lab
sim_do destroy "$b"
check "the I/O side is destroyed: the link is gone" wait_for 5 link_gone lab
check "and the other side" wait_for 5 no_ours
wait_for 5 pid_gone $client || kill $client

one lab
sim_do peer "$a"
together() {
	sim_state "^if $a " | grep -q "peer=$b "
}
check "disconnected: connected again" wait_for 5 together
check "ping" pings "$ip4"
sim_do peer "$a" feth5000
check "connected elsewhere: the link is gone" wait_for 5 link_gone lab
check "and its interfaces" wait_for 5 no_ours
like "the other program's is as it was" "$(sim_state '^if feth5000 ')" \
    'peer=- .*desc=zerotier'
wait_for 5 pid_gone $client || kill $client

# ZeroTier removes feth0 to feth9999, whosoever's they are.
one lab
for n in $(sim_feths); do
	[ ${#n} -gt 8 ] || sim_do destroy "$n"
done
check "ours survive it" pings "$ip4"
kill $client
none() {
	[ -z "$(sim_feths)" ]
}
check "gone" wait_for 5 none

# max_mtu is the system's.
sim_do sysctl net.link.fake.max_mtu 1500
one lab
like "it is raised again" "$(sim_state max_mtu)" ' 1504$'
check "ping" pings "$ip4"
kill $client
check "gone" wait_for 5 none
like "and not lowered" "$(sim_state max_mtu)" ' 1504$'

# The unit that a link would have is somebody's: another one is taken.
one lab
kill $client
check "gone" wait_for 5 none
wait_for 5 link_gone lab
sim_do create "$b" somebody
first=$a
one lab
refute "another unit" [ "$a" = "$first" ]
check "ping" pings "$ip4"
kill $client
left() {
	[ "$(sim_feths)" = "feth$((${first#feth} + 1))" ]
}
check "gone, but not the other program's" wait_for 5 left
stop_daemon
is "the daemon stops cleanly" "$rc" 0
check "the other program's is left at the end too" left
no_hazards

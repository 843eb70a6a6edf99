#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Streams: Watch gives the whole state and then every change in order, to each
# watcher; one that dies or does not read harms nobody. Stats comes again.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
start_daemon

holds() {	# file, lines that match, at least how many
	[ "$(grep -c "$2" "$T/$1.out")" -ge "${3:-1}" ]
}

fethc open one --pair --named --label of=test >/dev/null
fethc open two --pair --named >/dev/null

spawn all "$FETHC" -s "$SOCK" --json watch
all=$LAST
spawn some "$FETHC" -s "$SOCK" --json watch --name th
some=$LAST
spawn human "$FETHC" -s "$SOCK" watch --name th
human=$LAST
spawn labelled "$FETHC" -s "$SOCK" --json watch --label of=test
labelled=$LAST
for w in all some labelled; do
	check "watcher $w has the state first" wait_for 5 holds $w links
done
is "all of it" "$(head -n 1 "$T/all.out" | jq -r '[.links[].name]|join(" ")')" \
    "one two"
is "what matches" "$(head -n 1 "$T/labelled.out" |
    jq -r '[.links[].name]|join(" ")')" one
is "or nothing" "$(head -n 1 "$T/some.out" | jq -c .)" '{"links":[]}'

# A life of a link, as a watcher sees it.
spawn life "$FETHC" -s "$SOCK" open three --pair
life=$LAST
wait_for 5 holds life '^link' || fail "the link is not opened"
run fethc attach three -- true
is "the second port is taken and given back" "$rc" 0
# Before the first one is, too.
given_back() {
	fethc --json show three | jq -e '.link.ends[1].attached | not' \
	    >/dev/null
}
wait_for 5 given_back || fail "the second port is not free again"
pid_end "$life"
events() {
	jq -r 'select(.event)|"\(.event) \(.link.name) \(.link.state) \([
	    .link.ends[].attached]|tostring)"' "$T/$1.out" | uniq
}
check "the end is seen" wait_for 5 holds some '"closed"'
wait_for 5 holds all '"closed"'
is "the events come in their order" "$(events some)" \
"opened three up [false,false]
changed three up [true,false]
changed three up [true,true]
changed three up [true,false]
changed three up [false,false]
changed three closing [false,false]
closed three gone [false,false]"
is "to each watcher alike" "$(events all)" "$(events some)"
is "that may see them" "$(events labelled)" ""
like "a person sees them, too" "$(cat "$T/human.out")" \
    'opened +three .* pair up'
like "to the end" "$(cat "$T/human.out")" 'closed +three .* pair gone'

# A change of state of a named link.
run fethc attach one --end 0 -- true
check "a named link changes" wait_for 5 holds labelled '"detached"'
is "to up and back" "$(events labelled)" \
"changed one up [true,false]
changed one detached [false,false]"

# A watcher dies: the rest go on.
before=$(fds_of "$(serving_pid)")
kill -KILL "$some"
freed() {
	[ "$(fds_of "$(serving_pid)")" -lt "$before" ]
}
check "a dead watcher's descriptor is freed" wait_for 5 freed
fethc open four --pair --named >/dev/null
check "the others go on" wait_for 5 holds all '"four"'

# One who does not read is dropped, at a bounded cost; the others miss nothing.
spawn mute "$HOSTILE" mute "$SOCK" 15
mute=$LAST
wait_for 5 holds mute watching || fail "no mute watcher"
run hostile opens "$SOCK" 800
is "800 links come and go meanwhile" "$rc" 0
wait "$mute"
is "who does not read is dropped" $? 0
like "and the log says so" "$(cat "$LOG")" 'does not keep up with its events'
all_seen() {
	[ "$(grep -c '"closed".*"opens"' "$T/all.out")" -eq 800 ]
}
check "the other watcher has seen them all" wait_for 10 all_seen
check "the daemon lives" pid_alive "$DPID"

# An end by number, by time, by signal.
run fethc --json watch -c 1
is "one reply" "$rc:$(printf '%s\n' "$out" | wc -l | tr -d ' ')" 0:1
run fethc watch --timeout 0.2
is "so long and no longer" "$rc" 0
kill -TERM "$all"
wait "$all"
is "SIGTERM ends it" $? 0

# Statistics.
run fethc --json stats one
is "a pair is not counted" \
    "$(json '[.stats[].ends[].counted]|tostring')" '[false,false]'
run fethc --json stats
is "of all links" "$(json '[.stats[].name]|join(" ")')" "one two four"
run fethc --json stats one -i 0.1 -c 3
is "again and again" "$rc:$(printf '%s\n' "$out" | wc -l | tr -d ' ')" 0:3
like "for people" "$(fethc stats one)" "^one +[0-9]+ +0 +-"
spawn stats "$FETHC" -s "$SOCK" --json stats four -i 0.1
stats=$LAST
wait_for 5 holds stats stats 2 || fail "no stream of statistics"
fethc close four >/dev/null
check "the stream ends with its link" wait_for 5 pid_gone "$stats"
run fethc stats nobody -i 1
is "none of a link that there is not" "$rc" 1

# A stopped daemon ends all streams.
pid_alive "$labelled" || fail "a watcher went"
stop_daemon
is "the daemon ends" "$rc" 0
for p in $labelled $human; do
	check "and so do its watchers" wait_for 15 pid_gone "$p"
done

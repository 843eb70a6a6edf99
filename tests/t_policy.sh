#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fethd.conf: what it refuses and how it says so, what "policy explain" foretells,
# what happens to a file with a mistake, at start and at reload.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
conf=$T/fethd.conf
conf() {
	cat >"$conf"
	chmod 644 "$conf"
}
lines() {
	grep -c "$1" "$LOG"
}
uid=$(as_user id -u)

conf <<'END'
// A comment.
{
	"rules": [
		{
			"name": "not-the-lab",
			"allow": false,
			"who": ["anybody"],
			"names": ["lab"]
		},
		{
			"name": "small",
			"allow": true,
			"who": ["anybody"],
			"kinds": ["pair"],
			"leases": ["named"],
			"max_mtu": 1500,
			"quota": 2
		}
	]
}
END
run as_user "$FETHD" --check-config --config "$conf"
is "a good file passes" "$rc:$out" "0:$conf: 2 rules, no mistake"
start_daemon --config "$conf"

# Each call is refused as "explain" says beforehand, by the rule and for the
# reason that it says.
foretold() {
	what=$1 want=$2
	shift 2
	run fethc --json policy explain open "$@"
	said=$(json '"\(.allowed) \(.rule) \(.line) \(.file)"')
	reason=$(json .reason) hint=$(json .hint)
	is "$what: explained" "$said" "$want $conf"
	is "$what: exit code of explain" "$rc" \
	    "$([ "${want%% *}" = true ] && echo 0 || echo 1)"
	run fethc open "$@"
	if [ "${want%% *}" = true ]; then
		is "$what: opened" "$rc" 0
		return
	fi
	is "$what: refused" "$rc" 1
	rule=${want#* }
	like "$what: by name" "$err" \
	    "NotPermitted: .*rule \"${rule% *}\" of $conf"
	like "$what: and what would help" "$err" '^  hint: [a-z]'
	refute "$what: there is a reason" [ -z "$reason" ]
	refute "$what: there is a hint" [ -z "$hint" ]
}
foretold "a name" "false not-the-lab 4" lab1 --pair --named
foretold "a lease" "false small 10" x --pair
foretold "an MTU" "false small 10" x --pair --named --mtu 1501
foretold "what fits" "true small 10" x --pair --named --mtu 1500
out=$(call Open '{"name":"lab","ends":[{"kind":"port"},{"kind":"port"}]}')
is "the error has the fields" \
    "$(json '.error+" "+(.parameters|keys|join(" "))')" \
    "org.fethd.Broker.NotPermitted file hint reason rule"
like "the log says who was refused what" "$(cat "$LOG")" \
    "refused: uid $uid open pair link 'lab'"

# The quota of the rule.
run fethc open y --pair --named
run fethc --json policy explain open z --pair --named
is "the quota is foretold" "$rc:$(json '"\(.allowed) \(.rule)"')" \
    "1:false small"
like "with its number" "$(json .reason)" 'quota of 2 links is used up \(2\)'
run fethc open z --pair --named
like "and holds" "$err" 'QuotaExceeded: 2 links in use; rule "small" allows 2'

# The policy in force is there for all to see.
run fethc --json policy
is "the file" "$(json .file)" "$conf"
is "its rules, with lines" \
    "$(json '[.rules[]|"\(.name):\(.line):\(.allow):\(.quota)"]|join(" ")')" \
    "not-the-lab:4:false:0 small:10:true:2"
like "as a table" "$(fethc policy)" '^small +allow +anybody +pair '
run fethc policy explain close x
is "one's own link may be closed" "$rc" 0
run fethc policy explain close nobody
is "another one not" "$rc" 1
run fethc policy explain list
is "all may list" "$rc" 0
run fethc policy explain explode
is "an unknown method" "$rc" 1
like "is told" "$err" MethodNotFound

# A reload takes a good file, and leaves what is open.
sed 's/"max_mtu": 1500/"max_mtu": 9000/; s/"quota": 2/"quota": 3/' "$conf" \
    >"$conf.new"
mv "$conf.new" "$conf"
chmod 644 "$conf"
kill -HUP "$DPID"
reloaded() {
	[ "$(lines 'policy in force')" -eq 2 ]
}
check "the good file is taken" wait_for 5 reloaded
run fethc open z --pair --named --mtu 9000
is "and in force" "$rc" 0
is "the links of before are there" \
    "$(fethc --json list | jq -r '[.links[].name]|join(" ")')" "x y z"

# A bad one changes nothing.
printf '{ "rules": [\n  { "name": "r", "allow": "yes" } ] }\n' >"$conf"
kill -HUP "$DPID"
stays() {
	grep -q 'the old policy stays in force' "$LOG"
}
check "the bad file is not" wait_for 5 stays
like "with file and line" "$(cat "$LOG")" "warning: $conf:2: "
is "the old policy is in force" \
    "$(fethc --json policy | jq -r '.rules[1].max_mtu')" 9000
rm "$conf"
kill -HUP "$DPID"
stays_again() {
	[ "$(lines 'the old policy stays in force')" -eq 2 ]
}
check "nor is no file" wait_for 5 stays_again
check "the daemon lives" pid_alive "$DPID"
stop_daemon
is "and ends cleanly" "$rc" 0

# Mistakes: at start the daemon says where and ends.
mistake() {
	what=$1 want=$2
	conf
	run as_user "$FETHD" --check-config --config "$conf"
	is "$what: --check-config" "$rc" 1
	like "$what: tells where" "$err" "^fethd: $conf:$want"
	run as_user "$FETHD" --foreground --backend user --config "$conf" \
	    --socket "$T/none.sock"
	is "$what: no start" "$rc" 1
	like "$what: the log tells where" "$err" "$conf:$want"
	check "$what: nothing is left" test ! -e "$T/none.sock"
}
mistake "a comma too many" '2: ' <<'END'
{
	"rules": [ { "name": "a", "allow": true, "who": ["anybody"], } ]

}
END
mistake "an unknown key" '4: ' <<'END'
{ "rules": [ {
	"name": "a",
	"allow": true,
	"quotas": 7,
	"who": ["anybody"] } ] }
END
mistake "a name twice" '5: ' <<'END'
{
	"rules": [
	{ "name": "a", "allow": true, "who": ["anybody"] },
	{
		"name": "a", "allow": true, "who": ["uid:0"] } ] }
END
mistake "a user that there is not" '2: ' <<'END'
{ "rules": [ { "name": "a", "allow": true,
	"who": ["user:nobody-has-this-name"] } ] }
END
conf <<'END'
{ "rules": [ { "name": "a", "allow": true, "who": ["anybody"] } ] }
END
chmod 666 "$conf"
run as_user "$FETHD" --check-config --config "$conf"
is "a file that all may write to" "$rc" 1
like "is refused, with the reason" "$err" 'writ'
run as_user "$FETHD" --check-config --config "$T/missing.conf"
is "no file" "$rc" 1
run as_user "$FETHD" --check-config --config "$srcdir/docs/fethd.conf"
case $rc:$err in
1:*group*) echo "ok: the sample needs group fethd" ;;
*) is "the sample passes" "$rc:$err" 0: ;;
esac

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The generated part of docs/protocol.md: the limits, out of daemon/bounds.h, and
# one real conversation with the daemon about each method and error.
#
#	tests/transcript.sh FILE	write it to FILE
#	tests/transcript.sh --update	put it into docs/protocol.md
#
# What differs from run to run (token, time, uid, MACs, version, where the policy
# file is) is replaced by what it may look like. t_transcript.sh compares.
target=${1:?usage: transcript.sh FILE|--update}
. "${srcdir:=$(cd "$(dirname "$0")/.." && pwd)}/tests/lib.sh"

need_cmd jq
book=$T/section
begun=0 seen=0
: >"$book"

emit() {
	cat >>"$book"
}

# --- limits

bound() {
	v=$(sed -n "s/^#define $1[[:space:]]*\([0-9(][^\/]*\).*/\1/p" \
	    "$srcdir/daemon/bounds.h")
	[ -n "$v" ] || die "bounds.h has no $1"
	# shellcheck disable=SC2004
	echo $(($v))
}
limit() {
	echo "| $1 | $(bound "$2") |" | emit
}

emit <<'END'
## Limits

All of them are in `daemon/bounds.h`, each with its reason.

| what | limit |
|---|---|
END
limit "bytes of a call, without its NUL" BOUND_MESSAGE
limit "depth of nested objects and arrays" BOUND_DEPTH
limit "members of one object" BOUND_MEMBERS
limit "elements of one array" BOUND_ELEMENTS
limit "descriptors sent with one call" BOUND_FDS_IN
limit "descriptors of one reply" BOUND_FDS_OUT
limit "bytes of unsent replies, before a connection is read no further, and before a watcher is dropped" BOUND_OUTPUT
limit "descriptors of unsent replies, before a connection is read no further" BOUND_OUTPUT_FDS
limit "seconds until the first whole call, and until a call that has begun is whole" BOUND_REQUEST_SECS
limit "seconds in which a client must take some of its replies" BOUND_OUTPUT_SECS
limit "connections of one uid" BOUND_CONNS_UID
limit "connections of root" BOUND_CONNS_ROOT
limit "connections in all (root gets in nevertheless)" BOUND_CONNS
limit "streams (Watch, Stats) of one connection at a time" BOUND_STREAMS
limit "interval of Stats in ms, at least" BOUND_INTERVAL_MIN
limit "interval of Stats in ms, at most" BOUND_INTERVAL_MAX
limit "seconds that a session link waits for Resume, unless fethd.conf says otherwise" BOUND_GRACE_SECS
limit "bytes of a link's name" BOUND_NAME
limit "labels of a link" BOUND_LABELS
limit "bytes of a label's key" BOUND_LABEL_KEY
limit "bytes of a label's value" BOUND_LABEL_VALUE
limit "addresses of one end" BOUND_ADDRESSES
limit "MTU, at least" BOUND_MTU_MIN
limit "MTU, at most" BOUND_MTU_MAX
limit "captures of one uid" BOUND_CAPTURES_UID
limit "captures of all users but root" BOUND_CAPTURES
limit "bytes of a frame that a capture keeps, at least" BOUND_SNAPLEN_MIN
limit "bytes of a frame that a capture keeps, at most" BOUND_SNAPLEN_MAX
limit "instructions of a capture's filter" BOUND_FILTER
limit "links with interfaces, of all users" BOUND_UNITS
limit "links of all kinds, of all users" BOUND_SLOTS

# --- conversations

# The lines that begin with "+" are JSON, to be made readable.
# shellcheck disable=SC2016
pretty='
def norm: walk(if type != "object" then . else
	(if has("token") then .token = "6f0c2e8a94d35b17c1e07a42f89b3d56"
	    else . end) |
	(if has("created") then .created = 1767225600 else . end) |
	(if has("version") then .version = "0.1.0" else . end) |
	(if (.owner|type) == "number" then .owner = 1000 else . end) |
	(if (.file|type) == "string" then .file = "/etc/fethd.conf"
	    else . end) |
	(if (.description|type) == "string" then .description =
	    (.description|.[0:index("\n")]) + " ..." else . end) |
	(if (.ends|type) == "array" and (.ends[0]|has("mac")) then .ends =
	    [(.ends|keys[]) as $i | .ends[$i] |
	    .mac = "5a:a1:9c:93:7f:4" + ($i|tostring)] else . end)
    end);
def pad(n): if n == 0 then "" else " " * n end;
def line:
	if type == "object" then "{" + ([to_entries[] |
	    (.key|tojson) + ": " + (.value|line)]|join(", ")) + "}"
	elif type == "array" then "[" + ([.[]|line]|join(", ")) + "]"
	else tojson end;
def fold(n):
	line as $l |
	if ($l|length) + n <= 116 or (type|. != "object" and . != "array")
	then $l
	elif type == "object" then "{\n" + pad(n + 2) + ([to_entries[] |
	    (.key|tojson) + ": " + (.value|fold(n + 2))] |
	    join(",\n" + pad(n + 2))) + "\n" + pad(n) + "}"
	else "[\n" + pad(n + 2) + ([.[]|fold(n + 2)] |
	    join(",\n" + pad(n + 2))) + "\n" + pad(n) + "]" end;
if startswith("+> ") or startswith("+< ") then
	(if startswith("+>") then "-> " else "<- " end) +
	    (.[3:]|fromjson|norm|fold(3))
else . end'

# A connection called $1, which is written to by descriptor $2.
talker() {
	mkfifo "$T/$1.in"
	chmod 666 "$T/$1.in"
	: >"$T/$1.out"
	# shellcheck disable=SC2086
	$user_prefix "$HOSTILE" talk "$SOCK" <"$T/$1.in" >>"$T/$1.out" 2>&1 \
	    6>&- 7>&- 8>&- &
	daemons="$daemons $!"
	eval "$1_pid=$! $1_seen=0 $1_fd=$2; exec $2>\"\$T/$1.in\""
}
hang_up() {
	eval "exec $2>&-"
	eval "wait \$$1_pid"
}

lines_of() {
	[ "$(wc -l <"$T/$1.out")" -ge "$2" ]
}

# The next reply to $1, which must come.
hear() {
	eval "seen=\$(($1_seen + 1)); $1_seen=\$seen"
	wait_for 10 lines_of "$1" "$seen" || die "$1 gets no reply $seen"
	reply=$(sed -n "${seen}p" "$T/$1.out" | sed "s|$conf|/etc/fethd.conf|g")
	nfds=${reply%% *}
	reply=${reply#* }
}
show_reply() {
	printf '+< %s\n' "$reply" | emit
	case $nfds in
	0) ;;
	1) echo "   with 1 descriptor" | emit ;;
	*) echo "   with $nfds descriptors" | emit ;;
	esac
}
# $1 calls $2; neither it nor the reply is shown.
quietly() {
	eval "printf '%s\n' \"\$2\" >&\$$1_fd"
	hear "$1"
}
# $1 calls $2, and the reply is shown.
says() {
	[ $begun -eq 0 ] || echo | emit
	begun=1
	printf '+> %s\n' "$2" | emit
	quietly "$1" "$2"
	show_reply
}
# What comes to $1 by itself.
then_hears() {
	hear "$1"
	show_reply
}

call() {
	printf '{"method":"org.fethd.Broker.%s","parameters":%s}' "$1" "$2"
}
section() {
	printf '\n### %s\n\n' "$1" | emit
	emit
	printf '\n```\n' | emit
	begun=0
}
end() {
	echo '```' | emit
}

conf=$T/fethd.conf
cat >"$conf" <<'END'
{
  "rules": [
    { "name": "not-prod", "allow": false, "who": ["anybody"], "names": ["prod"] },
    { "name": "cables", "allow": true, "who": ["anybody"], "kinds": ["pair"], "max_mtu": 9000, "quota": 3 }
  ]
}
END
chmod 644 "$conf"
start_daemon --config "$conf"
ports='"ends":[{"kind":"port"},{"kind":"port"}]'
talker A 6
talker B 7
talker W 8

emit <<'END'

## A conversation

What follows was recorded from a daemon with the user backend and this policy:

```
END
emit <"$conf"
emit <<'END'
```

`->` is a call, `<-` a reply, each ended by a NUL on the wire, without the line breaks. Where there is more than
one client, A opened the links, B is a second program of the same user, and W watches. Token, time, uid, MACs and version
are samples.
END

section GetInfo <<'END'
Of `org.varlink.service`, as every Varlink service has it.
END
says A '{"method":"org.varlink.service.GetInfo"}'
end

section GetInterfaceDescription <<'END'
The text of `include/org.fethd.Broker.varlink` (here cut after its first line).
END
says A '{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"org.fethd.Broker"}}'
end

section Open <<'END'
A session link between two programs. The first port is handed out with the reply; the link ends with the connection.
END
says A "$(call Open '{"name":"lab","mtu":2000,"labels":{"job":"17"},"ends":[{"kind":"port","addresses":["192.0.2.1/24"]},{"kind":"port","addresses":["192.0.2.2/24"]}]}')"
end
section "Open, of a named link" <<'END'
It lives until Close. Here both ports are taken at once.
END
says A "$(call Open '{"name":"keep","lease":"named","ends":[{"kind":"port","take":true},{"kind":"port","take":true}]}')"
token=$(printf '%s\n' "$reply" | jq -r .parameters.link.token)
end
section "Open, as a dry run" <<'END'
What would be made. Nothing is: `@0` is no link's id, and there is neither token nor descriptor.
END
says A "$(call Open '{"name":"maybe","dry_run":true,'"$ports"'}')"
end

section Attach <<'END'
B takes the second port of A's link. Without `end` it is the one that is free.
END
says B "$(call Attach '{"link":"lab"}')"
end

section Get <<'END'
By name, by id (`@1`), or as root by owner and name (`1000/lab`).
END
says B "$(call Get '{"link":"@1"}')"
end

section List <<'END'
The links that match all of the filter, of those that the caller may see: his own, or all for root.
END
says B "$(call List '{"filter":{"kind":"pair","labels":{"job":"17"}}}')"
end
section "List, one link a reply" <<'END'
With `more`. The last reply is the one without `continues`.
END
says B '{"method":"org.fethd.Broker.List","more":true}'
then_hears B
end

section Stats <<'END'
The two ends of a pair are a socket pair of the kernel's, which nobody counts. With `more` the reply is repeated every
`interval_ms`; the stream of one link ends with it.
END
says B "$(call Stats '{"link":"lab"}')"
end

# W sees what the sections after this one show.
section Watch <<'END'
W asks for all links whose name begins with `lab`, and is told of them; then of each change: here of the Detach and the
Close below.
END
says W '{"method":"org.fethd.Broker.Watch","more":true,"parameters":{"filter":{"name":"lab"}}}'
quietly B "$(call Detach '{"link":"lab","end":1}')"
detached=$reply
then_hears W
quietly A "$(call Close '{"link":"lab"}')"
closed=$reply
then_hears W
then_hears W
end

section Detach <<'END'
B gives its port back, and closes its descriptor itself. A session port was handed over for good and cannot be attached
again; a named link's can.
END
printf '+> %s\n' "$(call Detach '{"link":"lab","end":1}')" | emit
reply=$detached
show_reply
end

section Close <<'END'
The link ends for everybody. Its name is free at once.
END
printf '+> %s\n' "$(call Close '{"link":"lab"}')" | emit
reply=$closed
show_reply
end

hang_up A 6
held() {
	quietly B "$(call Get '{"link":"keep"}')"
	[ "$(printf '%s\n' "$reply" | jq -r .parameters.link.state)" = detached ]
}
wait_for 5 held || die "the link is not given back"
section Resume <<'END'
A's connection is lost, its descriptors are not. On a new connection the token of Open's reply proves that the link is
ours; `end` is the port that is still held, of which no new descriptor comes.
END
says B "$(call Resume '{"link":"keep","token":"'"$token"'","end":0}')"
end

section Explain <<'END'
May I, and which rule says so? `parameters` are those of the method. The answer is the same as that of the call itself.
END
says B "$(call Explain '{"method":"Open","parameters":{"name":"prod1",'"$ports"'}}')"
says B "$(call Explain '{"method":"Open","parameters":{"name":"test1",'"$ports"'}}')"
end

section Impair <<'END'
Only of a relayed link. The reply tells what is in force at both ends, each about the frames that this end sends; `{}` is a
perfect cable. The seed is the daemon's choice when it is not given.
END
quietly B "$(call Open '{"name":"rough","relay":true,'"$ports"'}')"
says B "$(call Impair '{"link":"rough","end":0,"set":{"delay_us":20000,"jitter_us":5000,"loss":10000,"seed":42}}')"
says B "$(call Impair '{"link":"rough","set":{}}')"
says B "$(call Stats '{"link":"rough"}')"
says B "$(call Impair '{"link":"keep"}')"
quietly B "$(call Close '{"link":"rough"}')"
end

section Policy <<'END'
The policy in force, for everybody to see. An empty list of names or addresses, a `quota` of 0: any will do.
END
says B "$(call Policy '{}')"
end

emit <<'END'

## The same, refused
END
section NotPermitted <<'END'
The hint says what would help, if anything would.
END
says B "$(call Open '{"name":"prod1",'"$ports"'}')"
says B "$(call Open '{"mtu":9001,'"$ports"'}')"
end
section QuotaExceeded <<'END'
`links` of the caller, by a rule. The other limits are the same for all, see above, with the rule `built-in`: `captures`,
`captures of all users` and `links of this machine` (those with interfaces, or the others). That of `connections` comes unasked,
as the only words of a connection, and its `rule` is empty.
END
quietly B "$(call Open '{"name":"a",'"$ports"'}')"
quietly B "$(call Open '{"name":"b",'"$ports"'}')"
says B "$(call Open "{$ports}")"
quietly B "$(call Close '{"link":"a"}')"
quietly B "$(call Close '{"link":"b"}')"
end
section "NoSuchLink" <<'END'
Also for a link of another user, so that nobody learns of it by trying.
END
says B "$(call Get '{"link":"lab"}')"
end
section NameInUse <<'END'
By another link of the same owner; each user has names of his own.
END
says B "$(call Open '{"name":"keep","lease":"named",'"$ports"'}')"
end
section EndBusy <<'END'
Somebody holds the port, or it was handed over for good.
END
says B "$(call Attach '{"link":"keep","end":0}')"
end
section Unsupported <<'END'
This daemon runs without privilege.
END
says B "$(call Open '{"ends":[{"kind":"port"},{"kind":"host"}]}')"
end
section Capture <<'END'
The frames of a pair link go from one program to the other; the daemon sees none of them. Of another link the reply is
`{"parameters": {"fd": 0}}` with a descriptor. Of a filter, the instruction that is wrong is named.
END
says B "$(call Capture '{"link":"keep"}')"
says B "$(call Capture '{"link":"keep","snaplen":96,"filter":[{"code":40,"jt":0,"jf":0,"k":12},{"code":21,"jt":0,"jf":300,"k":2054}]}')"
end
section InvalidSpec <<'END'
`field` is a path into the parameters.
END
says B "$(call Open '{"ends":[{"kind":"port"},{"kind":"port","mac":"01:00:5e:00:00:01"}]}')"
says B "$(call Open '{"ends":[{"kind":"port","offloads":["csum","tso4"]},{"kind":"port"}]}')"
says B "$(call Open '{"mtu":1500.5,'"$ports"'}')"
says B "$(call List '{"filtre":{}}')"
end
section "The errors of org.varlink.service" <<'END'
A method, an interface that there is not; a method that streams called without `more`; a parameter of a method of
`org.varlink.service`.
END
says B "$(call Explode '{}')"
says B '{"method":"org.example.Broker.Open"}'
says B '{"method":"org.fethd.Broker.Watch"}'
says B '{"method":"org.varlink.service.GetInfo","parameters":{"all":true}}'
end
section InvalidMessage <<'END'
What is no call at all: `offset` is the byte at which it went wrong. Nothing after it can be trusted to be a call, so the
daemon closes the connection after this reply.
END
bad='{"method":"org.fethd.Broker.List","method":"org.fethd.Broker.Close"}'
printf -- '-> %s\n' "$bad" | emit
quietly B "$bad"
show_reply
end
hang_up B 7

stop_daemon
[ "$rc" -eq 0 ] || die "the daemon ends with $rc"
hang_up W 8
[ $failures -eq 0 ] || exit 1
jq -rR "$pretty" "$book" >"$T/pretty" || die "a reply is no JSON"

if [ "$target" != --update ]; then
	cp "$T/pretty" "$target"
	exit 0
fi
doc=$srcdir/docs/protocol.md
awk -v section="$T/pretty" '
	/^<!-- generated/ { print; while ((getline l <section) > 0) print l
	    skip = 1 }
	/^<!-- end/ { skip = 0 }
	!skip || /^<!-- end/ { if (!/^<!-- generated/) print }' \
    "$doc" >"$T/doc" && cat "$T/doc" >"$doc"

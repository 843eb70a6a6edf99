#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/example.c, as a reader would build and use it.
. "${srcdir:-.}/tests/lib.sh"

need_cmd jq
[ -x "$EXAMPLE" ] || skip "docs/example is not built"
start_daemon
FETHD_SOCKET=$SOCK
export FETHD_SOCKET
is_there() {
	fethc show "$1" 2>/dev/null | grep -Eq '^state +(up|detached)'
}
is_gone() {
	! fethc show "$1" >/dev/null 2>&1
}

spawn example "$EXAMPLE" lab 3
example=$LAST
wait_for 5 is_there lab || die "the example opens no link"
run fethc --json show lab
is "it holds the first port" "$(json '[.link.ends[].attached]|tostring')" \
    '[true,false]'
like "it says what it has" "$(cat "$T/example.out")" \
    "^link lab, $(json '.link.ends[0].mac')\$"

# Three frames go there, and come back with the MACs exchanged. Each waits for
# the one before: a pipe does not keep two apart.
cat >"$T/three" <<-'END'
	tries=200
	for n in 0 1 2; do
		while [ "$(wc -c <"$2")" -lt $((n * 19)) ] && [ $tries -gt 0 ]
		do
			tries=$((tries - 1))
			sleep 0.05
		done
		cat "$1"
	done
	sleep 0.5
END
printf '\002\000\000\000\000\002\002\000\000\000\000\001\210\265hello' \
    >"$T/frame"
# shellcheck disable=SC2016
if command -v socat >/dev/null 2>&1; then
	run fethc attach lab -- sh -c \
	    'sh "$0" "$1" "$2" | socat -b 2000 -t 1 STDIO "FD:$FETH_FD"' \
	    "$T/three" "$T/frame" "$T/run.out"
	back=02000000000102000000000288b568656c6c6f
	is "what comes back" "$(od -An -tx1 "$T/run.out" | tr -d ' \n')" \
	    $back$back$back
else
	run fethc send lab --test 3
	is "three frames are sent" "$rc" 0
fi
check "then it ends" wait_for 5 pid_gone "$example"
wait "$example"
is "well" "$?:$(cat "$T/example.err")" 0:
check "and its link with it" wait_for 5 is_gone lab

run as_user "$EXAMPLE" -h lab
is "a host link is refused here" "$rc" 1
# The simulated Mac has such links, but not for anybody.
no=Unsupported
[ -z "${SIM_RELEASE-}" ] || no=NotPermitted
like "by name, and with what would help" "$err" "^$no: "
stop_daemon
run as_user "$EXAMPLE" lab
is "without a daemon" "$rc" 1
like "it says so" "$err" '^NoDaemon: '

# README's line, with this build's libfeth.pc and the compiler of its library.
made() {	# VARIABLE of the Makefile
	sed -n "s/^$1 = //p" "$top_builddir/Makefile" 2>/dev/null
}
line=$(sed -n 's|.*#include <feth.h>.*/\* \(cc .*\) \*/$|\1|p' \
    "$srcdir/README.md")
like "README has a line" "$line" '^cc x\.c .*pkg-config .*libfeth'
if [ -n "$(made CC)" ]; then
	mkdir "$T/path"
	cat >"$T/path/cc" <<-END
		#!/bin/sh
		exec $(made CC) $(made MODE_CFLAGS) "\$@"
	END
	cat >"$T/path/pkg-config" <<-END
		#!/bin/sh
		PKG_CONFIG_PATH='$(cd "$top_builddir/client" && pwd)':\${PKG_CONFIG_PATH-} \
		    exec $(made PKG_CONFIG) \
		    --define-variable=libdir='$(cd "$top_builddir" && pwd)' \
		    --define-variable=includedir='$(cd "$srcdir" && pwd)/include' "\$@"
	END
	chmod 755 "$T/path"/*
	cp "$srcdir/docs/example.c" "$T/x.c"
	run sh -c "PATH='$T/path':\$PATH; cd '$T' && $line"
	is "it builds" "$rc:$err" 0:
	run as_user "$T/a.out" lab
	like "what a program needs" "$err" '^NoDaemon: '
fi

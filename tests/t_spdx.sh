#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source says under which licence it is, and libfeth's are all MIT.
. "${srcdir:-.}/tests/lib.sh"

# The sources of libfeth, as Makefile.am lists them.
library=$(sed -n '/^libfeth_a_SOURCES/,/[^\\]$/p' "$srcdir/Makefile.am")

cd "$srcdir" || exit 99
for f in configure.ac Makefile.am bootstrap .ci/run daemon/*.[ch] \
    client/*.[ch] include/* launchd/* systemd/* tests/macos/* tests/*.[ch] tests/*.sh docs/*.c \
    docs/*.[1358]; do
	[ -f "$f" ] && echo "$f"
done >"$T/files"
# shellcheck disable=SC2016
xargs awk 'FNR > 3 { nextfile }
    match($0, /SPDX-License-Identifier: [^ ]*/) {
	print FILENAME, substr($0, RSTART + 25, RLENGTH - 25)
    }' <"$T/files" >"$T/found"

while read -r f; do
	want=Apache-2.0
	case $f in
	include/*|docs/example.c)
		want=MIT ;;
	client/*)
		case $library in *"$f"*) want=MIT ;; esac ;;
	tests/*)
		want='(Apache-2.0|MIT)' ;;
	daemon/broker_varlink.h|systemd/fethd.service|systemd/fethd.socket)
		continue ;;	# made by an in-tree build
	esac
	check "$f is $want" grep -Eqx "$f $want" "$T/found"
done <"$T/files"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makefile.am names every source, test and document, and scripts can be run.
. "${srcdir:-.}/tests/lib.sh"

makefile=$srcdir/Makefile.am
listed() {
	grep -qE "(^|[[:space:]=:])($1|${1%.c})(:|[[:space:]]|\$)" "$makefile"
}

for f in daemon/*.[ch] client/*.[ch] client/*.in include/* launchd/* systemd/*.in \
    systemd/80-* systemd/99-* tests/*.sh tests/*.[ch] docs/*; do
	for p in "$srcdir"/$f; do
		[ -f "$p" ] || continue
		name=${p#"$srcdir"/}
		case $name in
		daemon/broker_varlink.h|docs/example|*.o)
			continue ;;	# made by an in-tree build
		esac
		check "$name is in Makefile.am" listed "$name"
	done
done

for f in bootstrap .ci/run tests/demo.sh tests/cross.sh \
    tests/check-darwin.sh "tests/t_*.sh" "tests/k_*.sh"; do
	for p in "$srcdir"/$f; do
		[ -f "$p" ] || continue
		check "${p#"$srcdir"/} is executable" test -x "$p"
	done
done

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manuals are correct mdoc, and name each other by the right section.
. "${srcdir:-.}/tests/lib.sh"

need_cmd mandoc
for f in "$srcdir"/docs/*.[1-9]; do
	run mandoc -T lint -W warning "$f"
	is "mandoc on ${f#"$srcdir"/}" "$rc:$out" "0:"
done

# .Xr of one of ours with a section that it is not in.
wrong=$(cd "$srcdir/docs" && for f in *.[1-9]; do
	echo "^[^:]*:[0-9]*:\.Xr ${f%.*} [^${f##*.}]"
done >"$T/wrong" && grep -n '^\.Xr ' ./*.[1-9] | grep -f "$T/wrong")
is "each .Xr has the section of its page" "$wrong" ""

# What is installed names the places of this build, as the daemon does.
if [ -f "$top_builddir/Makefile" ] && [ -x "$FETHD" ]; then
	MAKEFLAGS='' make -s -C "$top_builddir" install-data-local \
	    DESTDIR="$T/root" >"$T/make.out" 2>&1 ||
	    die "make install-data-local: $(cat "$T/make.out")"
	conf=$("$FETHD" --help | sed -n 's/.*policy file, \(.*\) by default/\1/p')
	for page in fethd.8 fethd.conf.5; do
		page=$(find "$T/root" -name "$page")
		check "${page##*/} has the policy's place, $conf" \
		    grep -q "^\.It Pa $conf\$" "$page"
		refute "${page##*/} has no name left out" \
		    grep -q '@[a-z]*@' "$page"
	done
fi

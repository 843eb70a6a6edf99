#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manuals are correct mdoc.
. "${srcdir:-.}/tests/lib.sh"

need_cmd mandoc
for f in "$srcdir"/docs/*.[1-9]; do
	run mandoc -T lint -W warning "$f"
	is "mandoc on ${f#"$srcdir"/}" "$rc:$out" "0:"
done

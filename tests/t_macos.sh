#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/macos.md names the function that handles each trap: each must exist. With
# -l, print the table with the lines at which they are.
if [ "${1-}" = -l ]; then
	cd "$(dirname "$0")/.." || exit 1
	awk -F'|' '/^\| [0-9]+ \|/ || /^\| [a-zA-Z"].* \| .*`/ {
		n = split($0, word, "`"); line = ""
		for (i = 2; i <= n; i += 2) {
			if (word[i] ~ /\//) file = word[i]
			else if (file != "") {
				at = 0; where = "?"
				while ((getline text <file) > 0) {
					at++
					if (index(text, word[i] "(") == 1) {
						where = at
						break
					}
				}
				close(file)
				if (where != "?")
					line = line " " file ":" where "(" word[i] ")"
				continue
			}
			if (word[i + 2] ~ /\// || i + 2 > n)
				line = line " " file
		}
		print $2 "|" $3 "|" line
	}' docs/macos.md
	exit
fi
. "${srcdir:-.}/tests/lib.sh"

grep '^|' "$srcdir/docs/macos.md" | grep -o '`[a-z]*/[a-z_]*\.c` `[a-z0-9_]*`' |
    tr -d '`' | sort -u >"$T/refs"
check "there are references" [ "$(wc -l <"$T/refs")" -gt 50 ]
while read -r file function; do
	[ -f "$srcdir/$file" ] || continue	# of another part of the tree
	check "$file has $function" grep -q \
	    -e "^$function(" -e "^static.*[ *]$function(" "$srcdir/$file"
done <"$T/refs"
# And those that ask a Mac what nobody here knows.
grep '^|' "$srcdir/docs/macos.md" |
    grep -o '`tests/check[-_]darwin\.[a-z]*` `[a-z_]*`' |
    tr -d '`' | sort -u >"$T/asks"
check "there are questions" [ "$(wc -l <"$T/asks")" -ge 6 ]
while read -r file function; do
	check "$file has $function" grep -q "^$function(" "$srcdir/$file"
done <"$T/asks"
is "all 42 are there" "$(grep -c '^| [0-9]* |' "$srcdir/docs/macos.md")" 42

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Do the tests of the simulation catch wrong code? Each line of mutations.txt is
# one mistake, made in a copy of the sources; the unit tests on the model must
# then fail. A mistake that no longer fits its source is an error too, and so is
# one that does not compile.
#
#	mutate.sh [PATTERN]		needs cc, cmocka and a configured build
#
# PATTERN is a part of the file's name or of the description.
#
# $top_builddir is the build whose libfethd.a is used.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
: "${top_builddir:=$top/build/gcc}"
work=$(mktemp -d "${TMPDIR:-/tmp}/feth-mutate.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
caught=0 missed=0 broken=0

cp -r "$top/daemon" "$top/client" "$top/include" "$work/"
mkdir "$work/tests"
cp -r "$top/tests/sim" "$work/tests/"
cp "$top"/tests/{batch_rules,create_msg,fds}.h "$top"/tests/test_bpf_record.c "$work/tests/"
read -ra libs < <(pkg-config --libs cmocka libevent_core libcjson libmnl \
    libseccomp)
# shellcheck disable=SC2054
flags=(-std=gnu11 -D_GNU_SOURCE -O1 -g0 -w -I"$work/daemon" -I"$work/client"
    -I"$work/include" -I"$work/tests/sim" "-DFETHD_RUNSTATEDIR=\"/run\""
    -fsanitize=address,undefined -fno-sanitize-recover=all)

sim=("$work"/tests/sim/sim_{ops,feth,bpf}.c)
bpf=("$work"/daemon/{bpf,feth_if}.c "$work/client/bpf_record.c")
declare -A sources=(
    [record]="$work/tests/test_bpf_record.c $work/client/bpf_record.c"
    [port]="$work/tests/sim/test_bpf_port.c $work/client/bpf_record.c"
    [batch]="$work/tests/sim/test_batch_darwin.c"
    [relay]="$work/tests/sim/test_relay_darwin.c $work/daemon/relay_io.c"
    [capture]="$work/tests/sim/test_capture_relay.c"
    [device]="$work/tests/sim/test_relay_bpf.c ${sim[*]} ${bpf[*]}"
    [feth]="$work/tests/sim/test_backend_feth.c ${sim[*]} ${bpf[*]}"
)
all=(record port batch relay capture device feth)

# Those of the test programs in which FILE is.
programs() {
	case $1 in
	client/bpf_record.*)	echo record port device feth ;;
	client/bpf_port.c)	echo port ;;
	client/batch_darwin.c)	echo batch ;;
	daemon/relay_darwin.c)	echo relay ;;
	daemon/relay_io.c)	echo relay ;;
	daemon/capture_relay.c)	echo capture ;;
	daemon/relay_bpf.c)	echo device ;;
	*)			echo feth device ;;
	esac
}

# build PROGRAM...: of the sources as they are now.
build() {
	for p in "$@"; do
		# shellcheck disable=SC2086
		cc "${flags[@]}" -o "$work/$p" ${sources[$p]} \
		    "$top_builddir/libfethd.a" "${libs[@]}" || return
	done
}

tests_pass() {
	for p in "$@"; do
		timeout 60 "$work/$p" >"$work/out" 2>&1 || return
	done
}

if ! build "${all[@]}" || ! tests_pass "${all[@]}"; then
	echo "mutate: the tests do not pass on the sources as they are"
	tail -n 20 "$work/out"
	exit 1
fi

# FILE@sed expression@what is wrong then
while IFS=@ read -r file expr what; do
	case $file in ''|'#'*) continue ;; esac
	[[ "$file $what" == *"${1-}"* ]] || continue
	cp "$work/$file" "$work/saved"
	read -ra in < <(programs "$file")
	sed -E -i -e "$expr" "$work/$file"
	if cmp -s "$work/saved" "$work/$file"; then
		echo "ERROR: it changes nothing: $what"
		broken=$((broken + 1))
	elif ! build "${in[@]}" 2>"$work/cc"; then
		echo "ERROR: it does not compile: $what"
		head -n 3 "$work/cc"
		broken=$((broken + 1))
	elif tests_pass "${in[@]}"; then
		echo "MISSED: $what ($file)"
		missed=$((missed + 1))
	else
		echo "caught: $what"
		caught=$((caught + 1))
	fi
	cp "$work/saved" "$work/$file"
done <"$top/tests/sim/mutations.txt"
echo "$caught caught, $missed missed, $broken broken"
[ $missed -eq 0 ] && [ $broken -eq 0 ] && [ $caught -gt 0 ]

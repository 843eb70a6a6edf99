#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A release for macOS from the two cross builds in BUILD: a tarball of universal
# programs with the install script, the source's tarball, and the Homebrew formula
# for it. Called by tests/cross.sh --release (./bootstrap release-macos). The same
# commit gives the same bytes. The programs are signed ad hoc: for a download that
# Gatekeeper lets through they want a Developer ID and notarisation.
#
# usage: release.sh BUILD [URL]     URL: where the source's tarball will be

set -u
umask 022
top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=$(cd "$1" && pwd) || exit 1
out=$build/macos
PATH=$PATH:/usr/lib/llvm-14/bin

die() {
	echo "release.sh: $*" >&2
	exit 1
}

version=$(sed -n 's/^AC_INIT(\[fethd\], \[\(.*\)\])/\1/p' "$top/configure.ac")
name=fethd-$version-macos
url=${2:-file://$out/fethd-$version.tar.gz}
epoch=$(git -C "$top" log -1 --format=%ct 2>/dev/null ||
    date -r "$top/NEWS" +%s)

# stage ARCH: what make install would install.
stage() {
	rm -rf "$out/stage-$1"
	make -s -C "$build/cross-$1" install DESTDIR="$out/stage-$1" \
	    >"$build/log/release-$1.log" 2>&1 || die "make install for $1"
}

universal() {
	llvm-lipo -create -output "$out/$name/$1" \
	    "$out/stage-aarch64/opt/fethd/$1" \
	    "$out/stage-x86_64/opt/fethd/$1" || die "llvm-lipo $1"
}

pack() {
	(cd "$out" && tar --format=ustar --sort=name --owner=0 --group=0 \
	    --numeric-owner --mode=u+rw,go=rX --mtime="@$epoch" \
	    -cf - "$name" | gzip -9n >"$name.tar.gz") || die "tar"
}

formula() {
	make -s -C "$build/cross-aarch64" dist >"$build/log/release-dist.log" \
	    2>&1 || die "make dist"
	mv "$build/cross-aarch64/fethd-$version.tar.gz" "$out/" || exit 1
	sum=$(sha256sum "$out/fethd-$version.tar.gz" | cut -d ' ' -f 1)
	sed -e "s|@URL@|$url|" -e "s|@SHA256@|$sum|" \
	    "$top/launchd/fethd.rb.in" >"$out/fethd.rb"
}

stage aarch64
stage x86_64
rm -rf "${out:?}/$name"
cp -R "$out/stage-aarch64/opt/fethd" "$out/$name" || exit 1
for f in sbin/fethd bin/fethc lib/libfeth.a; do
	universal "$f"
done
cp "$top/README.md" "$top/COPYING" "$top/COPYING.MIT" "$out/$name/"
pack
formula
(cd "$out" && sha256sum "$name.tar.gz" "fethd-$version.tar.gz") |
    tee "$out/SHA256SUMS"
echo "To install on a Mac: unpack it, then sudo $name/share/fethd/launchd/install.sh"

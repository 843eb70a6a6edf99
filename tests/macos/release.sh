#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What `./bootstrap release-macos` made, as far as Linux can tell: the sums are
# those of the files, and unpacked and installed below a directory, as pkg.sh does
# it, everything is in its place, is nobody else's to write to, and goes again.
#
# usage: release.sh BUILD

set -eu
umask 022
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$(cd "$1/macos" && pwd)
t=$(mktemp -d "${TMPDIR:-/tmp}/fethd-release.XXXXXX")
trap 'rm -rf "$t"' EXIT

cd "$out"
sha256sum -c SHA256SUMS
sum=$(sed -n 's/  fethd-[0-9.]*\.tar\.gz$//p' SHA256SUMS)
grep "sha256 \"$sum\"" fethd.rb

chmod 755 "$t"
mkdir "$t/root"
tar -xzf "$out"/fethd-*-macos.tar.gz -C "$t"
cd "$t"/fethd-*-macos
sh share/fethd/launchd/install.sh --root "$t/root" --stage
# shellcheck source=launchd/common.sh
. "$top/launchd/common.sh"
root=$t/root
for f in $files; do
	cmp "$f" "$root$prefix/$f"
done
grep "<string>$prefix/sbin/fethd</string>" "$root$plist"
cmp share/fethd/launchd/newsyslog.conf "$root$newsyslog"
for f in sbin/fethd bin/fethc share/fethd/launchd/install.sh; do
	test -x "$root$prefix/$f"
done
find "$root" | sort
test -z "$(find "$root" -perm /022)"
sh share/fethd/launchd/uninstall.sh --root "$root" --purge
test -z "$(find "$root" -type f)"

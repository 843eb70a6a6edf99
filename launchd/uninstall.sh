#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Takes away what install.sh made. Run as root. All links end. The policy file
# stays, and so do user and groups, which may own files; --purge removes these.
#
# usage: uninstall.sh [--prefix DIR] [--root DIR] [--purge]

here=$(cd "$(dirname "$0")" && pwd -P) || exit 1
# shellcheck source=launchd/common.sh
. "$here/common.sh"
purge=no

while [ $# -gt 0 ]; do
	case $1 in
	--root|--prefix)
		[ $# -ge 2 ] || die "$1 wants a directory"
		take_option "$1" "$2"
		shift ;;
	--purge)	purge=yes ;;
	*)	echo "usage: uninstall.sh [--prefix DIR] [--root DIR] [--purge]" >&2
		exit 2 ;;
	esac
	shift
done

remove_files() {
	for f in $files; do
		rm -f "$root$prefix/$f"
	done
	# Those that are empty now.
	for d in share/fethd/launchd share/fethd share/man/man1 share/man/man3 \
	    share/man/man5 share/man/man8 share/man share/varlink share \
	    lib/pkgconfig lib include sbin bin ''; do
		rmdir "$root$prefix/$d" 2>/dev/null
	done
	rm -f "$root$plist" "$root$newsyslog"
}

remove_records() {
	for r in /Users/_fethd /Groups/_fethd /Groups/fethd; do
		! dscl . -read "$r" >/dev/null 2>&1 || dscl . -delete "$r"
	done
}

need_root
stop
remove_files
# Only what the daemon itself keeps there.
for f in journal boot policy.new; do
	rm -f "$root$rundir/$f"
done
rmdir "$root$rundir/empty" "$root$rundir" 2>/dev/null
rm -f "$root/var/run/fethd.sock"
if [ $purge = yes ]; then
	remove_records
	rm -f "$root$prefix/etc/fethd.conf"
	rmdir "$root$prefix/etc" "$root$prefix" 2>/dev/null
fi
say "fethd is removed"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs fethd as a service of macOS, or brings an installed one up to date:
# programs to a directory that is root's alone, user and groups, launchd. Run as
# root. Links that are open end with the old daemon.
#
# usage: install.sh [--prefix DIR] [--root DIR] [--stage] [FROM]
#
#   FROM      the unpacked release, or what `make install` made; the one that this
#             script is in by default
#   --stage   files only, no user and no launchd (for pkgbuild)

here=$(cd "$(dirname "$0")" && pwd -P) || exit 1
# shellcheck source=launchd/common.sh
. "$here/common.sh"
stage=no from=

usage() {
	echo "usage: install.sh [--prefix DIR] [--root DIR] [--stage] [FROM]" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--root|--prefix)
		[ $# -ge 2 ] || usage
		take_option "$1" "$2"
		shift ;;
	--stage)	stage=yes ;;
	-*)		usage ;;
	*)		[ -z "$from" ] || usage
			from=$1 ;;
	esac
	shift
done
[ -n "$from" ] || from=$here/../../..
from=$(cd "$from" && pwd -P) || exit 1

# --- files

# A library from a place that a user can write to would be run by root.
check_libraries() {
	xcode-select -p >/dev/null 2>&1 || return 0
	foreign=$(otool -L "$1" | grep '^[[:space:]]' |
	    grep -v '^[[:space:]]*/usr/lib/')
	[ -z "$foreign" ] || die "$1 loads libraries that are not the system's:
$foreign
Build it with ./configure --enable-static-deps."
}

# place SOURCE DESTINATION MODE: by rename, as the kernel ends a program whose
# signed file is written to while it runs. Only the bytes: no quarantine, no
# access control list comes along.
place() {
	new=$2.new.$$
	if ! cat "$1" >"$new"; then
		rm -f "$new"
		die "cannot write $new"
	fi
	[ "$(id -u)" -ne 0 ] || chown 0:0 "$new"
	if ! chmod "$3" "$new" || ! mv -f "$new" "$2"; then
		rm -f "$new"
		die "cannot put $2 in its place"
	fi
}

mode_of() {
	case $1 in
	bin/*|sbin/*|*/install.sh|*/uninstall.sh)	echo 755 ;;
	*)						echo 644 ;;
	esac
}

place_files() {
	for f in $files; do
		safe "$prefix/${f%/*}"
		# In place: make install was here before.
		[ "$from" = "$root$prefix" ] || [ ! -f "$from/$f" ] ||
		    place "$from/$f" "$root$prefix/$f" "$(mode_of "$f")"
	done
	for f in sbin/fethd bin/fethc; do
		[ -f "$root$prefix/$f" ] || die "$from has no $f"
	done
}

# $text, as the file DESTINATION.
place_text() {
	safe "${1%/*}"
	text_file=$root$1.text.$$
	printf '%s\n' "$text" >"$text_file" || die "cannot write $text_file"
	place "$text_file" "$root$1" 644
	rm -f "$text_file"
}

place_service() {
	text=$(sed "s|@sbindir@|$prefix/sbin|g" "$here/$label.plist.in") ||
	    die "$here/$label.plist.in is missing"
	place_text "$plist"
	! command -v plutil >/dev/null 2>&1 ||
	    plutil -lint -s "$root$plist" || die "$root$plist is damaged"
	text=$(cat "$here/newsyslog.conf") || exit 1
	place_text "$newsyslog"
}

# --- the directory

exists() {
	dscl . -read "$1" "$2" >/dev/null 2>&1
}

# An id below 400, where macOS shows no users, that is neither a user nor a group.
free_id() {
	used=$( (dscl . -list /Users UniqueID
	    dscl . -list /Groups PrimaryGroupID) | awk '{ print $NF }')
	id=350
	while printf '%s\n' "$used" | grep -qx "$id"; do
		id=$((id + 1))
	done
	[ $id -lt 400 ] || die "there is no free id from 350 to 399"
	echo $id
}

# record PATH KEY VALUE...
record() {
	path=$1
	dscl . -create "$path" || die "cannot make $path in the directory"
	shift
	while [ $# -ge 2 ]; do
		dscl . -create "$path" "$1" "$2" ||
		    die "cannot set $1 of $path in the directory"
		shift 2
	done
}

make_group() {
	! exists "/Groups/$1" PrimaryGroupID || return 0
	id=$(free_id) || exit 1
	record "/Groups/$1" PrimaryGroupID "$id" RealName "$2" Password '*'
	say "made the group $1 ($id)"
}

make_user() {
	if exists /Users/_fethd UniqueID; then
		id=$(dscl . -read /Users/_fethd UniqueID | awk '{ print $NF }')
		[ "$id" -gt 0 ] || die "the user _fethd is root; remove it"
		return
	fi
	gid=$(dscl . -read /Groups/_fethd PrimaryGroupID | awk '{ print $NF }')
	id=$(free_id) || exit 1
	record /Users/_fethd UniqueID "$id" PrimaryGroupID "$gid" \
	    RealName "fethd broker" NFSHomeDirectory /var/empty \
	    UserShell /usr/bin/false Password '*' IsHidden 1
	say "made the user _fethd ($id)"
}

# --- launchd

# What launchctl's numbers mean; see launchctl error N.
reason() {
	case $1 in
	119)	echo "the service is disabled: launchctl enable system/$label" ;;
	122)	echo "owner or mode of $plist is not right" ;;
	161)	echo "it is switched off in System Settings, General, Login Items" ;;
	*)	echo "launchctl error $1 may say more, so does the system log" ;;
	esac
}

# While the old one is being cleaned up, launchctl says 37, or 5, which it says of
# much else, too.
start() {
	launchctl enable "system/$label"
	n=0
	while :; do
		launchctl bootstrap system "$root$plist"
		rc=$?
		[ $rc -ne 0 ] || return 0
		n=$((n + 1))
		case $rc in
		5|37)	[ $n -lt 10 ] || break ;;
		*)	break ;;
		esac
		sleep 1
	done
	die "launchd does not take the service (error $rc): $(reason "$rc")"
}

# --- all of it

need_root
# What others could write to is refused before anything is changed.
safe "$prefix/sbin"
safe "${plist%/*}"
safe "${newsyslog%/*}"
[ -f "$from/sbin/fethd" ] || die "$from has no sbin/fethd"
check_libraries "$from/sbin/fethd"
if [ $stage = yes ]; then
	place_files
	place_service
	exit 0
fi
make_group _fethd "fethd broker"
make_group fethd "may open host links of fethd"
make_user
stop
place_files
place_service
start
say "fethd runs. Who may open host links is a member of the group fethd:"
say "    sudo dseditgroup -o edit -a NAME -t user fethd"
say "The command is $prefix/bin/fethc; the log: log show --last 1h --predicate"
say "    'process == \"fethd\"'"

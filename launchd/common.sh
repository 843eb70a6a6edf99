# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
#
# What install.sh and uninstall.sh share. With --root DIR all happens below DIR
# and the owner is whoever runs it: for packages and for the tests.

set -u
umask 022

label=org.fethd.fethd
root=
prefix=/opt/fethd
owner=0

# Below the prefix.
files='sbin/fethd bin/fethc lib/libfeth.a lib/pkgconfig/libfeth.pc include/feth.h
    share/man/man1/fethc.1 share/man/man3/feth.3 share/man/man5/fethd.conf.5
    share/man/man8/fethd.8 share/varlink/org.fethd.Broker.varlink
    share/fethd/launchd/common.sh share/fethd/launchd/install.sh
    share/fethd/launchd/uninstall.sh share/fethd/launchd/newsyslog.conf
    share/fethd/launchd/org.fethd.fethd.plist.in'

plist=/Library/LaunchDaemons/$label.plist
# /etc is a symbolic link.
newsyslog=/private/etc/newsyslog.d/fethd.conf
rundir=/var/db/fethd

say() {
	printf '%s\n' "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# take_option OPTION VALUE: the two that both have.
take_option() {
	case $2 in
	/*)	;;
	*)	die "$1 wants a path that begins with /" ;;
	esac
	case $1 in
	--root)		root=${2%/} owner=$(id -u) ;;
	--prefix)	prefix=${2%/} ;;
	esac
}

need_root() {
	[ -z "$root" ] || return 0
	[ "$(uname -s)" = Darwin ] || die "this is for macOS"
	[ "$(id -u)" -eq 0 ] || die "run it as root: sudo $0"
}

# Why PATH must not be trusted by root, or nothing. Its name only: see safe.
unsafe() {
	line=$(ls -ldn "$1") || return
	# shellcheck disable=SC2086
	set -- "$1" $line
	case $2 in
	l*)	echo "it is a symbolic link" ;;
	[!d]*)	echo "it is no directory" ;;
	d????-??-*)
		[ "$4" -eq "$owner" ] || echo "it belongs to uid $4" ;;
	*)	echo "others than its owner can write to it ($2)" ;;
	esac
	case $2 in
	*+)	# BSD's ls shows the access control list.
		case $(ls -lde "$1" 2>/dev/null) in
		*" allow "*)
			echo "an access control list gives others rights to it" ;;
		esac ;;
	esac
}

# safe PATH: from / down to PATH, directories of root's that nobody else can
# write to; those that are missing are made. Who can write to one of them can
# have anything run as root.
safe() {
	[ -n "$root" ] || check_dir /
	at=$root rest=${1#/}
	while [ -n "$rest" ]; do
		at=$at/${rest%%/*}
		case $rest in
		*/*)	rest=${rest#*/} ;;
		*)	rest= ;;
		esac
		[ -e "$at" ] || mkdir "$at" || die "cannot make $at"
		check_dir "$at"
	done
}

check_dir() {
	why=$(unsafe "$1")
	[ -z "$why" ] || die "$1: $why. fethd runs as root and is not put where
others could exchange it. Mend it, or give another directory with --prefix."
}

# --- launchd

loaded() {
	launchctl print "system/$label" >/dev/null 2>&1
}

# bootout returns before the daemon is gone; it removes its links first.
stop() {
	loaded || return 0
	launchctl bootout "system/$label" 2>/dev/null
	n=0
	while loaded; do
		n=$((n + 1))
		[ $n -le 30 ] || die "the daemon does not end; see launchctl \
print system/$label"
		sleep 1
	done
}

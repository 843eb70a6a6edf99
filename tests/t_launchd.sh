#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh and uninstall.sh of launchd/, in a root of the test's own, with
# stand-ins for launchctl, dscl and the like that note what they are asked.
# shellcheck disable=SC2012
. "${srcdir:-.}/tests/lib.sh"

L=$srcdir/launchd
R=$T/root
P=$R/opt/fethd
LABEL=org.fethd.fethd
PLIST=$R/Library/LaunchDaemons/$LABEL.plist

# --- stand-ins

stand_in() {
	mkdir -p "$T/bin"
	cat >"$T/bin/$1"
	chmod 755 "$T/bin/$1"
}

# Each first word of $T/answers is the exit code of one bootstrap; then it works.
# $T/lingers: how often print still finds the service after bootout.
stand_in launchctl <<'END'
#!/bin/sh
echo "launchctl $*" >>"$T/asked"
case $1 in
print)
	n=$(cat "$T/lingers" 2>/dev/null || echo 0)
	[ ! -f "$T/loaded" ] || exit 0
	[ "$n" -gt 0 ] || exit 113
	echo $((n - 1)) >"$T/lingers"
	exit 0 ;;
bootout)
	rm -f "$T/loaded" ;;
bootstrap)
	[ -f "$3" ] || exit 2
	read -r code rest <"$T/answers" || code=0
	[ -z "$code" ] || echo "$rest" >"$T/answers"
	[ "${code:-0}" -eq 0 ] || exit "$code"
	touch "$T/loaded" ;;
esac
END
# Records are directories, their keys files.
stand_in dscl <<'END'
#!/bin/sh
echo "dscl $*" >>"$T/asked"
d=$T/directory
case $2 in
-read)
	[ -d "$d$3" ] || exit 56
	[ -z "${4-}" ] || echo "$4: $(cat "$d$3/$4")" ;;
-list)
	for r in "$d$3"/*; do
		[ ! -f "$r/$4" ] || echo "${r##*/} $(cat "$r/$4")"
	done ;;
-create)
	mkdir -p "$d$3"
	[ -z "${4-}" ] || echo "$5" >"$d$3/$4" ;;
-delete)
	rm -r "$d$3" ;;
esac
END
stand_in sleep <<'END'
#!/bin/sh
echo "sleep $*" >>"$T/asked"
END
stand_in plutil <<'END'
#!/bin/sh
for f in "$@"; do :; done
python3 -c 'import plistlib, sys; plistlib.load(open(sys.argv[1], "rb"))' "$f"
END
stand_in xcode-select <<'END'
#!/bin/sh
END
stand_in otool <<'END'
#!/bin/sh
echo "$2:"
cat "$T/libraries"
END
PATH=$T/bin:$PATH
export PATH T
need_cmd python3

# --- the release that is installed

release() {
	rm -rf "$T/release"
	mkdir -p "$T/release/sbin" "$T/release/bin" "$T/release/include" \
	    "$T/release/share/fethd"
	echo "fethd $1" >"$T/release/sbin/fethd"
	echo "fethc $1" >"$T/release/bin/fethc"
	echo "/* $1 */" >"$T/release/include/feth.h"
	cp -R "$L" "$T/release/share/fethd/launchd"
	chmod -R u+w "$T/release"
}

# A Mac before its first fethd.
fresh() {
	rm -rf "$R" "$T/directory" "$T/loaded" "$T/lingers"
	mkdir -p "$R/Library/LaunchDaemons" "$T/directory/Users/root" \
	    "$T/directory/Groups/wheel"
	echo 0 >"$T/directory/Users/root/UniqueID"
	echo 0 >"$T/directory/Groups/wheel/PrimaryGroupID"
	: >"$T/answers"
	: >"$T/asked"
	printf '\t/usr/lib/libSystem.B.dylib (compatibility version 1.0.0)\n' \
	    >"$T/libraries"
	release 1
}

install_it() {
	: >"$T/asked"
	run sh "$T/release/share/fethd/launchd/install.sh" --root "$R" "$@"
}

remove_it() {
	: >"$T/asked"
	run sh "$T/release/share/fethd/launchd/uninstall.sh" --root "$R" "$@"
}

asked() {
	grep -c "^$1" "$T/asked"
}

key() {
	python3 -c 'import plistlib, sys
v = plistlib.load(open(sys.argv[1], "rb"))
for k in sys.argv[2:]:
    v = v[int(k) if k.isdigit() else k]
print(v)' "$PLIST" "$@"
}

# What a refusal must not have done.
untouched() {
	is "$1: no launchd" "$(asked launchctl)" 0
	is "$1: no directory" "$(asked dscl)" 0
	refute "$1: no program" test -e "$P/sbin/fethd"
	refute "$1: no property list" test -e "$PLIST"
}

# --- a first installation

fresh
install_it
is "install" "$rc:$err" "0:"
is "the daemon" "$(cat "$P/sbin/fethd")" "fethd 1"
is "its mode" "$(ls -l "$P/sbin/fethd" | cut -c 1-10)" "-rwxr-xr-x"
is "the header's mode" "$(ls -l "$P/include/feth.h" | cut -c 1-10)" "-rw-r--r--"
is "the list's mode" "$(ls -l "$PLIST" | cut -c 1-10)" "-rw-r--r--"
is "the program" "$(key ProgramArguments 0)" /opt/fethd/sbin/fethd
is "the mode of the socket" "$(key Sockets fethd SockPathMode)" 438
like "bootstrap" "$(cat "$T/asked")" "^launchctl bootstrap system $PLIST$"
is "no bootout of what is not there" "$(asked 'launchctl bootout')" 0
check "newsyslog" test -f "$R/private/etc/newsyslog.d/fethd.conf"
is "the broker's uid" "$(cat "$T/directory/Users/_fethd/UniqueID")" 352
is "the broker's gid" "$(cat "$T/directory/Users/_fethd/PrimaryGroupID")" \
    "$(cat "$T/directory/Groups/_fethd/PrimaryGroupID")"
is "the broker's shell" "$(cat "$T/directory/Users/_fethd/UserShell")" \
    /usr/bin/false
check "the group of those who may" test -d "$T/directory/Groups/fethd"
is "nothing half-made" "$(find "$R" -name '*.new.*' -o -name '*.text.*')" ""

# --- an upgrade

before=$(ls -i "$P/sbin/fethd" | awk '{ print $1 }')
exec 3<"$P/sbin/fethd"
release 2
echo 3 >"$T/lingers"
echo "37 5 5" >"$T/answers"
install_it
is "upgrade" "$rc" 0
is "the new daemon" "$(cat "$P/sbin/fethd")" "fethd 2"
refute "it is another file" test "$before" = \
    "$(ls -i "$P/sbin/fethd" | awk '{ print $1 }')"
is "the old one is as it was for who runs it" "$(cat <&3)" "fethd 1"
exec 3<&-
is "bootout once" "$(asked 'launchctl bootout')" 1
is "bootstrap until it works" "$(asked 'launchctl bootstrap')" 4
is "waited for the old one, and between" "$(asked sleep)" 6
is "user and groups are made once" "$(asked 'dscl . -create')" 0
order=$(grep -E '^launchctl (bootout|bootstrap)' "$T/asked" | head -n 1)
like "bootout comes first" "$order" "bootout"

# --- launchd says no

for code in 119 122 161 2; do
	fresh
	echo $code >"$T/answers"
	install_it
	is "error $code" "$rc" 1
	like "error $code is told" "$err" "error $code"
	is "error $code is not tried again" "$(asked 'launchctl bootstrap')" 1
done
fresh
echo "161" >"$T/answers"
install_it
like "where it is switched off" "$err" "Login Items"
fresh
echo "5 5 5 5 5 5 5 5 5 5 5 5" >"$T/answers"
install_it
is "error 5 for ever" "$rc:$(asked 'launchctl bootstrap')" "1:10"
fresh
install_it
echo 99 >"$T/lingers"
install_it
is "a daemon that does not end" "$rc" 1
like "is told" "$err" "does not end"
is "and not replaced" "$(asked 'launchctl bootstrap')" 0

# --- where others could exchange the program

fresh
mkdir -p "$R/opt"
chmod g+w "$R/opt"
install_it
is "a group that can write" "$rc" 1
like "is named" "$err" "$R/opt: others than its owner can write"
untouched "a group that can write"

fresh
mkdir -p "$P"
chmod o+w "$P"
install_it
is "anybody can write" "$rc" 1
untouched "anybody can write"

fresh
mkdir -p "$T/elsewhere"
ln -s "$T/elsewhere" "$R/opt"
install_it
is "a symbolic link" "$rc" 1
like "is told" "$err" "symbolic link"
untouched "a symbolic link"

fresh
echo >"$R/opt"
install_it
is "no directory" "$rc" 1
like "is told as such" "$err" "no directory"

fresh
chmod 777 "$R/Library/LaunchDaemons"
install_it
is "LaunchDaemons is anybody's" "$rc" 1
untouched "LaunchDaemons is anybody's"

if [ "$(id -u)" -eq 0 ]; then
	fresh
	mkdir -p "$R/opt"
	chown $USER_ID "$R/opt"
	install_it
	is "a user's directory" "$rc" 1
	like "whose it is" "$err" "belongs to uid $USER_ID"
	untouched "a user's directory"
fi

fresh
printf '\t/opt/homebrew/lib/libevent.dylib (compatibility)\n' >>"$T/libraries"
install_it
is "a library of Homebrew's" "$rc" 1
like "which one" "$err" "/opt/homebrew/lib/libevent.dylib"
untouched "a library of Homebrew's"

# --- wrong calls

fresh
install_it "$T/nowhere"
is "no such release" "$rc" 1
mkdir "$T/empty"
install_it "$T/empty"
is "a release without a daemon" "$rc" 1
like "is told" "$err" "no sbin/fethd"
untouched "a release without a daemon"
install_it --prefix here
is "a relative prefix" "$rc" 1
install_it --what
is "an unknown option" "$rc" 2
run sh "$L/install.sh"
is "not on a Mac" "$rc" 1

# --- other ids, another place

fresh
for n in 350 351 352; do
	mkdir -p "$T/directory/Users/u$n"
	echo $n >"$T/directory/Users/u$n/UniqueID"
done
install_it --prefix /Library/fethd
is "another prefix" "$rc" 0
is "its program" "$(key ProgramArguments 0)" /Library/fethd/sbin/fethd
check "is there" test -x "$R/Library/fethd/sbin/fethd"
is "ids of others are left alone" \
    "$(cat "$T/directory/Groups/_fethd/PrimaryGroupID")" 353

fresh
mkdir -p "$T/directory/Users/_fethd"
echo 0 >"$T/directory/Users/_fethd/UniqueID"
install_it
is "a broker that is root" "$rc" 1
is "nothing is started, nor stopped" "$(asked launchctl)" 0

# --- in place, as make install does it

fresh
mkdir -p "$R/opt"
cp -R "$T/release" "$P"
before=$(ls -i "$P/sbin/fethd" | awk '{ print $1 }')
: >"$T/asked"
run sh "$P/share/fethd/launchd/install.sh" --root "$R" "$P"
is "in place" "$rc:$err" "0:"
is "nothing is copied onto itself" "$(ls -i "$P/sbin/fethd" |
    awk '{ print $1 }')" "$before"
is "and it is started" "$(asked 'launchctl bootstrap')" 1

# --- for a package

fresh
install_it --stage
is "stage" "$rc" 0
check "the files" test -x "$P/sbin/fethd"
check "and the list" test -f "$PLIST"
is "no launchd" "$(asked launchctl)" 0
is "no directory" "$(asked dscl)" 0

# --- away with it

fresh
install_it
mkdir -p "$R/var/db/fethd/empty" "$P/etc"
echo >"$R/var/db/fethd/journal"
echo >"$R/var/db/fethd/somebody's"
echo '{}' >"$P/etc/fethd.conf"
remove_it
is "uninstall" "$rc:$err" "0:"
is "bootout" "$(asked 'launchctl bootout')" 1
is "only what is not ours stays" "$(cd "$R" && find . -type f | sort)" \
"./opt/fethd/etc/fethd.conf
./var/db/fethd/somebody's"
check "the user stays" test -d "$T/directory/Users/_fethd"
remove_it --purge
is "once more, and all" "$rc" 0
is "the policy is gone" "$(find "$R/opt" -name fethd.conf)" ""
refute "the user is gone" test -d "$T/directory/Users/_fethd"
refute "the group is gone" test -d "$T/directory/Groups/fethd"
is "other users are not" "$(ls "$T/directory/Users")" root

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# UNTESTED: nobody has run this yet, as there was no Mac to run it on. It makes an
# installer package of an unpacked release, with Apple's pkgbuild. A package that
# is signed (--sign "Developer ID Installer: ...") and notarised can be stapled,
# which a bare program cannot.
#
# usage: pkg.sh RELEASE-DIRECTORY [PKGBUILD-OPTION...]

set -eu
umask 022
release=$(cd "$1" && pwd -P)
shift
version=$("$release/bin/fethc" --private version | awk '/^fethc/ { print $2 }')
work=$(mktemp -d /tmp/fethd-pkg.XXXXXX)
trap 'rm -rf "$work"' EXIT

mkdir "$work/root" "$work/scripts"
sh "$release/share/fethd/launchd/install.sh" --root "$work/root" --stage \
    "$release"
# Started in place, by the same script.
cat >"$work/scripts/postinstall" <<'END'
#!/bin/sh
exec /opt/fethd/share/fethd/launchd/install.sh
END
chmod 755 "$work/scripts/postinstall"
pkgbuild --root "$work/root" --scripts "$work/scripts" \
    --identifier org.fethd.fethd --version "$version" --install-location / \
    --ownership recommended "$@" "fethd-$version.pkg"

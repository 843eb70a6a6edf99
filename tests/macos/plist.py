#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The property list as launchd will read it.

usage: plist.py LAUNCHD-DIRECTORY

plutil and plistutil take nearly anything; launchd itself ignores a key that it
does not know, and a mode written in octal is another mode. So the rules are
written down here. Each broken list below must be refused, or the rules are not
worth much.
"""
import plistlib
import sys
import xml.etree.ElementTree as ET

LABEL = "org.fethd.fethd"
SOCKET = "/var/run/fethd.sock"
SUN_PATH = 104

KEYS = {
    "Label": str, "ProgramArguments": list, "Sockets": dict,
    "RunAtLoad": bool, "KeepAlive": dict, "ProcessType": str,
    "ExitTimeOut": int, "Umask": int, "StandardErrorPath": str,
}
SOCKET_KEYS = {
    "SockPathName": str, "SockType": str, "SockPathMode": int,
    "SockPathOwner": int, "SockPathGroup": int,
}


class Wrong(Exception):
    pass


def must(ok, why):
    if not ok:
        raise Wrong(why)


def keys_once(element):
    """plistlib takes the last of two equal keys; who knows what launchd takes."""
    for d in element.iter("dict"):
        keys = [k.text for k in d.findall("key")]
        must(len(keys) == len(set(keys)), "a key is there twice")


def typed(d, keys, where):
    for name, value in d.items():
        must(name in keys, "%s: unknown key %s" % (where, name))
        # bool is an int, but not here.
        must(type(value) is keys[name], "%s: %s has the wrong type" % (
            where, name))
    missing = sorted(set(keys) - set(d))
    must(not missing, "%s: %s is missing" % (where, " ".join(missing)))


def socket_rules(s):
    typed(s, SOCKET_KEYS, "the socket")
    must(s["SockPathName"] == SOCKET and len(SOCKET) < SUN_PATH,
        "the socket is not where fethc looks")
    must(s["SockType"] == "stream", "SockType is not stream")
    must(s["SockPathMode"] in (0o666, 0o660, 0o600),
        "SockPathMode %d is mode %o" % (
        s["SockPathMode"], s["SockPathMode"]))
    must(s["SockPathOwner"] == 0, "the socket is not root's")


def rules(data, name):
    keys_once(ET.fromstring(data))
    p = plistlib.loads(data)
    # Promises what only libxpc's transactions keep: launchd kills at once.
    must("EnableTransactions" not in p, "EnableTransactions is set")
    typed(p, KEYS, name)
    must(p["Label"] == LABEL and name == LABEL + ".plist",
        "label and file name differ")
    args = p["ProgramArguments"]
    must(args and all(isinstance(a, str) for a in args) and
        args[0].startswith("/") and "@" not in args[0],
        "the program is no absolute path")
    must("--foreground" in args, "a job of launchd must not go away")
    must(list(p["Sockets"]) == ["fethd"],
        "plat_darwin.c asks for the socket fethd")
    socket_rules(p["Sockets"]["fethd"])
    must(p["KeepAlive"] == {"SuccessfulExit": False},
        "it is not restarted on failure, and on failure alone")
    must(p["RunAtLoad"], "leftovers of a crash wait for a client")
    must(p["ProcessType"] == "Interactive", "its work is throttled")
    must(10 <= p["ExitTimeOut"] <= 60, "no time to remove links, or for ever")
    must(p["Umask"] == 0o022, "Umask is octal, or not 022")
    must(p["StandardErrorPath"].startswith("/var/log/"),
        "the log is not in /var/log")


def broken(text):
    """Name, and the property list with one thing wrong."""
    def swap(a, b):
        assert text.count(a) == 1, a
        return text.replace(a, b)
    mode = "<integer>438</integer>"
    yield "a mode in octal", swap(mode, "<integer>666</integer>")
    yield "no integer", swap(mode, "<integer>0660x</integer>")
    yield "a string for a number", swap(mode, "<string>438</string>")
    yield "a key without a value", swap(mode, "")
    yield "a tag that does not match", swap(
        "<key>RunAtLoad</key>", "<key>RunAtLoad</string>")
    yield "an unknown element", swap(mode, "<number>438</number>")
    yield "the same key twice", swap(
        "<key>RunAtLoad</key>", "<key>Label</key><string>x</string>"
        "<key>RunAtLoad</key>")
    yield "another label", swap("<string>" + LABEL + "<", "<string>fethd<")
    yield "a misspelt key", swap("ExitTimeOut", "ExitTimeout")
    yield "EnableTransactions", swap(
        "<key>RunAtLoad</key>", "<key>EnableTransactions</key><true/>"
        "<key>RunAtLoad</key>")
    yield "KeepAlive that fights a stop", swap(
        "<dict>\n\t\t<key>SuccessfulExit</key>\n\t\t<false/>\n\t</dict>",
        "<true/>")
    yield "a relative program", swap(
        "<string>/opt/fethd/sbin/", "<string>")
    yield "another socket name", swap(
        "<key>fethd</key>", "<key>Listeners</key>")
    yield "a datagram socket", swap(
        "<string>stream</string>", "<string>dgram</string>")
    yield "a background process", swap("Interactive", "Background")
    yield "an octal umask", swap(
        "<integer>18</integer>", "<integer>22</integer>")
    yield "in the background", swap("<string>--foreground</string>", "")


def newsyslog_rules(path):
    rows = [line.split() for line in open(path)
        if line.strip() and not line.startswith("#")]
    must(len(rows) == 1, "one log, one line")
    log, owner, mode, count, size, when, flags = rows[0]
    must(log == "/var/log/fethd.log", "another log than the property list's")
    must(":" in owner and int(mode, 8) & 0o037 == 0, "anybody reads the log")
    must(count.isdigit() and size.isdigit() and when == "*",
        "by size, so many of them")
    must(set(flags) <= set("BCGJNRUWZ") and "N" in flags,
        "newsyslog would signal syslogd, or does not know a flag")


def tell(what, function, *args, refused=False):
    try:
        function(*args)
    except (Wrong, ValueError, ET.ParseError, plistlib.InvalidFileException,
            AttributeError, TypeError, KeyError, IndexError) as e:
        print("%s: %s%s: %s" % ("PASS" if refused else "FAIL", what,
            " is refused" if refused else "", e))
        return not refused
    print("%s: %s" % ("FAIL" if refused else "PASS",
        what + (" is not refused" if refused else "")))
    return refused


def main():
    directory = sys.argv[1]
    name = LABEL + ".plist"
    with open("%s/%s.in" % (directory, name)) as f:
        text = f.read().replace("@sbindir@", "/opt/fethd/sbin")
    failed = tell("the property list", rules, text.encode(), name)
    failed += tell("the same under another name", rules, text.encode(),
        "fethd.plist", refused=True)
    for what, other in broken(text):
        failed += tell(what, rules, other.encode(), name, refused=True)
    failed += tell("the newsyslog entry", newsyslog_rules,
        directory + "/newsyslog.conf")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a Mac's loader will look at, in universal binaries made elsewhere.

usage: macho.py ALLOWED MIN_OS FILE...

ALLOWED lists the symbols that may come from outside, one a line; "weak NAME"
may be missing at run time and must be linked so. Each check is a line "PASS: "
or "FAIL: ". The format is that of <mach-o/loader.h> and, for signatures, of
XNU's <kern/cs_blobs.h>.
"""
import hashlib
import struct
import sys

ARCHS = {0x0100000C: "arm64", 0x01000007: "x86_64"}
FAT, THIN = 0xCAFEBABE, 0xFEEDFACF
MH_EXECUTE, MH_PIE = 2, 0x200000
LC_SYMTAB, LC_DYLIB, LC_WEAK_DYLIB, LC_REEXPORT = 0x2, 0xC, 0x80000018, \
    0x8000001F
LC_SEGMENT_64, LC_SIGNATURE, LC_RPATH, LC_BUILD = 0x19, 0x1D, 0x8000001C, 0x32
N_STAB, N_TYPE, N_EXT, N_WEAK_REF = 0xE0, 0x0E, 0x01, 0x40
SIGNATURE, DIRECTORY = 0xFADE0CC0, 0xFADE0C02
PLATFORM_MACOS, CS_ADHOC, CS_SHA256 = 1, 0x2, 2

failed = 0


def check(ok, what):
    global failed
    failed += not ok
    print("%s: %s" % ("PASS" if ok else "FAIL", what))


def text(data, at):
    return data[at:data.index(b"\0", at)].decode()


def version(v):
    return "%d.%d" % (v >> 16, v >> 8 & 255)


class Slice:
    """One architecture's part of a file."""

    def __init__(self, data):
        self.data = data
        (magic, cpu, _, self.type, count, _, self.flags,
            _) = struct.unpack_from("<8I", data)
        if magic != THIN:
            raise ValueError("no 64-bit Mach-O")
        self.arch = ARCHS.get(cpu, hex(cpu))
        self.dylibs, self.rpaths, self.symbols = [], [], {}
        self.build = self.signature = None
        self.sections = {}
        at = 32
        for _ in range(count):
            cmd, size = struct.unpack_from("<2I", data, at)
            self.command(cmd, at, size)
            at += size

    def command(self, cmd, at, size):
        d = self.data
        if cmd in (LC_DYLIB, LC_WEAK_DYLIB, LC_REEXPORT):
            self.dylibs.append(text(d, at + struct.unpack_from(
                "<I", d, at + 8)[0]))
        elif cmd == LC_RPATH:
            self.rpaths.append(text(d, at + 12))
        elif cmd == LC_BUILD:
            self.build = struct.unpack_from("<3I", d, at + 8)
        elif cmd == LC_SIGNATURE:
            self.signature = struct.unpack_from("<2I", d, at + 8)
        elif cmd == LC_SYMTAB:
            self.symtab(*struct.unpack_from("<4I", d, at + 8))
        elif cmd == LC_SEGMENT_64:
            n = struct.unpack_from("<I", d, at + 64)[0]
            for i in range(n):
                s = at + 72 + 80 * i
                name = d[s:s + 16].split(b"\0")[0].decode()
                length, offset = struct.unpack_from("<QI", d, s + 40)
                self.sections[name] = d[offset:offset + length]

    def symtab(self, symbols, count, strings, _):
        """Undefined external ones: name -> may be missing."""
        for i in range(count):
            name, kind, _, desc, _ = struct.unpack_from(
                "<IBBHQ", self.data, symbols + 16 * i)
            if kind & N_STAB or kind & N_TYPE or not kind & N_EXT:
                continue
            # "$INODE64" and the like choose among variants of one.
            self.symbols[text(self.data, strings + name).split("$")[0]] = \
                bool(desc & N_WEAK_REF)

    def directory(self):
        """Offset of the CodeDirectory, or None."""
        if self.signature is None:
            return None
        start = self.signature[0]
        magic, _, count = struct.unpack_from(">3I", self.data, start)
        if magic != SIGNATURE:
            return None
        for i in range(count):
            at = start + struct.unpack_from(
                ">2I", self.data, start + 12 + 8 * i)[1]
            if struct.unpack_from(">I", self.data, at)[0] == DIRECTORY:
                return at
        return None

    def bad_pages(self, data=None):
        """How many page hashes differ; None without a signature."""
        at = self.directory()
        if at is None:
            return None
        data = data or self.data
        hashes, _, _, slots, limit = struct.unpack_from(
            ">5I", self.data, at + 16)
        size, kind, _, shift = struct.unpack_from(">4B", self.data, at + 36)
        if kind != CS_SHA256 or size != 32:
            return slots
        bad = 0
        for i in range(slots):
            page = data[i << shift:min((i + 1) << shift, limit)]
            want = self.data[at + hashes + 32 * i:at + hashes + 32 * i + 32]
            bad += hashlib.sha256(page).digest() != want
        return bad

    def adhoc(self):
        at = self.directory()
        return at is not None and bool(struct.unpack_from(
            ">I", self.data, at + 12)[0] & CS_ADHOC)


def slices(path):
    with open(path, "rb") as f:
        data = f.read()
    magic, count = struct.unpack_from(">2I", data)
    if magic != FAT:
        return [Slice(data)]
    found = []
    for i in range(count):
        _, _, offset, size, _ = struct.unpack_from(">5I", data, 8 + 20 * i)
        found.append(Slice(data[offset:offset + size]))
    return found


def allowed(path):
    """Name -> must be weak."""
    rows = {}
    with open(path) as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                # The loader's own is no C name.
                c = "" if words[-1] == "dyld_stub_binder" else "_"
                rows[c + words[-1]] = len(words) > 1
    return rows


def check_slice(s, name, rows, min_os):
    name = "%s (%s)" % (name, s.arch)
    check(s.type == MH_EXECUTE and s.flags & MH_PIE,
        name + ": a position-independent program")
    check(s.build is not None and s.build[0] == PLATFORM_MACOS and
        version(s.build[1]) == min_os, "%s: for macOS %s and later" % (
        name, version(s.build[1]) if s.build else "?"))
    check(s.dylibs == ["/usr/lib/libSystem.B.dylib"] and not s.rpaths,
        "%s: needs libSystem alone: %s" % (
        name, " ".join(s.dylibs + s.rpaths)))
    more = sorted(set(s.symbols) - set(rows))
    check(not more, "%s: %d symbols from outside, all allowed%s" % (
        name, len(s.symbols), ": but not " + " ".join(more) if more else ""))
    strong = sorted(n for n, weak in s.symbols.items()
        if rows.get(n) and not weak)
    check(not strong, "%s: what a release may lack is weak%s" % (
        name, ": but not " + " ".join(strong) if strong else ""))


def check_signature(s, name):
    bad = s.bad_pages()
    check(bad == 0 and s.adhoc(),
        "%s (arm64): signed ad hoc, %s wrong page hashes" % (name, bad))
    # The check itself: one byte of the text changed is one page.
    other = bytearray(s.data)
    other[4096 + 17] ^= 1
    check(s.bad_pages(bytes(other)) == 1,
        "%s (arm64): one byte changed is one wrong page" % name)


def main():
    rows, min_os = allowed(sys.argv[1]), sys.argv[2]
    used = set()
    for path in sys.argv[3:]:
        name = path.split("/")[-1]
        found = {s.arch: s for s in slices(path)}
        check(sorted(found) == ["arm64", "x86_64"],
            "%s: universal: %s" % (name, " ".join(sorted(found))))
        for s in found.values():
            check_slice(s, name, rows, min_os)
            used |= set(s.symbols)
        if "arm64" in found:
            check_signature(found["arm64"], name)
    unused = sorted(set(rows) - used)
    check(not unused, "every allowed symbol is used%s" % (
        ": but not " + " ".join(unused) if unused else ""))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())

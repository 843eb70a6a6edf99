#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The numbers in an object file of constants.c against those that Go knows.

usage: constants.py OBJECT GOFILE...

Go's tables were made on Macs, by another project, from another SDK: an oracle
of its own. What it does not know is named and not counted.
"""
import re
import struct
import sys

import macho


def oracle(paths):
    known = {}
    row = re.compile(
        r"^\s*(?:const )?(\w+)\s*=\s*(?:\w+\()?(-?0x[0-9a-f]+|-?\d+)\)?\s*$",
        re.M)
    for path in paths:
        with open(path) as f:
            for name, value in row.findall(f.read()):
                known.setdefault(name, int(value, 0))
    return known


def numbers(path):
    data = macho.slices(path)[0].sections["fethd_numbers"]
    for at in range(0, len(data), 40):
        name = data[at:at + 32].split(b"\0")[0].decode()
        yield name, struct.unpack_from("<Q", data, at + 32)[0]


def main():
    known = oracle(sys.argv[2:])
    same, other, unknown = 0, [], []
    mask = 0xFFFFFFFF
    for name, value in numbers(sys.argv[1]):
        if name not in known:
            unknown.append(name)
        elif known[name] & mask == value & mask:
            same += 1
        else:
            other.append("%s is %#x, Go has %#x" % (
                name, value & mask, known[name] & mask))
    for line in other:
        print("FAIL: " + line)
    print("constants: %d of %d agree; not in Go: %s" % (
        same, same + len(other), " ".join(unknown) or "none"))
    return 1 if other or same < 60 else 0


if __name__ == "__main__":
    sys.exit(main())

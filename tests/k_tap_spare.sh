#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# k_tap_safety.sh on TAPs that were made ahead of time.
TAP_SPARES=4
. "${srcdir:-.}/tests/k_tap_safety.sh"

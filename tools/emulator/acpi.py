# SPDX-License-Identifier: MIT
"""Put the test-only program that supplies ACPI tables (tests/efi) in front of the real one."""

import os
import subprocess
import tempfile

from esp import EspError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, "tests/efi/build")
PROGRAM = os.path.join(ROOT, "build/tests/acpi_supply.efi")

FIRST = "EFI/BOOT/BOOTX64.EFI"
SECOND = "EFI/BOOT/BULKHEAD.EFI"
START = "EFI/BOOT/start.txt"


def program():
    """Build it if need be; returns its path."""
    if subprocess.run([BUILD]).returncode != 0:
        raise EspError(f"cannot build {PROGRAM}")
    return PROGRAM


def start_file(path, options=""):
    """What tells the program which other one to start; returns an open temporary file."""
    start = tempfile.NamedTemporaryFile("w", prefix="bulkhead-start-", encoding="ascii")
    start.write("\\" + path.replace("/", "\\") + "\n" + options + "\n")
    start.flush()
    return start


def supply(esp):
    """Change an image so that it starts our program first, then what it started before."""
    if esp.holds(START):
        return
    esp.rename(FIRST, SECOND)
    esp.add(FIRST, program())
    with start_file(SECOND) as start:
        esp.add(START, start.name)

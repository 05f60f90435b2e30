# SPDX-License-Identifier: MIT
"""Boot the benchmark's images in emulators and keep what they print. One tick is one instruction
with one processor; with more, the processors take turns and ticks are only about right."""

import os
import re
import subprocess
import sys
import time

from emulator import EMULATORS, Session, acpi
from esp import Esp

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BULKHEAD_BUILD") or "build")
PARTS = os.path.join(ROOT, "build/bench")
CACHE = os.environ.get("BULKHEAD_CACHE") or os.path.join(ROOT, ".cache")

GUEST = "console=ttyS0{quiet} rdinit=/bench{extra} bulkhead.run=idle bench_start=0000000000000000 -- {todo}"
MEMORY = "512M"
SMP = 4  # processors of the guest that has several
SCALE_CPUS = 16
SCALE_IPS = 125_000_000  # QEMU: the firmware then takes less of our time
SECOND = 1_000_000_000  # ticks
SLOW = 100_000_000  # the same, on a machine that has fewer of them while the serial line is as fast
TIMEOUT = 600

# Where single exits are measured: each emulator's name, and what the table calls it.
COST_MACHINES = {"bochs": "VT-x, Bochs", "bochs-amd": "AMD-V, Bochs", "qemu": "AMD-V, QEMU"}

# Linux refuses the TSC deadline timer of the usual model where no hypervisor shows, because of an
# erratum, and then waits a while to calibrate another timer. This one it takes as it is.
LIKE_MODEL = "corei7_ivy_bridge_3770k"

# The machine has no PIT and no HPET in these ACPI tables, so the kernel is told how fast its TSC is.
# It does without fast string operations, which this firmware leaves off: each byte that they move is
# a tick here, so the side with them would be behind.
# And it is not moved: by how much would be random.
LIKE = " tsc_early_khz=1000000 clearcpuid=erms,rep_good nokaslr"


class BenchError(Exception):
    """Something to tell the user; the text is a whole sentence."""


class Output:
    """What a machine printed."""

    def __init__(self, text):
        self.text = text

    def find(self, pattern):
        match = re.search(pattern, self.text, re.MULTILINE)
        if not match:
            raise BenchError(f"the machine did not print '{pattern}'; it said last:\n"
                             + "\n".join(self.text.splitlines()[-10:]))
        return match

    def number(self, pattern):
        return int(self.find(pattern)[1])

    def fields(self, line):
        """The KEY=NUMBER pairs of the line that begins like that (without a console's prefix)."""
        match = self.find(rf"(?:^|\| ){line} (.*)$")
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)(?!\S)", match[1])}


class Boots:
    """Makes images in `folder` and runs them."""

    def __init__(self, folder):
        self.folder = folder
        for name, source in (("vmlinuz", "guest/vmlinuz"), ("initrd.gz", "guest/initrd.gz")):
            if not os.path.isfile(os.path.join(CACHE, source)):
                raise BenchError(f"{source} is missing in the cache: run 'tools/fetch-kernel' and "
                                 "'tools/mkinitrd'")
            os.symlink(os.path.join(CACHE, source), self._path(name))
        with open(self._path("bench.gz"), "wb") as out:
            for part in (self._path("initrd.gz"), os.path.join(PARTS, "overlay.gz")):
                with open(part, "rb") as file:
                    out.write(file.read())
        os.symlink(os.path.join(PARTS, "costs.bin"), self._path("costs.bin"))
        os.symlink(os.path.join(BUILD, "guests/attacker.bin"), self._path("attacker.bin"))

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _boot(self, image, title, until, cpus="1", ips=SECOND, model=None, emulator="bochs",
              memory=1024):
        options = [f"cpu: model={model}"] if model else []
        began = time.monotonic()
        print(f"bench: {title} ...", end="", file=sys.stderr, flush=True)
        with EMULATORS[emulator](image, cpus, memory, ips=ips, repeatable=True,
                                 options=options) as machine:
            session = Session(machine)
            for pattern in until:
                session.expect(pattern, TIMEOUT)
        print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
        return Output(session.output.decode("ascii", "replace"))

    def _image(self, config, emulator="bochs"):
        with open(self._path("bulkhead.conf"), "w") as file:
            file.write(config)
        image = self._path("disk.img")
        command = [os.path.join(ROOT, "tools/mkimage"), "--quiet", file.name, image]
        if subprocess.run(command).returncode != 0:
            raise BenchError("no image to boot")
        if EMULATORS[emulator].needs_acpi:
            acpi.supply(Esp(image))
        return image

    @staticmethod
    def _guest(name, cmdline, memory=MEMORY):
        return (f"[guest {name}]\nmemory = {memory}\nkernel = vmlinuz\ninitrd = bench.gz\n"
                f"cmdline = {cmdline}\n")

    @staticmethod
    def _cmdline(todo, quiet=True, extra=""):
        return GUEST.format(quiet=" quiet loglevel=0" if quiet else "", todo=todo, extra=extra)

    def costs(self, emulator):
        image = self._image("[guest costs]\nmemory = 64M\nkernel = costs.bin\n", emulator)
        return self._boot(image, f"costs of single exits, {COST_MACHINES[emulator]}",
                          [r"^costs\| costs: done", r"^bulkhead\| stats .*worst=\d+$"],
                          emulator=emulator)

    def guest(self, title, todo, quiet=True, ips=SECOND):
        """One Linux guest on one processor; `todo`: see tests/bench/init.c."""
        image = self._image(self._guest("web", self._cmdline(todo, quiet)))
        return self._boot(image, title, [r"^web\| bench done"], ips=ips)

    def guest_like_native(self):
        image = self._image(self._guest("web", self._cmdline("", extra=LIKE)))
        return self._boot(image, "a quiet boot on the same model", [r"^web\| bench done"],
                          model=LIKE_MODEL)

    def two_guests(self):
        cmdline = self._cmdline("")
        image = self._image(self._guest("web", cmdline, "256M") + self._guest("rt", cmdline, "256M"))
        return self._boot(image, "two guests", [r"^web\| bench done", r"^rt\| bench done"], cpus="2")

    def smp(self):
        """One Linux guest of several processors, idle and under load."""
        config = self._guest("web", self._cmdline("smp")) + f"cpus = {SMP}\n"
        return self._boot(self._image(config), f"a guest of {SMP} processors", [r"^web\| bench done"],
                          cpus=str(SMP), ips=SLOW)

    def scale(self, count, section, title):
        """Until all guests have started. `section`: what each has behind its name."""
        names = [f"g{number}" for number in range(1, count + 1)]
        image = self._image("".join(f"[guest {name}]\n{section}\n" for name in names), "qemu")
        return self._boot(image, title, [rf"guest {name}: start 1 at tsc \d+\n" for name in names],
                          cpus=str(SCALE_CPUS), ips=SCALE_IPS, emulator="qemu", memory=4096)

    def native(self):
        """The same kernel without a hypervisor; its command line has the TSC at the start."""
        with open(self._path("cmdline"), "w") as file:
            file.write(self._cmdline("", extra=LIKE))
        image = self._path("disk.img")
        Esp.create(image, [("EFI/BOOT/BOOTX64.EFI", os.path.join(PARTS, "native.efi")),
                           ("vmlinuz", self._path("vmlinuz")), ("initrd.gz", self._path("bench.gz")),
                           ("cmdline", file.name)])
        return self._boot(image, "the kernel without a hypervisor", [r"^bench done"],
                          model=LIKE_MODEL)

# SPDX-License-Identifier: MIT
"""Where the tests run: an emulator, the virtualization that its processors have, what it cannot do.

conftest.py sets HERE from the option --machine before it collects any test.
"""

import pathlib
import sys
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True

from emulator import EMULATORS, qemu  # noqa: E402

# What a test may need: @pytest.mark.needs("x2apic").
NEEDS = {
    "x2apic": "processors with x2APIC, where a guest's interrupts and timer cause no exit",
    "own time": "emulated time that goes by instructions, whatever the host does meanwhile",
    "strict": "processors that refuse what the manual refuses",
    "locking": "a register by which firmware locks virtualization off",
    "lasting lock": "such a lock that lasts over INIT, so that it can be set on other processors",
    "iommu": "VT-d and AMD-Vi",
}


@dataclass(frozen=True)
class Place:
    """One line of the table below.

    words     more for tools/run
    khz       frequency of the TSC; None: the host's
    pm_timer  port of the ACPI timer
    lacks     which of the needs it does not meet, and why
    lock      register and value that lock virtualization off
    hurry     words for tools/run that make idle time pass at once, where it does not anyway; not for
              a Linux that boots beside busy processors (tests/README.md)
    """

    emulator: str
    virtualization: str
    words: tuple = ()
    khz: int | None = None
    pm_timer: int = 0x608
    lacks: dict = field(default_factory=dict)
    lock: tuple | None = None
    hurry: tuple = ()

    @property
    def command(self):
        return (str(ROOT / "tools/run"), "--emulator", self.emulator, *self.words)

    @property
    def program(self):
        """The path of Bulkhead in an image as tools/run boots it."""
        supplied = EMULATORS[self.emulator].needs_acpi
        return "\\EFI\\BOOT\\" + ("BULKHEAD.EFI" if supplied else "BOOTX64.EFI")


BOCHS_IPS = 100_000_000
BOCHS = {"words": ("--ips", str(BOCHS_IPS)), "khz": BOCHS_IPS // 1000, "pm_timer": 0xB008}
NO_IOMMU = {"iommu": "Bochs has no IOMMU"}
HOST_TIME = "time in this emulator is the host's, which has other things to do as well"
QEMU_APIC = {} if qemu.version() >= qemu.X2APIC_SINCE else {
    "x2apic": "this QEMU translates processors without x2APIC"
}

PLACES = {
    place.emulator: place
    for place in (
        Place("bochs", "VT-x", **BOCHS, lacks=NO_IOMMU, lock=(0x3A, 1)),
        Place(
            "bochs-amd",
            "AMD-V",
            **BOCHS,
            lacks=NO_IOMMU | {"lasting lock": "Bochs clears VM_CR at INIT"},
            lock=(0xC0010114, 0x18),
        ),
        Place(
            "qemu",
            "AMD-V",
            hurry=("--repeatable", "--ips", "125000000"),
            lacks={
                **QEMU_APIC,
                "own time": HOST_TIME,
                "strict": "QEMU's translator lets programs do what processors refuse",
                "locking": "QEMU's translator has no VM_CR",
            },
        ),
        Place(
            "kvm",
            "the host's",
            lacks={
                "own time": HOST_TIME,
                "locking": "KVM hides the register",
            },
        ),
    )
}

HERE = PLACES["bochs"]


def choose(name):
    global HERE
    HERE = PLACES[name]

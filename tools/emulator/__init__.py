# SPDX-License-Identifier: MIT
"""Emulated machines. A new emulator is a subclass of machine.Machine and a line here."""

from .bochs import Bochs, BochsAmd
from .choice import choose
from .machine import Machine, MachineError
from .qemu import Kvm, Qemu
from .session import Session, SessionError

EMULATORS = {"bochs": Bochs, "bochs-amd": BochsAmd, "qemu": Qemu, "kvm": Kvm}

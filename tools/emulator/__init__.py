# SPDX-License-Identifier: MIT
"""Emulated machines. A new emulator is a subclass of machine.Machine and a line here."""

from .bochs import Bochs
from .machine import Machine, MachineError
from .qemu import Kvm, Qemu
from .session import Session, SessionError

EMULATORS = {"bochs": Bochs, "qemu": Qemu, "kvm": Kvm}

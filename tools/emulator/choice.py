# SPDX-License-Identifier: MIT
"""Which emulator is the best one here."""

from . import bochs, qemu


def choose():
    """Returns its name, and why it is that one, as a half-sentence."""
    if not qemu.installed():
        if bochs.built():
            return "bochs", "QEMU is not installed (tools/setup run)"
        return "qemu", "it is the usual one"
    reason = qemu.why_no_kvm()
    if reason is None:
        return "kvm", f"this host's KVM offers nested {qemu.nested()}"
    return "qemu", f"with AMD-V in software, as {reason}"

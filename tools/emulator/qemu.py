# SPDX-License-Identifier: MIT
"""QEMU: AMD-V in software (TCG), or the host's own virtualization (KVM)."""

import functools
import math
import os
import re
import shutil
import subprocess

from .machine import Machine, MachineError

PROGRAM = "qemu-system-x86_64"
CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"

# AMD-V with nested paging. MWAIT's hints fault in QEMU's translator, so nobody shall see MONITOR.
# Before X2APIC_SINCE it has no x2APIC and leaves it out.
TCG_MODEL = "EPYC,+svm,+npt,+x2apic,-monitor"
X2APIC_SINCE = (9, 0)

# All that the host can give, what only this host has (invariant TSC) too: nobody migrates it.
KVM_MODEL = "host,migratable=no"

# Time goes by instructions: each takes 2^shift nanoseconds, and idle time passes at once. The TSC
# counts nanoseconds.
REPEATABLE = ["-icount", "shift={shift},sleep=off", "-rtc", "base=2020-01-01T12:00:00,clock=vm"]
IPS = 1_000_000_000


def _topology(cpus):
    """What -smp wants to hear."""
    if ":" not in cpus:
        return cpus
    packages, cores, threads = (int(number) for number in cpus.split(":"))
    return f"{packages * cores * threads},sockets={packages},cores={cores},threads={threads}"


def installed():
    return shutil.which(PROGRAM) is not None


@functools.lru_cache(maxsize=None)
def version():
    """Such as (7, 2); (0, 0) without QEMU."""
    if not installed():
        return (0, 0)
    words = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"version (\d+)\.(\d+)", words)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def iommu_device(kind, intremap="on"):
    """For -device. Those that know x2APIC offer interrupts to such processors when told to; and AMD's
    loses all interrupts of the I/O APIC, unless without `pt`."""
    more = {("intel", "on"): ",eim=on", ("amd", "on"): ",xtsup=on,pt=off", ("amd", "off"): ",xtsup=on"}
    wide = more.get((kind, intremap), "") if version() >= X2APIC_SINCE else ""
    return f"{kind}-iommu,intremap={intremap}{wide}"


class Qemu(Machine):
    """A q35 PC that boots from a USB stick, its processors translated."""

    firmware = CODE
    model = TCG_MODEL
    iommus = ("intel", "amd")

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        if self.ips is not None and not self.repeatable:
            raise MachineError("--ips is not for QEMU, whose time is the host's; with --repeatable "
                               "it is")
        if not installed():
            raise MachineError(f"there is no {PROGRAM}: run 'tools/setup run'")

    def command(self, port):
        """The user's image is a copy already, and so is what the firmware writes to."""
        shutil.copyfile(VARIABLES, self.scratch("variables.fd"))
        command = [
            PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-vga", "std",
            "-accel", self.accelerator(), "-machine", "q35" + self.irqchip(), "-cpu", self.processor(),
            "-smp", _topology(self.cpus), "-m", f"{self.memory}M",
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={CODE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={self.scratch('variables.fd')}",
            "-drive", f"if=none,id=stick,format=raw,cache=unsafe,file={self.image}",
            *self.iommu_words(),
            "-device", "qemu-xhci", "-device", "usb-storage,drive=stick,bootindex=0",
            "-chardev", f"socket,id=serial,host=127.0.0.1,port={port},nodelay=on",
            "-serial", "chardev:serial",
        ]
        if self.debug_port:
            command += ["-chardev", f"file,id=debug,path={self.debug_port}",
                        "-device", "isa-debugcon,iobase=0xe9,chardev=debug"]
        if self.repeatable:
            shift = max(0, round(math.log2(IPS / (self.ips or IPS))))
            command += [word.format(shift=shift) for word in REPEATABLE]
        return command + self.options

    def processor(self):
        """Where instructions are the clock, the timer of an x2APIC ends QEMU 10 ('Bad icount read')."""
        if self.repeatable or "-icount" in self.options:
            return self.model.replace("+x2apic", "-x2apic")
        return self.model

    def accelerator(self):
        """QEMU 7 with an IOMMU: one thread translates for all processors. tests/README.md tells why."""
        return "tcg,thread=single" if self.iommu and version() < (8, 0) else "tcg"

    def irqchip(self):
        """Where the I/O APIC is, as -machine wants it: QEMU's own alone goes past the IOMMU."""
        return ""

    def iommu_words(self):
        """An IOMMU, which has to come before the devices."""
        return ["-device", iommu_device(self.iommu)] if self.iommu else []

    def streams(self):
        words = open(self.log, "wb")
        return {"stdin": subprocess.DEVNULL, "stdout": words, "stderr": words}

    def log_tail(self, lines=15):
        """The model's features that this QEMU does not translate are no news."""
        try:
            with open(self.log, errors="replace") as log:
                words = [line for line in log if "TCG doesn't support requested feature" not in line]
        except OSError:
            words = []
        return "".join("  " + line for line in words[-lines:]).rstrip() or "  (it said nothing)"

    def powered_off(self):
        """A reset does not end it, and a signal or an error has another status."""
        return self.process.returncode == 0


class Kvm(Qemu):
    """The same PC with the host's processors, whose KVM must offer nested virtualization."""

    model = KVM_MODEL

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        reason = why_no_kvm()
        if reason:
            raise MachineError(f"KVM cannot run Bulkhead here: {reason}")
        if self.repeatable:
            raise MachineError("a run with KVM cannot be repeated exactly: take another emulator")

    def accelerator(self):
        return "kvm"

    def irqchip(self):
        return ",kernel-irqchip=split" if self.iommu else ""


def nested():
    """What this host's KVM offers to its guests: "VT-x", "AMD-V" or None."""
    for module, name in (("kvm_intel", "VT-x"), ("kvm_amd", "AMD-V")):
        try:
            with open(f"/sys/module/{module}/parameters/nested", encoding="ascii") as file:
                if file.read().strip() in ("1", "Y"):
                    return name
        except OSError:
            continue
    return None


def why_no_kvm():
    """A reason why Bulkhead cannot run under this host's KVM; None if it can."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return "this host has no /dev/kvm"
    except OSError as error:
        return f"/dev/kvm cannot be opened ({error.strerror})"
    if nested() is None:
        return "this host's KVM does not offer nested VT-x or AMD-V (kvm_intel or kvm_amd, nested=1)"
    return None

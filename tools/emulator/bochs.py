# SPDX-License-Identifier: MIT
"""Bochs: VT-x or AMD-V in software, with exact instruction counts."""

import os
import pty
import shutil
import signal
import threading

from .machine import Machine, MachineError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CACHE = os.environ.get("BULKHEAD_CACHE") or os.path.join(ROOT, ".cache")
BUILT = os.path.join(CACHE, "bochs/bin/bochs")

FIRMWARE = "/usr/share/ovmf/OVMF.fd"

# VMX with unrestricted guest, EPT (1 GiB pages too), VPID; x2APIC and TSC deadline. Its CPUID
# names no TSC frequency, so that guests find the real one, one tick for each instruction.
INTEL_MODEL = "corei7_haswell_4770"

# SVM with nested paging and the next instruction's address, without decode assists. The model lacks
# x2APIC, which processors of its family have had since Zen 2.
AMD_MODEL = "ryzen"
AMD_ADDED = ["x2apic"]

# The TSC's frequency, too. A slow clock: waiting for the serial port costs fewer instructions.
IPS = 100_000_000

HOST_MEMORY_MAX = 2048  # MiB; what the guest has beyond that, Bochs keeps in a temporary file

POWER_OFF = "ACPI control: soft power off"

CONFIG = """\
config_interface: textconfig
display_library: {display}
log: {log}
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0
clock: sync=none, time0={time0}
memory: guest={memory}, host={host_memory}
romimage: file={firmware}, address={firmware_base:#x}
vgaromimage: file={vga_rom}
vga: extension=vbe, update_freq=1, realtime=0
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={image}, mode=flat
boot: disk
com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}
port_e9_hack: enabled={e9}
"""

# MONITOR on one processor of Bochs 3.0 wakes all others from MWAIT. Two that idle that way wake
# each other for ever, at a hundredth of the speed: OVMF parks processors so, and Linux idles so.
EXCLUDED = ["mwait"]
EXCLUDED_AMD = EXCLUDED + ["mwaitx"]

# Bochs seeds RDRAND and RDSEED with the time of day, and the kernel places itself at random by it.
REPEATABLE_TIME = 1577880000
EXCLUDED_FOR_REPEATABLE = ["rdrand", "rdseed"]


def _empty_vga_rom():
    """A PCI display needs an option ROM; this one does nothing, and UEFI ignores it."""
    rom = bytearray(512)
    rom[0:4] = bytes([0x55, 0xaa, 1, 0xcb])  # signature, length, retf
    rom[511] = -sum(rom) & 0xff
    return bytes(rom)


def built():
    """Is the build of tools/fetch-bochs there?"""
    return os.access(BUILT, os.X_OK)


class Bochs(Machine):
    """The build of tools/fetch-bochs if it is there, else the Debian package."""

    firmware = FIRMWARE
    needs_acpi = True
    model = INTEL_MODEL
    added = []
    excluded = EXCLUDED

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.ips = self.ips or IPS
        self.packaged = not built()
        self.program = shutil.which("bochs") if self.packaged else BUILT
        if self.program is None:
            raise MachineError("there is no Bochs: run 'tools/fetch-bochs'")
        if self.packaged and self.debug_port:
            raise MachineError("the packaged Bochs cannot write the debug port into a file: run "
                               "'tools/fetch-bochs' for the build that can")
        if self.packaged and self.repeatable:
            raise MachineError("the packaged Bochs cannot repeat a run exactly: run "
                               "'tools/fetch-bochs' for the build that can")

    def command(self, port):
        with open(self.scratch("vga.rom"), "wb") as rom:
            rom.write(_empty_vga_rom())
        with open(self.scratch("bochsrc"), "w") as config:
            config.write(CONFIG.format(
                display="term" if self.packaged else "nogui", log=self.log, model=self.model,
                cpus=self.cpus, ips=self.ips, memory=self.memory,
                host_memory=min(self.memory, HOST_MEMORY_MAX),
                firmware=FIRMWARE, firmware_base=(1 << 32) - os.path.getsize(FIRMWARE),
                vga_rom=self.scratch("vga.rom"), image=self.image, port=port,
                time0=REPEATABLE_TIME if self.repeatable else "utc",
                e9=int(bool(self.debug_port))))
            config.write(self._features())
        command = [self.program, "-q", "-unlock", "-f", self.scratch("bochsrc")]
        if self.packaged:  # built with the debugger, which waits for a command
            with open(self.scratch("debugger"), "w") as commands:
                commands.write("c\n")
            command += ["-rc", self.scratch("debugger")]
        return command + self.options

    def _features(self):
        if self.packaged:  # version 2.7 has no such options
            return ""
        excluded = self.excluded + (EXCLUDED_FOR_REPEATABLE if self.repeatable else [])
        return (f"cpu: exclude_features=\"{' '.join(excluded)}\"\n"
                f"cpu: add_features=\"{' '.join(self.added)}\"\n")

    def streams(self):
        if self.packaged:
            return self._terminal()
        streams = super().streams()
        streams["stderr"] = open(self.scratch("stderr"), "wb")
        if self.debug_port:
            streams["stdout"] = open(self.debug_port, "wb")
        return streams

    def _terminal(self):
        """The packaged Bochs draws its screen on a terminal: give it one and read it empty."""
        master, slave = pty.openpty()
        os.environ.setdefault("TERM", "xterm")
        os.set_blocking(master, True)

        def drain():
            try:
                while os.read(master, 65536):
                    pass
            except OSError:
                pass

        threading.Thread(target=drain, daemon=True).start()
        return {"stdin": slave, "stdout": slave, "stderr": slave}

    def in_child(self):
        """Bochs logs its speed from a SIGALRM handler, each second, and so waits for ever for the
        lock of its log when the signal comes while it writes there. Never let it come."""
        super().in_child()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])

    def _panic(self):
        """The log's lines from the panic on that ended the emulator; [] if none did."""
        try:
            with open(self.log, errors="replace") as log:
                lines = log.readlines()
        except OSError:
            return []
        starts = [number for number, line in enumerate(lines) if ">>PANIC<<" in line]
        return lines[starts[-1]:] if starts else []

    def powered_off(self):
        return any(POWER_OFF in line for line in self._panic()[:1])

    def log_tail(self, lines=15):
        """The panic and the registers of its processor. Before the log is opened, all words go to
        standard error."""
        panic = self._panic()
        if panic:
            source = "[" + panic[0].partition("[")[2].partition("]")[0] + "]"
            return "".join("  " + line for line in panic if source in line).rstrip()
        try:
            with open(self.scratch("stderr"), errors="replace") as words:
                last = [line for line in words.readlines() if "====" not in line][-lines:]
        except OSError:
            last = []
        return "".join("  " + line for line in last).rstrip() or super().log_tail(lines)

    def ticks(self):
        """The log's lines start with the count. Only a panic, power-off too, is sure to log."""
        digits = "".join(self._panic()[:1])[:11]
        return int(digits) if digits.isdigit() else None

    def stop(self):
        super().stop()
        if self.debug_port and self.process is not None:
            self._strip_banner()

    def _strip_banner(self):
        """Bochs' own banner precedes the debug port's bytes: five lines, ruled off above and below."""
        with open(self.debug_port, "rb+") as output:
            data = output.read()
            if data.startswith(b"====") and data.count(b"\n") >= 5:
                output.seek(0)
                output.truncate()
                output.write(data.split(b"\n", 5)[5])


class BochsAmd(Bochs):
    """The same with an AMD processor."""

    model = AMD_MODEL
    added = AMD_ADDED
    excluded = EXCLUDED_AMD

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        if self.packaged:
            raise MachineError("the packaged Bochs has no x2APIC with AMD-V: run "
                               "'tools/fetch-bochs' for the build that has")

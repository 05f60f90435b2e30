# SPDX-License-Identifier: MIT
"""Devices given to a guest: what they cost beside the same kernel without a hypervisor, in QEMU.

Time here is instructions, and what the processor waits for disk and network is no part of it.
tests/bench/README.md says what is compared and why.
"""

import contextlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

from emulator import EMULATORS, Session, SessionError, acpi, qemu
from esp import Esp

from .boots import CACHE, ROOT, BenchError
from .measures import Row

MIB = 1 << 20
DISK = 256  # MiB
REPETITIONS = 5
MEMORY = 1024
BOOT, STEP = 300, 120  # seconds until we give up

GIVEN = ("nvme", "8086:10d3#1", "8086:10d3#2")
CMDLINE = "console=ttyS0,115200 quiet panic=1"

# Without a hypervisor the TSC is taken for what it is, a good clock. Linux distrusts it on this model,
# and would ask the HPET instead.
NATIVE = "tsc=reliable clocksource=tsc bulkhead.name=native"

# Fields of the witness that are no exits of one kind.
NOT_KINDS = ("us", "idle", "messages", "timer", "total")
PROGRAMS = ("cpuid",)  # what programs ask when they start
LOCAL_APIC = ("apic",)  # no exits with x2APIC

RATIO = 0.95  # of the throughput without a hypervisor, at least


@dataclass(frozen=True)
class Alone:
    """The kernel without a hypervisor, by what it does with the IOMMU."""
    what: str
    words: dict  # for each IOMMU: on the command line


ALONE = (
    Alone("IOMMU not used", {"intel": "intel_iommu=off intremap=off",
                             "amd": "amd_iommu=off intremap=off"}),
    Alone("IOMMU on, mapped page by page",
          {"intel": "intel_iommu=on iommu.passthrough=0", "amd": "iommu.passthrough=0"}),
)

# An instruction is a nanosecond; a processor that waits does so in the host's time.
CLOCK = ["-icount", "shift=0,sleep=on"]

# The disk has one queue.
HARDWARE = [
    "-drive", "file={disk},if=none,id=medium,format=raw,cache=unsafe",
    "-device", "nvme,serial=one,drive=medium,max_ioqpairs=1,msix_qsize=2",
    *[word for number in (1, 2) for word in
      ("-netdev", f"hubport,id=net{number},hubid=0",
       "-device", f"e1000e,romfile=,netdev=net{number}")],
]
PEER = "10.0.2.2"  # the other end of the network


def parse(text):
    """The fields of the line that `witness run` prints."""
    match = re.search(r"^witness: run (.*)$", text, re.MULTILINE)
    if not match:
        raise BenchError(f"the witness did not say what it saw:\n{text}")
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[1])}


class Console:
    """A shell. The kernel that has it drives one disk and both ends of a network, of which one is in
    a namespace of its own: words in front of a command that is to run there are `$enter`."""

    def __init__(self, session, guest):
        self.session = session
        self.position = 0
        self.marks = 0
        self._expect(r"bulkhead-guest: init done .*\n", BOOT)
        self._expect(r"^(?:\w+\| )?/ # ")
        if guest:
            session.send(b"\x011")
            self._expect(r"bulkhead\| guest 1 \S+ as it is")
        self.shell("dmesg -n 1; modprobe -a nvme e1000e")
        self.shell("unshare -n sleep 99999 & other=$!; sleep 0.5; enter=\"nsenter -t $other -n\"")
        self.shell("ip link set eth1 netns $other")
        self.shell("ip addr add 10.0.2.1/24 dev eth0 && ip link set eth0 up")
        self.shell(f"$enter ip addr add {PEER}/24 dev eth1 && $enter ip link set eth1 up")
        self.when("test -b /dev/nvme0n1")
        self.when(f"ping -c 1 -W 1 {PEER} >/dev/null")

    def _expect(self, pattern, timeout=STEP):
        try:
            match = self.session.expect(pattern, timeout, self.position)
        except SessionError as error:
            tail = self.session.output[-1500:].decode("ascii", "replace")
            raise BenchError(f"{error}; the machine said last:\n{tail}") from None
        self.position = match.end()
        return match

    def shell(self, command):
        """Run it; returns what it printed."""
        self.marks += 1
        # The quotes keep the echo of the typed line from looking like the marks.
        self.session.send(f"echo begin''-{self.marks}; {command}; echo end''-{self.marks} $?\r".encode())
        start = self._expect(rf"^begin-{self.marks}\n").end()
        end = self._expect(rf"^end-{self.marks} (\d+)\n")
        text = self.session.output[start:end.start()].decode("ascii", "replace")
        if int(end[1]) != 0:
            raise BenchError(f"'{command}' ended with status {int(end[1])}:\n{text}")
        return text

    def when(self, condition):
        """Wait until a command succeeds."""
        self.shell(f"n=0; until {condition} || [ $n = 300 ]; do sleep 0.1; n=$((n + 1)); done; "
                   f"{condition}")


class Copy:
    """Copies so much by dd: from a device, or zeros, for what no device has a part in."""

    mib = DISK

    def __init__(self, what, source, kib, flags=""):
        self.of_device = source != "/dev/zero"
        self.what = f"{what} of {DISK} MiB, {kib:,} KiB each"
        self.load = f"dd if={source} of=/dev/null bs={kib}k count={(DISK << 10) // kib} {flags}"

    def run(self, console):
        """What the witness saw."""
        return parse(console.shell(f"witness run {self.load} 2>/dev/null"))


class Network:
    """Sends from one card to the other by TCP; one processor has both ends."""

    of_device = True

    def __init__(self, mib):
        self.mib = mib
        self.what = f"e1000e transfer of {mib} MiB to another e1000e"

    def run(self, console):
        console.shell("rm -f /tmp/done; ($enter receive /tmp/bytes; touch /tmp/done) >/dev/null 2>&1 &:")
        console.when("$enter netstat -ltn | grep -q :5000")
        seen = parse(console.shell(f"witness run send {PEER} {self.mib}"))
        console.when("test -f /tmp/done")
        count = int(console.shell("cat /tmp/bytes"))
        if count != self.mib * MIB:
            raise BenchError(f"{count:,} bytes arrived, not {self.mib * MIB:,}")
        return seen


DIRECT = "iflag=direct"  # past the kernel's cache
LOADS = (
    Copy("no device: zeros", "/dev/zero", 64),
    Copy("NVMe read", "/dev/nvme0n1", 1024, DIRECT),
    Copy("NVMe read", "/dev/nvme0n1", 64, DIRECT),
    Network(20),
)


def _files(folder):
    """The generic kernel, and an initramfs with its modules and what is run."""
    if subprocess.run([os.path.join(ROOT, "tools/fetch-drivers")]).returncode != 0:
        raise BenchError("no drivers for the guests")
    os.symlink(os.path.join(CACHE, "drivers/vmlinuz"), os.path.join(folder, "vmlinuz"))
    parts = [os.path.join(CACHE, name) for name in ("guest/initrd.gz", "drivers/modules.gz")]
    with open(os.path.join(folder, "initrd.gz"), "wb") as out:
        for part in [*parts, os.path.join(ROOT, "build/bench/devices.gz")]:
            with open(part, "rb") as file:
                out.write(file.read())


def _guest(folder):
    """The image of a config with one guest; its path."""
    config, image = os.path.join(folder, "devices.conf"), os.path.join(folder, "devices.img")
    with open(config, "w") as file:
        file.write(f"[guest one]\nmemory = 512M\nkernel = vmlinuz\ninitrd = initrd.gz\n"
                   f"cmdline = {CMDLINE} bulkhead.name=one\n"
                   + "".join(f"device = {device}\n" for device in GIVEN))
    if subprocess.run([os.path.join(ROOT, "tools/mkimage"), "--quiet", config, image]).returncode != 0:
        raise BenchError("no image to boot")
    return image


def _alone(folder, name, words):
    """The image that starts the kernel alone; its path."""
    image = os.path.join(folder, f"{name}.img")
    options = f"initrd=\\initrd.gz {CMDLINE} {NATIVE} {words}"
    with acpi.start_file("vmlinuz", options) as start:
        Esp.create(image, [(acpi.FIRST, acpi.program()), (acpi.START, start.name),
                           *[(file, os.path.join(folder, file)) for file in ("vmlinuz", "initrd.gz")]])
    return image


def _kinds(fields, interval):
    """The exits by reason, most first, a second or an interrupt."""
    rates = {kind: fields[kind] / interval for kind in fields if kind not in NOT_KINDS and fields[kind]}
    return ", ".join(f"{kind} {rate:.2f}" for kind, rate in
                     sorted(rates.items(), key=lambda item: -item[1])) or "none"


def _busy(fields):
    """Microseconds, of a thousand instructions each."""
    return fields["us"] - fields["idle"]


def _exits(runs, group, what, expected):
    """What the exits of a transfer are. But for those that are expected, none may come with an
    interrupt."""
    fields = sorted(runs, key=_busy)[len(runs) // 2]
    seconds, interrupts = fields["us"] / 1e6, max(fields["messages"], 1)
    others = sum(count for kind, count in fields.items()
                 if kind not in (*NOT_KINDS, *expected)) / interrupts
    return [
        Row(group, "interrupts of devices a second", fields["messages"] / seconds,
            f"{fields['messages'] / seconds:,.0f}",
            comparison=f"{fields['messages']:,}, and {fields['timer']:,} of the timer"),
        Row(group, "  exits a second", fields["total"] / seconds,
            f"{fields['total'] / seconds:,.0f}", comparison=_kinds(fields, seconds)),
        Row(group, "  exits an interrupt", fields["total"] / interrupts,
            f"{fields['total'] / interrupts:.2f}", comparison=_kinds(fields, interrupts)),
        Row(group, f"  of them {what}", others, f"{others:.4f}", 0),
    ]


def _instructions(load, results, group):
    """A MiB; the ratio is that of the throughputs of a processor that has nothing else to do."""
    costs = [[_busy(run) * 1000 / load.mib for run in runs] for runs in results]
    rows = []
    for number, (name, cost) in enumerate(zip(("guest", *[alone.what for alone in ALONE]), costs)):
        name = name if number == 0 else f"no hypervisor, {name}"
        rows.append(Row(group, f"instructions a MiB, {name}", median(cost),
                        f"{median(cost):,.0f} ({min(cost):,.0f}..{max(cost):,.0f})"))
        if number:
            ratio = median(cost) / median(costs[0])
            limit = RATIO if number == 1 else None
            rows.append(Row(group, "  throughput with Bulkhead : that", ratio, f"{ratio:.3f}", limit,
                            least=True))
    return rows


def _machine(folder, name, iommu, image, clock):
    """With that image, and a disk of its own."""
    disk = os.path.join(folder, f"{name}.disk")
    with open(disk, "wb") as file:
        for _ in range(DISK):
            file.write(os.urandom(MIB))
    hardware = [word.format(disk=disk) for word in HARDWARE]
    return EMULATORS["qemu"](image, "1", MEMORY, iommu=iommu, options=clock + hardware)


def _with(folder, iommu):
    images = {"guest": _guest(folder)}
    for number, alone in enumerate(ALONE):
        images[f"alone{number}"] = _alone(folder, f"alone{number}", alone.words[iommu])
    rows = []
    with contextlib.ExitStack() as stack:
        print(f"bench: three machines with {iommu}-iommu start ...", file=sys.stderr, flush=True)
        sessions = {name: Session(stack.enter_context(_machine(folder, name, iommu, image, CLOCK)))
                    for name, image in images.items()}
        consoles = [Console(session, name == "guest") for name, session in sessions.items()]
        for load in LOADS:
            print(f"bench: {load.what}, {iommu}-iommu ...", file=sys.stderr, flush=True)
            results = [[load.run(console) for _ in range(REPETITIONS)] for console in consoles]
            group = f"{load.what}, QEMU with {iommu}-iommu"
            if load.of_device:
                rows += _exits(results[0], group, "neither local APIC (no x2APIC here) nor CPUID",
                               (*LOCAL_APIC, *PROGRAMS))
            rows += _instructions(load, results, group)
    if qemu.version() >= qemu.X2APIC_SINCE:
        rows += _with_x2apic(folder, iommu, images)
    return rows


def _with_x2apic(folder, iommu, images):
    """The exits of the same guest, and how long it takes beside the kernel alone. Time is the host's
    here: QEMU cannot have both, x2APIC and instructions for a clock."""
    rows = []
    with contextlib.ExitStack() as stack:
        print(f"bench: two machines with {iommu}-iommu and x2APIC start ...", file=sys.stderr, flush=True)
        guest, alone = (Console(Session(stack.enter_context(
            _machine(folder, f"{name}-x2apic", iommu, images[name], []))), name == "guest")
            for name in ("guest", "alone0"))
        for load in LOADS:
            print(f"bench: {load.what}, {iommu}-iommu and x2APIC ...", file=sys.stderr, flush=True)
            both = [(load.run(guest), load.run(alone)) for _ in range(REPETITIONS)]
            group = f"{load.what}, QEMU with {iommu}-iommu and x2APIC"
            if load.of_device:
                rows += _exits([run for run, _ in both], group, "not CPUID", PROGRAMS)
            rows += _host_time(load, both, group)
    return rows


def _host_time(load, both, group):
    """MiB a second, of the guest and of the kernel alone, one after the other each time."""
    rates = [[load.mib * 1e6 / run["us"] for run in runs] for runs in zip(*both)]
    rows = [Row(group, f"MiB a second of the host's time, {name}", median(rate),
                f"{median(rate):,.1f} ({min(rate):,.1f}..{max(rate):,.1f})")
            for name, rate in zip(("guest", f"no hypervisor, {ALONE[0].what}"), rates)]
    ratio = median(rates[0]) / median(rates[1])
    return [*rows, Row(group, "  throughput with Bulkhead : that", ratio, f"{ratio:.3f}", RATIO,
                       least=True)]


def devices(folder):
    """Exits and throughput of a guest that uses a disk and a network, for both kinds of IOMMU."""
    folder = os.path.join(folder, "devices")
    os.mkdir(folder)
    _files(folder)
    return [row for iommu in ("intel", "amd") for row in _with(folder, iommu)]

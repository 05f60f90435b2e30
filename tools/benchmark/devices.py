# SPDX-License-Identifier: MIT
"""Devices given to guests: what they cost beside the same kernel without a hypervisor, in QEMU.

Time here is the host's, which has other things to do as well. So all machines run at once, and take
turns: those that wait for theirs are halted. tests/bench/README.md says what is compared and why.
"""

import contextlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

from emulator import EMULATORS, Session, SessionError, acpi
from esp import Esp

from .boots import CACHE, ROOT, BenchError
from .measures import Row

MIB = 1 << 20
DISK = 256  # MiB
REPETITIONS = 5
IDLE = 5  # seconds
CPUS = "3"  # two for the guests, and one that looks after the console
MEMORY = 1024
BOOT, STEP = 180, 120  # seconds until we give up
ONE, TWO = 1, 2  # guests on the console, and the ends of their network

MODULES = {ONE: "nvme e1000e", TWO: "e1000e"}
CONFIG = {"one": ("nvme", "8086:10d3#1"), "two": ("8086:10d3#2",)}
CMDLINE = "console=ttyS0,115200 quiet panic=1"

# Without a hypervisor: a third processor stays out, and the TSC is taken for what it is, a good clock.
# Linux distrusts it on this model, and would ask the HPET instead, which takes QEMU far longer.
NATIVE = "nr_cpus=2 tsc=reliable clocksource=tsc bulkhead.name=native"


# Fields of the witness that are no exits of one kind.
NOT_KINDS = ("us", "messages", "timer", "total")
NO_OTHERS = (*NOT_KINDS, "apic", "cpuid")

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

# QEMU's disk has one queue, whatever processors there are.
HARDWARE = [
    "-drive", "file={disk},if=none,id=medium,format=raw,cache=unsafe",
    "-device", "nvme,serial=one,drive=medium,max_ioqpairs=1,msix_qsize=2",
    *[word for number in (ONE, TWO) for word in
      ("-netdev", f"hubport,id=net{number},hubid=0",
       "-device", f"e1000e,romfile=,netdev=net{number}")],
]


class Console:
    """A machine with shells."""

    def __init__(self, session):
        self.session = session
        self.position = 0
        self.marks = 0
        self.selected = None

    def expect(self, pattern, timeout=STEP):
        try:
            match = self.session.expect(pattern, timeout, self.position)
        except SessionError as error:
            tail = self.session.output[-1500:].decode("ascii", "replace")
            raise BenchError(f"{error}; the machine said last:\n{tail}") from None
        self.position = match.end()
        return match

    def select(self, number):
        """Among the guests of Bulkhead."""
        if number not in (None, self.selected):
            self.session.send(f"\x01{number}".encode())
            self.expect(rf"bulkhead\| guest {number} \S+ as it is")
        self.selected = number

    def shell(self, command, number=None):
        """Run it; returns what it printed."""
        self.select(number)
        self.marks += 1
        # The quotes keep the echo of the typed line from looking like the marks.
        self.session.send(f"echo begin''-{self.marks}; {command}; echo end''-{self.marks} $?\r".encode())
        start = self.expect(rf"^begin-{self.marks}\n").end()
        end = self.expect(rf"^end-{self.marks} (\d+)\n")
        text = self.session.output[start:end.start()].decode("ascii", "replace")
        if int(end[1]) != 0:
            raise BenchError(f"'{command}' ended with status {int(end[1])}:\n{text}")
        return text

    def when(self, condition, number=None):
        """Wait until a command in the guest succeeds."""
        self.shell(f"n=0; until {condition} || [ $n = 300 ]; do sleep 0.1; n=$((n + 1)); done; "
                   f"{condition}", number)


def parse(text):
    """The fields of the line that `witness run` prints."""
    match = re.search(r"^witness: run (.*)$", text, re.MULTILINE)
    if not match:
        raise BenchError(f"the witness did not say what it saw:\n{text}")
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[1])}


class Guests:
    """Bulkhead with two guests, each with one processor and a network card; `one` has the disk, too."""

    def __init__(self, session):
        self.console = Console(session)
        start = self.console.position
        for name in CONFIG:
            self.console.position = start
            self.console.expect(rf"^{name}\| bulkhead-guest: init done .*\n", BOOT)
            self.console.expect(rf"^{name}\| / # ")
        for number, modules in MODULES.items():
            self.shell(number, f"modprobe -a {modules}")
            self.shell(number, f"ip addr add 10.0.2.{number}/24 dev eth0 && ip link set eth0 up")
        self.console.when("test -b /dev/nvme0n1", ONE)
        self.console.when(f"ping -c 1 -W 1 10.0.2.{TWO} >/dev/null", ONE)

    def shell(self, number, command):
        return self.console.shell(command, number)

    def disk_alone(self):
        """From now on the disk is read, by one processor."""

    def network_alone(self):
        """From now on one end of the network sends to the other, each on a processor of its own."""


class Native(Guests):
    """The same kernel alone. The other end of the network is a namespace on the second processor."""

    def __init__(self, session):
        self.console = console = Console(session)
        console.expect(r"^bulkhead-guest: init done .*\n", BOOT)
        console.expect(r"^/ # ")
        console.shell(f"dmesg -n 1; modprobe -a {MODULES[ONE]}")
        console.shell("unshare -n sleep 99999 & other=$!; sleep 0.5; "
                      "enter=\"taskset 2 nsenter -t $other -n\"")
        console.shell("ip link set eth1 netns $other")
        for number, enter in ((ONE, ""), (TWO, "$enter")):
            card = f"eth{number - 1}"
            console.shell(f"{enter} ip addr add 10.0.2.{number}/24 dev {card} && "
                          f"{enter} ip link set {card} up")
        console.when("test -b /dev/nvme0n1")
        console.when(f"ping -c 1 -W 1 10.0.2.{TWO} >/dev/null")

    def shell(self, number, command):
        enter = "$enter" if number == TWO else "taskset 1"
        return self.console.shell(f"{enter} sh -c '{command}'")

    def disk_alone(self):
        self.console.shell("echo 0 >/sys/devices/system/cpu/cpu1/online")

    def network_alone(self):
        self.console.shell("echo 1 >/sys/devices/system/cpu/cpu1/online")
        for number in MODULES:
            self.console.shell(
                f"for irq in $(sed -n \"s/^ *\\([0-9]*\\):.* eth{number - 1}.*/\\1/p\" /proc/interrupts); "
                f"do echo {number} >/proc/irq/$irq/smp_affinity; done")


class Copy:
    """Copies so much by one processor, by dd: from a device, or zeros, for what no device has a part in."""

    mib = DISK

    def __init__(self, what, source, kib, flags=""):
        self.of_device = source != "/dev/zero"
        self.what = f"{what} of {DISK} MiB, {kib:,} KiB each"
        self.load = f"dd if={source} of=/dev/null bs={kib}k count={(DISK << 10) // kib} {flags}"

    def prepare(self, machine):
        machine.disk_alone()

    def run(self, machine):
        """What each guest that took part saw."""
        return {"": parse(machine.shell(ONE, f"witness run {self.load} 2>/dev/null"))}


class Network:
    """Sends from one end to the other by TCP. Done when the receiver has closed its side."""

    of_device = True

    def __init__(self, mib):
        self.mib = mib
        self.what = f"e1000e transfer of {mib} MiB between two guests"

    def prepare(self, machine):
        machine.network_alone()

    def run(self, machine):
        # The receiver's console is quiet before it begins to count.
        machine.shell(TWO, "(sleep 1; witness run receive /tmp/bytes >/tmp/run; "
                           "mv /tmp/run /tmp/received) >/dev/null 2>&1 & :")
        sent = parse(machine.shell(ONE, f"sleep 2; witness run send 10.0.2.{TWO} {self.mib}"))
        machine.console.when("test -s /tmp/received", None if isinstance(machine, Native) else TWO)
        received = parse(machine.shell(TWO, "cat /tmp/received; rm /tmp/received"))
        count = int(machine.shell(TWO, "cat /tmp/bytes"))
        if count != self.mib * MIB:
            raise BenchError(f"{count:,} bytes arrived, not {self.mib * MIB:,}")
        return {"sender": sent, "receiver": received}


class Idle:
    """Each guest does nothing."""

    what = f"guests idle for {IDLE} s"

    def prepare(self, machine):
        pass

    def run(self, machine):
        return {name: parse(machine.shell(number, f"witness run sleep {IDLE}"))
                for name, number in (("one", ONE), ("two", TWO))}


DIRECT = "iflag=direct"  # past the kernel's cache
LOADS = (
    Copy("no device: zeros", "/dev/zero", 64),
    Copy("NVMe read", "/dev/nvme0n1", 1024, DIRECT),
    Copy("NVMe read", "/dev/nvme0n1", 64, DIRECT),
    Network(20),
)


def _bulkhead(folder):
    """The image of the config."""
    sections = "".join(
        f"[guest {name}]\nmemory = 256M\nkernel = vmlinuz\ninitrd = initrd.gz\n"
        f"cmdline = {CMDLINE} bulkhead.name={name}\n"
        + "".join(f"device = {device}\n" for device in devices)
        for name, devices in CONFIG.items())
    config, image = os.path.join(folder, "devices.conf"), os.path.join(folder, "devices.img")
    with open(config, "w") as file:
        file.write(sections)
    if subprocess.run([os.path.join(ROOT, "tools/mkimage"), "--quiet", config, image]).returncode != 0:
        raise BenchError("no image to boot")
    return image


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


class Field:
    """All machines with one kind of IOMMU, running."""

    def __init__(self, stack, folder, iommu):
        self.stack, self.folder, self.iommu = stack, folder, iommu
        self.guests = Guests(self._session("bulkhead", _bulkhead(folder)))
        self.machines = [self.guests]
        for number, alone in enumerate(ALONE):
            image = self._alone(f"native{number}.img", alone.words[iommu])
            self.machines.append(Native(self._session(f"native{number}", image)))

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _alone(self, name, words):
        """The image that starts the kernel alone."""
        options = f"initrd=\\initrd.gz {CMDLINE} {NATIVE} {words}"
        with acpi.start_file("vmlinuz", options) as start:
            Esp.create(self._path(name), [(acpi.FIRST, acpi.program()), (acpi.START, start.name),
                                          ("vmlinuz", self._path("vmlinuz")),
                                          ("initrd.gz", self._path("initrd.gz"))])
        return self._path(name)

    def _session(self, name, image):
        disk = self._path(f"{name}-{self.iommu}.disk")
        with open(disk, "wb") as file:
            for _ in range(DISK):
                file.write(os.urandom(MIB))
        hardware = [word.format(disk=disk) for word in HARDWARE]
        machine = EMULATORS["qemu"](image, CPUS, MEMORY, iommu=self.iommu, options=hardware)
        return Session(self.stack.enter_context(machine))

    def measure(self, load, machines, times):
        """[{who: fields} of each time] for each of the machines, which take turns."""
        print(f"bench: {load.what}, {self.iommu}-iommu ...", file=sys.stderr, flush=True)
        for machine in machines:
            load.prepare(machine)
        results = [[] for _ in machines]
        for _ in range(times):
            for machine, result in zip(machines, results):
                result.append(load.run(machine))
        return results


def _kinds(fields, interval):
    """The exits by reason, most first, a second or an interrupt."""
    rates = {kind: fields[kind] / interval for kind in fields if kind not in NOT_KINDS and fields[kind]}
    return ", ".join(f"{kind} {rate:.2f}" for kind, rate in
                     sorted(rates.items(), key=lambda item: -item[1])) or "none"


def _typical(runs, who):
    """The run whose time is the median."""
    return sorted((run[who] for run in runs), key=lambda fields: fields["us"])[len(runs) // 2]


def _idle(runs, group):
    rows = []
    for who in runs[0]:
        fields = _typical(runs, who)
        seconds = fields["us"] / 1e6
        rows.append(Row(group, f"exits a second, guest {who}", fields["total"] / seconds,
                        f"{fields['total'] / seconds:,.1f}", comparison=_kinds(fields, seconds)))
    return rows


def _exits(runs, group):
    """What the exits of a transfer are. With x2APIC those of the local APIC would not be there, and
    CPUID is what programs ask when they start; nothing else may come with an interrupt."""
    rows = []
    for who in runs[0]:
        fields = _typical(runs, who)
        seconds, name = fields["us"] / 1e6, f", {who}" if who else ""
        interrupts = max(fields["messages"], 1)
        others = sum(count for kind, count in fields.items() if kind not in NO_OTHERS) / interrupts
        rows += [
            Row(group, f"interrupts of devices a second{name}", fields["messages"] / seconds,
                f"{fields['messages'] / seconds:,.0f}",
                comparison=f"{fields['messages']:,}, and {fields['timer']:,} of the timer"),
            Row(group, "  exits a second", fields["total"] / seconds,
                f"{fields['total'] / seconds:,.0f}", comparison=_kinds(fields, seconds)),
            Row(group, "  exits an interrupt", fields["total"] / interrupts,
                f"{fields['total'] / interrupts:.2f}", comparison=_kinds(fields, interrupts)),
            Row(group, "  of them neither local APIC (no x2APIC here) nor CPUID", others,
                f"{others:.4f}", 0),
        ]
    return rows


def _throughput(load, results, group):
    who = next(iter(results[0][0]))  # who reads or sends
    rates = [[load.mib / (run[who]["us"] / 1e6) for run in runs] for runs in results]
    rows = []
    for number, (name, speeds) in enumerate(zip(("guest", *[alone.what for alone in ALONE]), rates)):
        name = name if number == 0 else f"no hypervisor, {name}"
        rows.append(Row(group, f"MiB a second, {name}", median(speeds),
                        f"{median(speeds):,.1f} ({min(speeds):,.1f}..{max(speeds):,.1f})"))
        if number:
            ratio = median(rates[0]) / median(speeds)
            limit = RATIO if number == 1 and load.of_device else None
            rows.append(Row(group, "  with Bulkhead : that", ratio, f"{ratio:.3f}", limit, least=True))
    return rows


def _with(folder, iommu):
    rows = []
    with contextlib.ExitStack() as stack:
        field = Field(stack, folder, iommu)
        (idle,) = field.measure(Idle(), field.machines[:1], 3)
        rows += _idle(idle, f"{Idle.what}, QEMU with {iommu}-iommu")
        for load in LOADS:
            results = field.measure(load, field.machines, REPETITIONS)
            group = f"{load.what}, QEMU with {iommu}-iommu"
            if load.of_device:
                rows += _exits(results[0], group)
            rows += _throughput(load, results, group)
    return rows


def devices(folder):
    """Exits and throughput of guests that use a disk and a network, for both kinds of IOMMU."""
    folder = os.path.join(folder, "devices")
    os.mkdir(folder)
    _files(folder)
    return [row for iommu in ("intel", "amd") for row in _with(folder, iommu)]

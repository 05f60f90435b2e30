# SPDX-License-Identifier: MIT
"""The figures: each function boots what it needs and returns rows of the table."""

import os
import re
import subprocess
from dataclasses import dataclass

from .boots import BUILD, COST_MACHINES, SCALE_CPUS, SECOND, SLOW, SMP, BenchError

KIB = 1024
TEXT_LIMIT = 208 * KIB  # linker.ld
SAMPLES = 101  # of each cost, tests/bench/costs.asm

COSTS = {
    "cpuid_0": "CPUID, leaf 0",
    "cpuid_1": "CPUID, leaf 1",
    "cpuid_7": "CPUID, leaf 7",
    "cpuid_d": "CPUID, leaf 0xD",
    "cpuid_none": "CPUID, a leaf that is not there",
    "rdmsr_constant": "RDMSR, a constant",
    "rdmsr_misc_enable": "RDMSR IA32_MISC_ENABLE",
    "rdmsr_x2apic_id": "RDMSR x2APIC ID",
    "wrmsr_icr": "WRMSR x2APIC ICR, IPI to a processor",
    "wrmsr_icr_self": "WRMSR x2APIC ICR, IPI to itself",
    "in_nobody": "IN, a port that nobody owns",
    "out_nobody": "OUT, a port that nobody owns",
    "in_uart_lsr": "IN, UART line status",
    "in_rtc": "IN, RTC",
    "in_port_61": "IN, port 0x61 (a step of a PIT calibration loop)",
    "in_pci": "IN, PCI configuration",
    "read_ioapic": "read of an I/O APIC register (EPT violation)",
    "xsetbv": "XSETBV",
}

# Instructions at most, by emulator. With AMD-V more of an exit is software: it is decoded from the
# VMCB, and where the processor does not save the next instruction's address, as in QEMU, the guest's
# instruction is read and decoded as well.
COST_LIMITS = {
    "cpuid_0": {"bochs": 200, "bochs-amd": 300, "qemu": 300},
    "wrmsr_icr": {"bochs": 300, "bochs-amd": 300, "qemu": 300},
    "wrmsr_icr_self": {"bochs": 300, "bochs-amd": 300, "qemu": 300},
}
COST_COMPARISON = {"cpuid_0": "KVM 1,080"}

# Which of them the statistics count as what; the UART's are mixed with the printing.
COSTS_KIND = {"cpuid": "cpuid_", "msr": ("rdmsr_constant", "rdmsr_misc"), "apic": "rdmsr_x2apic",
              "ipi": "wrmsr_icr", "io": ("in_", "out_"), "ept": "read_ioapic", "xsetbv": "xsetbv"}


@dataclass
class Row:
    """One line of the table; `limit` is the largest value that meets the target, or the least."""
    group: str
    what: str
    value: float
    text: str = ""
    limit: float | None = None
    comparison: str = ""
    machine: str = ""  # rows that differ in this alone stand in columns of one line
    least: bool = False

    def __post_init__(self):
        self.text = self.text or f"{self.value:,}"

    @property
    def met(self):
        if self.limit is None:
            return None
        return self.value >= self.limit if self.least else self.value <= self.limit


def _counters(output, at, names):
    """{kind: (count, cycles)} of an `exits` line of tests/bench/init.c, with "total"."""
    pairs = re.findall(r"(\w+)=(\d+)/(\d+)", output.find(rf"bench exits at={at} (.*)$")[1])
    return {key if key == "total" else names[int(key)]: (int(count), int(cycles))
            for key, count, cycles in pairs}


class Costs:
    """What single exits cost, and how much of that the statistics do not see."""

    def __init__(self, boots, emulator):
        self.emulator = emulator
        output = boots.costs(emulator)
        self.median = {name: int(ticks) for name, ticks in
                       re.findall(r"cost (\w+) min=\d+ median=(\d+)", output.text)}
        if self.median.get("nops_11") != 10:
            raise BenchError(f"a tick is not an instruction on {emulator}")
        line = output.find(r"stats guest=costs (.*)$")[1]
        kinds = [(name, int(count), int(cycles)) for name, count, cycles in
                 re.findall(r"(\w+)=(\d+)/(\d+)/\d+", line)]
        self.names = [name for name, _, _ in kinds]
        self.unseen = {}
        for name, count, cycles in kinds:
            if name in COSTS_KIND and count:
                self.unseen[name] = (self._measured(COSTS_KIND[name]) - cycles) / count

    def _measured(self, prefix):
        return sum(SAMPLES * ticks for name, ticks in self.median.items()
                   if name.startswith(prefix) and name != "in_uart_lsr")

    def instructions(self, counters):
        """All of the hypervisor's instructions behind such counters."""
        most = max(self.unseen.values())
        return round(sum(cycles + count * self.unseen.get(name, most)
                         for name, (count, cycles) in counters.items() if name != "total"))

    def rows(self):
        return [self._row(name, what) for name, what in COSTS.items()]

    def _row(self, name, what):
        ticks = self.median[name]
        limit = COST_LIMITS.get(name, {}).get(self.emulator)
        return Row("instructions of the hypervisor, exit to entry", what, ticks,
                   "" if ticks else "no exit", limit, COST_COMPARISON.get(name, ""),
                   COST_MACHINES[self.emulator])


def _kinds(counters):
    return ", ".join(f"{name} {count}" for name, (count, _) in counters.items()
                     if count and name != "total")


def _init_ticks(output, start):
    return output.number(r"bench init tsc=(\d+)") - start


def _start(output, guest="web"):
    return output.number(rf"guest {guest}: start 1 at tsc (\d+)")


def boot(boots, costs):
    """From the launch of a quiet kernel to its init, and to the end of its init script."""
    output = boots.guest("a quiet boot", "user")
    start = _start(output)
    ticks = _init_ticks(output, start)
    init, user = (_counters(output, at, costs.names) for at in ("init", "user"))
    spent = costs.instructions(init)
    group = "from launch to init, quiet"
    quiet = init["total"][0] - init["console"][0]
    return [
        Row(group, "exits, console port aside", quiet, "", 1500, "KVM 3,270 at best"),
        *[Row(group, f"  {name}", count) for name, (count, _) in init.items()
          if name not in ("total", "console") and count],
        Row(group, "exits of the console port", init["console"][0]),
        Row(group, "ticks", ticks),
        Row(group, "instructions of the hypervisor", spent),
        Row(group, "  share of the guest's", 100 * spent / (ticks - spent),
            f"{100 * spent / (ticks - spent):.3f} %", 0.2, "KVM 0.82 % at best"),
        Row(group, "exits until the init script is done, console port aside",
            user["total"][0] - user["console"][0], comparison=_kinds(user)),
    ] + _phases(output, start)


PHASES = [
    ("entry", "loaded", "config and files read and checked (mostly the firmware's disk driver)"),
    ("loaded", "left", "firmware left"),
    ("left", "plan", "kernel started, plan made and printed (115200 baud)"),
    ("plan", "memory", "page tables of our own"),
    ("memory", "machine", "clocks and interrupt controllers (TSC measured)"),
    ("machine", "cpus", "other processors started (here: none)"),
    ("cpus", "guests", "guests created, page tables verified"),
    ("guests", "start", "guest memory cleared and filled (512 MiB)"),
]


def _phases(output, start):
    times = dict(output.fields("times"), start=start)
    group = "ticks from EFI entry to the first guest instruction"
    rows = [Row(group, what, times[end] - times[begin]) for begin, end, what in PHASES]
    return rows + [Row(group, "in all", times["start"] - times["entry"])]


def _console(output, costs, group, limit):
    counters = _counters(output, "init", costs.names)
    lines = re.findall(r"^web\| (.+)$", output.text[:output.find("bench exits at=init").start()],
                       re.MULTILINE)
    characters = sum(len(line) + 2 for line in lines)  # each ends with CR LF
    count = counters["console"][0]
    ticks = _init_ticks(output, _start(output))
    spent = costs.instructions(counters)
    return [
        Row(group, "exits, console port aside", counters["total"][0] - count),
        Row(group, f"exits of the console port, for {characters:,} characters", count),
        Row(group, "  per character", count / characters, f"{count / characters:.2f}", limit),
        Row(group, "ticks", ticks),
        Row(group, "instructions of the hypervisor, share of the guest's",
            100 * spent / (ticks - spent), f"{100 * spent / (ticks - spent):.3f} %"),
    ]


def noisy(boots, costs):
    """With a line that takes what the kernel prints, and with one that is too slow for it."""
    rows = []
    for ips, line, limit in ((SLOW, "a line that keeps up (11,520 characters in 10^8 ticks)", 2.1),
                             (SECOND, "a line that is too slow (11,520 in 10^9 ticks)", None)):
        output = boots.guest("a noisy boot", "", quiet=False, ips=ips)
        rows += _console(output, costs, f"from launch to init, noisy, {line}", limit)
    return rows


def _kernel_clock(output):
    """Ticks on the kernel's own clock, just before init starts; microseconds in the log."""
    seconds, fraction = output.find(r"bench kernel \[ *(\d+)\.(\d{6})\] Run ").groups()
    return int(seconds + fraction) * (SECOND // 1_000_000)


def native(boots):
    """The same kernel with and without Bulkhead. Its clock starts once it knows its frequency, for
    which it asks CPUID, or, where that does not tell, watches the 8254."""
    alone = boots.native()
    guest = boots.guest_like_native()
    ticks = {"without a hypervisor": _init_ticks(alone, alone.number(r"bench_start=0*(\d+)")),
             "with Bulkhead": _init_ticks(guest, _start(guest))}
    clock = {name: _kernel_clock(output) for name, output in zip(ticks, (alone, guest))}
    group = "ticks from the kernel's entry to init, same memory map, ACPI and command line"
    rows = []
    for name, count in ticks.items():
        rows += [Row(group, name, count),
                 Row(group, "  of it before the kernel's clock starts", count - clock[name])]
    for what, (native_ticks, guest_ticks) in (("ratio", ticks.values()),
                                              ("ratio since the clock runs", clock.values())):
        ratio = guest_ticks / native_ticks
        rows.append(Row(group, f"  {what}", ratio, f"{ratio:.4f}", 1.02))
    return rows


def steady(boots):
    output = boots.guest("ten seconds idle, ten seconds busy", "idle busy", ips=SLOW)
    group = "exits in ten guest seconds"
    return [Row(group, what, output.fields(f"bench {what}")["exits"], "", 0, comparison)
            for what, comparison in (("idle", "KVM 397"), ("busy", ""))]


def smp(boots, costs):
    """Exits of all processors of a guest: nothing but IPIs may remain."""
    output = boots.smp()
    rows = []
    for how, what in (("idle", "idle"), ("load", "processes that wake each other by pipes")):
        fields = output.find(rf"bench smp {how} ticks=(\d+) messages=(\d+) (.*)$")
        seconds = int(fields[1]) / SLOW
        counters = {costs.names[int(kind)]: (int(count), int(cycles)) for kind, count, cycles in
                    re.findall(r"(\d+)=(\d+)/(\d+)", fields[3])}
        others = {name: count for name, (count, _) in counters.items() if name != "ipi"}
        others["cpuid"] -= SMP * len(counters)  # the reading itself
        ipis, cycles = counters["ipi"]
        group = f"exits of a guest with {SMP} processors, {what}"
        rows += [
            Row(group, "IPIs a second", ipis / seconds, f"{ipis / seconds:,.1f}",
                comparison=f"{int(fields[2]):,} messages in {seconds:.1f} s"),
            Row(group, "  instructions of the hypervisor for one, about",
                cycles / max(ipis, 1) + costs.unseen["ipi"],
                f"{cycles / max(ipis, 1) + costs.unseen['ipi']:.0f}"),
            Row(group, "all others together", sum(others.values()), "", 0,
                ", ".join(f"{name} {count}" for name, count in others.items() if count)),
        ]
    return rows


SCALE_COUNTS = (1, 2, 4, 8, 12)
SCALE_GUESTS = (("guests of 64 MiB, 58 KiB of image", SCALE_COUNTS,
                 "memory = 64M\nkernel = attacker.bin\ncmdline = attack=none then=hang"),
                ("guests of 128 MiB, Linux, 15 MiB of image", (1, 4, 12),
                 "memory = 128M\nkernel = vmlinuz\ninitrd = bench.gz\ncmdline = quiet"))


def scale(boots):
    """Time from EFI entry to the last launch by number of guests. Milliseconds of the emulated clock."""
    rows = []
    for what, counts, section in SCALE_GUESTS:
        group = f"ms from EFI entry to the last launch, {SCALE_CPUS} processors, QEMU, {what}"
        own = {}
        for count in counts:
            output = boots.scale(count, section, f"{count} {what}")
            times = output.fields("times")
            last = max(int(tsc) for tsc in re.findall(r"start 1 at tsc (\d+)", output.text))
            own[count] = last - times["left"]
            parts = [(times[end] - times[begin]) / 1e6 for begin, end in
                     (("entry", "left"), ("left", "memory"), ("memory", "cpus"), ("cpus", "guests"))]
            parts.append((last - times["guests"]) / 1e6)
            rows.append(Row(group, f"{count} guest{'s' * (count > 1)}", (last - times["entry"]) / 1e6,
                            f"{(last - times['entry']) / 1e6:,.0f}", comparison=
                            "firmware {:,.0f}, plan {:,.1f}, processors {:,.0f}, guests made {:,.1f}, "
                            "memory filled {:,.0f}".format(*parts)))
        few, some, many = counts[0], counts[-2], counts[-1]
        first = (own[some] - own[few]) / (some - few)
        more = (own[many] - own[some]) / (many - some)
        rows += [Row(group, f"a guest more, from {few} to {some}", first / 1e6, f"{first / 1e6:.1f}"),
                 Row(group, f"a guest more, from {some} to {many}", more / 1e6, f"{more / 1e6:.1f}",
                     round(1.1 * first / 1e6, 1))]
    return rows


def _symbols():
    result = subprocess.run(["nm", os.path.join(BUILD, "kernel.elf")], stdout=subprocess.PIPE,
                            text=True, check=True)
    return {name: int(value, 16) for value, _, name in
            (line.split() for line in result.stdout.splitlines() if len(line.split()) == 3)}


def _bytes(value):
    return f"{value:,} ({value / KIB:,.1f} KiB)"


def memory(boots):
    at = _symbols()
    sizes = {name: at[f"image_{name}_used"] - at[f"image_{name}_start"]
             for name in ("text", "rodata", "data")}
    resident = boots.two_guests().fields("resident")
    group = "bytes of the hypervisor"
    both = sizes["text"] + sizes["rodata"]
    own = sum(resident[name] for name in ("image", "host", "handed"))
    return [
        Row(group, "text", sizes["text"], _bytes(sizes["text"])),
        Row(group, "rodata", sizes["rodata"], _bytes(sizes["rodata"])),
        Row(group, "text and rodata, both vendors", both, _bytes(both), TEXT_LIMIT, "Jailhouse 86 KiB"),
        Row(group, "data", sizes["data"], _bytes(sizes["data"])),
        Row(group, "bss, stack and IDT with it", at["image_end"] - at["image_idt_start"],
            _bytes(at["image_end"] - at["image_idt_start"])),
        Row(group, "resident with two guests: image, in whole pages", resident["image"],
            _bytes(resident["image"])),
        Row(group, "  host memory: page tables, stacks, vCPUs", resident["host"],
            _bytes(resident["host"])),
        Row(group, "  handed over: config, ACPI, first page tables", resident["handed"],
            _bytes(resident["handed"])),
        Row(group, "  in all", own, _bytes(own), KIB * KIB, "Xen 13 MiB"),
        Row(group, "the guests' pristine files beside that", resident["files"],
            _bytes(resident["files"])),
    ]


def iommu(_):
    """How long the tables of a guest take that an IOMMU walks, on this machine."""
    program = os.path.join(BUILD, "host/iommu_setup")
    if not os.path.isfile(program):
        raise BenchError(f"{program} is missing: run 'make iommu-setup'")
    result = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
    found = re.findall(r"^(.*?) +(\d+) MiB, pages up to (\S+): +(\d+) tables, +([0-9.]+) us$",
                       result.stdout, re.MULTILINE)
    if not found:
        raise BenchError(f"{program} said:\n{result.stdout}")
    return [Row("microseconds for a guest's IOMMU tables, on this machine",
                f"{what}, {int(mib):,} MiB, pages up to {page}", float(us), f"{float(us):,.1f}",
                comparison=f"{tables} tables") for what, mib, page, tables, us in found]

# SPDX-License-Identifier: MIT
"""Two stock kernels have booted: what the log says, and what the guests find inside."""

import re
import time

import pytest

import place

GUESTS = {"web": (1, 128), "rt": (2, 192)}  # number on the console, MiB

# Each is run once in each guest.
QUESTIONS = {
    "processors": "nproc",
    "memory": "grep MemTotal /proc/meminfo",
    "flags": "grep -m1 flags /proc/cpuinfo",
    "clock": "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
    "date": "date +%s",
    "hardware clock": "hwclock -u 2>&1 || cat /proc/driver/rtc",
    "serial": "dmesg | grep ttyS",
    "interrupts": "cat /proc/interrupts",
    "hypervisor": "dmesg | grep -i hypervisor",
    "apic": "dmesg | grep -i apic",
    "acpi": "dmesg | grep -i acpi",
    "kernel": "uname -r",
    "pci": "ls /sys/bus/pci/devices",
    "complaints": "dmesg | grep -iE 'warn|bug|call trace|unchecked|fail|error|unable|cut here|"
    "oops|tainted|unknown|unsupported|invalid|mismatch|missing|broken|unstable|spurious|lockup|"
    "nobody cared|stall' || true",
}

# What the stock kernel says there on the emulated machine without Bulkhead, too, or what it is right
# to say of a machine like a guest's.
EXPECTED_COMPLAINTS = [
    r"DMI not present or invalid",
    r"MMIO Stale Data: Unknown: No mitigations",
    r"SRBDS: Unknown: Dependent on hypervisor status",
    r"Performance Events: unsupported p6 CPU model \d+ no PMU driver, software events only",
    r'if necessary, use "pci=nocrs" and report a bug',
    r"acpi PNP0A03:00: fail to add MMCONFIG information",
    r"iommu: DMA domain TLB invalidation policy",
    r"AMD Zen1 (FPDSS|DIV0) bug detected",
    r"Speculative Return Stack Overflow: WARNING: See ",
    r"RAS: Correctable Errors collector initialized",
]


@pytest.fixture(params=GUESTS)
def guest(request):
    return request.param


@pytest.fixture
def facts(pair, guest):
    """What the guest answers to the questions above."""
    if guest not in pair.facts:
        pair.select(GUESTS[guest][0])
        pair.facts[guest] = {
            what: pair.type_command(question) for what, question in QUESTIONS.items()
        }
        pair.select_all()
    return pair.facts[guest]


@pytest.fixture
def log(pair):
    """The console from power-on to the first guest's start."""
    text = pair.text()
    return text[: text.index(": start 1 at")]


def test_table_of_the_plan(log):
    table = re.search(r"^bulkhead\| guest +pCPUs +memory +devices\n(bulkhead\| .*\n)+", log, re.M)
    rows = [line.removeprefix("bulkhead| ") for line in table[0].splitlines()[1:]]
    web = re.fullmatch(r"web +(\d) +128 MiB at 0x[0-9a-f]+ +none", rows[0])
    rt = re.fullmatch(r"rt +(\d) +192 MiB at 0x[0-9a-f]+ +none", rows[1])
    assert {web[1], rt[1]} == {"0", "1"}
    assert re.fullmatch(r"\(hypervisor\) +\d+ KiB at 0x[0-9a-f]+", rows[2])
    assert re.fullmatch(r"left over +\d+ MiB in \d+ pieces", rows[3])


def test_guests_do_not_share_memory(log):
    found = re.findall(r"^bulkhead\| (?:web|rt) .* (\d+) MiB at (0x[0-9a-f]+)", log, re.M)
    (size_a, start_a), (size_b, start_b) = [(int(size) << 20, int(at, 16)) for size, at in found]
    assert start_a + size_a <= start_b or start_b + size_b <= start_a


def test_log_tells_the_times_of_the_phases(log):
    times = re.search(r"^bulkhead\| times (.*)$", log, re.M)[1]
    values = [int(word.split("=")[1]) for word in times.split()]
    assert values == sorted(values) and values[0] > 0


@pytest.mark.needs("own time")
def test_frequency_is_the_emulators(log):
    khz = int(re.search(r"^bulkhead\| TSC (\d+) kHz \(\w+\)", log, re.M)[1])
    assert abs(khz - place.HERE.khz) < place.HERE.khz / 1000


def test_one_processor_each(facts):
    assert facts["processors"] == "1"


def test_memory_as_configured(facts, guest):
    total = int(facts["memory"].split()[1]) >> 10
    assert GUESTS[guest][1] * 0.6 < total < GUESTS[guest][1]


def test_hypervisor_is_recognised(facts):
    assert "Hypervisor detected: KVM" in facts["hypervisor"]
    assert " hypervisor " in facts["flags"] + " "


def test_virtualization_is_hidden(facts):
    assert {"vmx", "svm"}.isdisjoint(facts["flags"].split())


def test_clock(facts):
    assert facts["clock"] in ("kvm-clock", "tsc")


def test_x2apic(facts):
    assert re.search("x2apic enabled|x2apic: enabled", facts["apic"], re.I), facts["apic"]


def test_serial_port_has_its_interrupt(facts):
    found = re.search(
        r"ttyS0 at I/O 0x3f8 \(irq = (\d+), base_baud = 115200\) is a 16550A", facts["serial"]
    )
    assert re.search(rf"^ *{found[1]}: .* IO-APIC +4-edge +ttyS0$", facts["interrupts"], re.M)
    assert "ttyS1" not in facts["serial"]


def test_wall_clock(facts):
    """The emulated clock starts right and then goes by instructions: an hour is wide."""
    assert abs(int(facts["date"]) - time.time()) < 3600
    assert re.search(r"\b20\d\d\b", facts["hardware clock"])


def test_interrupts(facts):
    counts = {}
    for line in facts["interrupts"].splitlines()[1:]:
        name, count, what = (line.split(maxsplit=2) + [""])[:3]
        counts[name] = (int(count), what)
    assert counts["LOC:"][0] > 100
    serial = next(value for value in counts.values() if "ttyS0" in value[1])
    assert serial[0] > 0 and "IO-APIC" in serial[1]
    for bad in ("NMI:", "SPU:", "ERR:", "MIS:", "MCE:", "TRM:", "THR:"):
        assert counts.get(bad, (0,))[0] == 0, bad


def test_pci_bus_is_empty_but_for_the_host(facts):
    assert facts["pci"].split() in ([], ["0000:00:00.0"])


def test_kernel_has_no_complaints(facts):
    unexpected = [
        line
        for line in facts["complaints"].splitlines()
        if not any(re.search(expected, line) for expected in EXPECTED_COMPLAINTS)
    ]
    assert unexpected == []

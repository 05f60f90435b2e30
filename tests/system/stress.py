# SPDX-License-Identifier: MIT
"""The same again, hundreds of times: `make stress`. Takes too long for `make test`, which does each of
it a few times; options say how often (tests/system/README.md)."""

import collections
import re

import pytest

import image
import place
from devices import DISKS, NETWORKS, ONE, TWO
from machine import BOOT, STEP, Machine, closed_on_failure
from test_devices import devices, reboot_in_full_use  # noqa: F401  a fixture
from test_smp import CPUS, MANY, SLOW, facts, quartet  # noqa: F401  a fixture

GOOD, BAD = 1, 2
MIB = 16  # of the witness' memory that hold a pattern
PERIOD_US = 10000


@pytest.fixture
def count(request):
    """How often: the value of an option of conftest.py."""
    return lambda name: request.config.getoption(name)


def boot_beside_witness(folder, name, *sections, cpus, words=()):
    config = image.write_config(folder, name, image.linux("good"), *sections)
    machine = Machine(config, name, cpus=cpus, arguments=words)
    with closed_on_failure(machine):
        machine.shells("good", timeout=SLOW * BOOT)
        khz = re.search(r"^bulkhead\| TSC (\d+) kHz", machine.text(), re.M)[1]
        machine.select_all()
        machine.send(f"witness watch {MIB} {PERIOD_US} {khz}\r")
        machine.expect(r"^good\| witness: watching\n")
    return machine


def end_watch(machine):
    """What the witness found. That it hears the key says that the console still works."""
    machine.send("\r")
    return facts(machine.expect(r"^good\| witness: (expected=.*)\n", 2 * STEP)[1])


def lives(machine, guest, number):
    """So many ends of a guest, one after the other. Returns {reason: count}."""
    ends = collections.Counter()
    start = int(machine.expect(rf"^bulkhead\| guest {guest}: start (\d+) at tsc \d+\n")[1])
    for _ in range(number):
        end = machine.expect(rf"^bulkhead\| guest {guest}: (\D+) after \d+ ms\n")
        ends[end[1]] += 1
        start += 1
        machine.expect(rf"^bulkhead\| guest {guest}: start {start} at tsc \d+\n")
    return ends


def reboot_in_a_row(lab, name, section, number, cpus):
    """`bad` comes back each time; half of its ends are triple faults, none waits longer for the next
    start than the first of a row, and `good` loses neither tick nor byte."""
    words = place.HERE.hurry
    machine = lab.get(
        name, lambda folder: boot_beside_witness(folder, name, section, cpus=cpus, words=words)
    )
    before = machine.position
    ends = lives(machine, "bad", number)
    found = end_watch(machine)
    print(f"{number} ends: {dict(ends)}; witness {found}")
    assert set(ends) == {"reboot", "triple fault"}
    assert abs(ends["reboot"] - ends["triple fault"]) <= 1
    text = machine.text(before)
    assert set(re.findall(r"guest bad: stopped soon .* next start in (\d+) ms", text)) == {"250"}
    records = re.findall(r"^bulkhead\| crash guest=bad (vcpu=\d reason='.*?')", text, re.M)
    assert set(records) == {"vcpu=0 reason='triple fault'"}
    assert "FAILED" not in text
    assert found["changed"] == 0
    if "own time" not in place.HERE.lacks:
        assert found["lost"] == 0 and found["woken"] == found["expected"]
        assert found["worst_us"] < 2 * PERIOD_US
    return machine


def test_reboots(lab, count):
    section = image.attacker("bad", "crash=alternate", "on-crash = restart")
    reboot_in_a_row(lab, "reboots", section, count("--reboots"), cpus=2)


def test_bring_ups_of_a_guest(lab, count):
    """The same with a second processor that each life starts anew."""
    section = image.attacker("bad", "crash=alternate", "cpus = 2\non-crash = restart")
    reboot_in_a_row(lab, "bring-ups", section, count("--bring-ups"), cpus=3)


def test_bring_ups_of_a_processor(lab, count):
    """INIT, SIPI and SIPI to a processor that listens or spins with interrupts off."""
    number = count("--bring-ups")
    section = image.attacker("bad", f"attack=processors resets={number} then=poweroff", "cpus = 2")
    machine = lab.get(
        "resets", lambda folder: boot_beside_witness(folder, "resets", section, cpus=3)
    )
    machine.position = 0
    machine.expect(r"^bulkhead\| guest bad: power-off after \d+ ms\n", SLOW * STEP)
    lines = re.findall(r"^bad\| (attack processors: .*)$", machine.text(), re.M)
    print(lines)
    # Its two other starts are those before and behind.
    assert [int(re.search(r"(\d+) lives", line)[1]) for line in lines] == [number + 2]
    assert re.search(r"^bad\| attack: 1 ok, 0 failed$", machine.text(), re.M)
    assert end_watch(machine)["changed"] == 0


HOT_PLUG = (
    "i=0; while [ $i -lt {number} ]; do cpu=$((i % {others} + 1)); "
    "echo 0 > /sys/devices/system/cpu/cpu$cpu/online && "
    "echo 1 > /sys/devices/system/cpu/cpu$cpu/online && taskset -c $cpu true || echo failed $i; "
    "i=$((i + 1)); done; echo $i times"
)


def test_offline_and_online(quartet, count):  # noqa: F811
    number = count("--hot-plugs")
    quartet.shell(MANY, "dmesg -n 1; dmesg -c > /dev/null")
    command = HOT_PLUG.format(number=number, others=CPUS - 1)
    assert quartet.shell(MANY, command, timeout=number * STEP / 10 + STEP) == f"{number} times"
    assert quartet.shell(MANY, "nproc") == str(CPUS)
    seen = quartet.shell(MANY, "dmesg | grep -c 'is now offline'; dmesg | grep -c 'smpboot: Booting'")
    print(f"offline and online: {seen.split()}")
    assert seen.split() == [str(number), str(number)]
    text = "dmesg | grep -ciE 'bug:|oops|call trace|unhandled|lockup|not responding'"
    assert quartet.shell(MANY, text, status=1) == "0"
    quartet.shell(MANY, "witness threads 10")


@pytest.mark.needs("iommu")
def test_reboots_with_devices_in_full_use(devices, count):  # noqa: F811
    reboot_in_full_use(devices, count("--device-reboots"))


@pytest.mark.needs("iommu")
@pytest.mark.parametrize("sender", [ONE, TWO])
@pytest.mark.parametrize("card", NETWORKS)
def test_transfer(devices, count, card, sender):  # noqa: F811
    sent, came = devices.transfer(card, sender, count("--transfer"))
    assert came == sent


@pytest.mark.needs("iommu")
@pytest.mark.parametrize("kind", DISKS)
def test_large_file(devices, kind):  # noqa: F811
    """Most of what the disk holds, and far more than its cache."""
    devices.clear(kind)
    assert devices.write(kind, "large", 40) == devices.read(kind, "large")

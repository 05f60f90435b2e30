# SPDX-License-Identifier: MIT
"""Interrupt storms of given devices, and processors at a device that is being reset: they hurt their
owner alone. Two guests beside them read disks, one by messages (MSI-X), one by a line (INTx)."""

import hashlib
import os
import re

import pytest

import image
from machine import BOOT, PATIENCE, Machine, closed_on_failure

pytestmark = pytest.mark.needs("iommu")

MIB = 1 << 20
READERS = {"message": 1, "line": 2}  # on the console
STORM, RESET = 3, 4
DISKS = {"message": (0x16, ""), "line": (0x11, "intx=21")}  # slots, with the lines that they have
STORMS = 5  # of one life, a second each of messages and of a line
LIFE = 120 * PATIENCE  # seconds that one may take
QUIET = 5  # seconds in which exits are counted
READ = "while :; do dd if=/dev/nvme0n1 bs=64k iflag=direct 2>/dev/null | md5sum; sleep 0.1; done"

# What an idle guest exits for where there is no x2APIC: its own timer, and what `sleep` asks.
OWN = {"us", "idle", "messages", "timer", "total", "apic", "cpuid"}


def hardware(folder):
    """The readers' disks; for the attackers slots that firmware's own devices leave free."""
    words = []
    for name, (slot, _) in DISKS.items():
        path = folder / f"storm-{name}.disk"
        path.write_bytes(os.urandom(MIB))
        words += ["-drive", f"if=none,id={name},format=raw,file={path}",
                  "-device", f"nvme,bus=pcie.0,addr={slot:#x},serial={name},drive={name}"]
    for slot, device in ((0x12, "e1000e"), (0x13, "edu"), (0x17, "e1000e")):
        words += ["-device", f"{device},bus=pcie.0,addr={slot:#x}"]
    return words


def boot(folder, iommu):
    readers = [image.linux(name, cmdline="pci=nomsi" if line else "",
                           more=f"device = 00:{slot:02x}.0 {line}")
               for name, (slot, line) in DISKS.items()]
    config = image.write_config(
        folder,
        f"storm-{iommu}",
        *readers,
        image.attacker("storm", f'"attack=device_storm rounds={STORMS} then=reboot wait=key"',
                       "device = 00:12.0 intx=22\ndevice = 00:13.0"),
        image.attacker("reset", '"crash=devicereboot wait=key"', "cpus = 2\ndevice = 00:17.0"),
    )
    machine = Machine(config, f"storm-{iommu}", cpus=6,
                      arguments=["--iommu", iommu, "--", *hardware(folder)])
    with closed_on_failure(machine):
        machine.shells(*READERS, timeout=2 * BOOT)
    return machine


@pytest.fixture(scope="module", params=["intel", "amd"])
def weather(request, files):
    machine = boot(files, request.param)
    machine.folder = files
    yield machine
    machine.close()


def live(machine, number, guest):
    """A whole life of an attacker. All guests are shown meanwhile, and nobody types."""
    machine.select(number)
    start = machine.position
    machine.send(" ")
    machine.select_all()
    machine.position = start
    machine.expect(rf"^bulkhead\| guest {guest}: reboot after \d+ ms\n", LIFE)
    machine.expect(rf"^{guest}\| attack: waiting for a key\n", LIFE)


@pytest.mark.parametrize("name, number", READERS.items())
def test_neighbours_processor_has_no_part_in_it(weather, name, number):
    """No exit but for what the neighbour does itself, while there are thousands of interrupts."""
    weather.shell(number, f"(sleep 2; witness run sleep {QUIET}) >/tmp/exits 2>&1 & counting=$!")
    live(weather, STORM, "storm")
    said = weather.shell(number, "wait $counting; cat /tmp/exits")
    line = re.search(r"^witness: run (.*)$", said, re.M)[1]
    found = {key for key, value in re.findall(r"(\w+)=(\d+)", line) if int(value) > 0}
    assert found <= OWN, line


@pytest.mark.parametrize("guest, attacker", [("storm", STORM), ("reset", RESET)])
def test_neighbours_disks_work(weather, guest, attacker):
    for number in READERS.values():
        weather.shell(number, f"({READ}) >/tmp/sums & load=$!")
    live(weather, attacker, guest)
    for name, number in READERS.items():
        weather.shell(number, "kill $load; wait $load", status=143)
        sums = weather.shell(number, "sort /tmp/sums | uniq -c").split()
        expected = hashlib.md5((weather.folder / f"storm-{name}.disk").read_bytes()).hexdigest()
        assert sums[1:] == [expected, "-"] and int(sums[0]) > 0
        complaints = "dmesg | grep -iE 'nobody cared|timeout|abort|polled|oops|call trace|unhandled'"
        assert weather.shell(number, complaints, status=1) == ""


def test_disk_has_the_interrupt_that_it_was_given(weather):
    line = weather.shell(READERS["line"], "grep nvme /proc/interrupts")
    assert re.search(r" IO-APIC +\d+-fasteoi +nvme", line), line
    assert "PCI-MSI" in weather.shell(READERS["message"], "grep nvme /proc/interrupts")


def test_storms_came(weather):
    results = re.findall(r"^(?:storm\| )?attack device_storm: (.*)$", weather.text(), re.M)
    assert len(results) >= STORMS
    for result in results:
        messages, line = re.match(r"ok 2 checks, (\d+) messages, (\d+) interrupts of", result).groups()
        assert min(int(messages), int(line)) >= 100


def test_resets_came(weather):
    """With the second processor at the device to the end, and nothing of it broke."""
    text = weather.text()
    assert re.search(r"^bulkhead\| guest reset: reboot after", text, re.M)
    assert "attack crash: survived" not in text
    assert re.findall(r"^bulkhead\| guest \w+: device .*", text, re.M) == []

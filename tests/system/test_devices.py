# SPDX-License-Identifier: MIT
"""Real devices for guests, with stock kernels and their drivers: all that a guest does with a disk or
a network card, what it sees of the machine's PCI, and what its restart leaves behind."""

import re

import pytest

import image
from devices import CONFIG, DISKS, NETWORKS, NUMBERS, ONE, TWO, WEB, Devices
from machine import BOOT, Machine

pytestmark = pytest.mark.needs("iommu")

REBOOTS = 2

RESETS = {"intel": {"FLR", "bus reset", "no reset"}, "amd": {"FLR", "power reset", "no reset"}}

# What the interrupt is called, what causes it: messages of MSI-X and, for the SATA controller, MSI.
MOVED = {
    "virtio-net-pci": ("virtio0-input", f"ping -c 100 -i 0.01 10.0.1.{TWO}"),
    "e1000e": ("eth1-rx", f"ping -c 100 -i 0.01 10.0.2.{TWO}"),
    "ahci": ("ahci", "dd if=/dev/sda of=/dev/null bs=4k count=1000 iflag=direct"),
}


@pytest.fixture(scope="module", params=["intel", "amd"])
def devices(request, files, lab):
    lab.close()
    machine = Devices(files, request.param)
    machine.kind = request.param
    yield machine
    machine.close()


@pytest.mark.parametrize("name", NUMBERS)
def test_guest_sees_what_the_plan_says(devices, name):
    """Ids and addresses of BARs, and no other function."""
    planned = devices.planned(name)
    assert len(planned) == len(CONFIG[name])
    assert devices.seen(NUMBERS[name]) == planned


def test_resets_of_all_kinds(devices):
    """So the restarts below prove each of them."""
    kinds = re.findall(r"^bulkhead\| .*, ([A-Za-z-]+(?: reset)?), group \d+$", devices.machine.text(), re.M)
    assert set(kinds) == RESETS[devices.kind]


def test_neighbour_sees_none(devices):
    assert devices.shell(WEB, "ls /sys/bus/pci/devices") == ""


@pytest.mark.parametrize("kind", DISKS)
def test_file_system(devices, kind):
    """Written and read again, and all by messages that interrupt."""
    number = DISKS[kind][0]
    before = devices.interrupts(number, kind)
    assert devices.write(kind, "file", 8) == devices.read(kind, "file")
    after = devices.interrupts(number, kind)
    assert sum(map(sum, after.values())) > sum(map(sum, before.values()))


@pytest.mark.parametrize("card", NETWORKS)
def test_network(devices, card):
    _, net = NETWORKS[card]
    said = devices.shell(ONE, f"ping -c 3 -i 0.2 10.0.{net}.{TWO}")
    assert "3 packets received, 0% packet loss" in said
    sent, came = devices.transfer(card, ONE, 4)
    assert came == sent
    sent, came = devices.transfer(card, TWO, 4)
    assert came == sent


@pytest.mark.parametrize("pattern, load", MOVED.values(), ids=MOVED)
def test_interrupts_move_to_another_processor(devices, pattern, load):
    """Under load: from then on the other one gets them, and only that."""
    for cpu, counts in devices.move(pattern, load):
        assert counts[cpu] > 5 and counts[1 - cpu] == 0, (cpu, counts)


def reboot_in_full_use(devices, times):
    """What was synced is there afterwards, whatever was under way, and the neighbour goes on."""
    sums = {kind: devices.write(kind, "kept", 2) for kind in DISKS}
    devices.watch()
    for _ in range(times):
        devices.reboot("one", "two")
        assert {kind: devices.read(kind, "kept") for kind in DISKS} == sums
    assert devices.end_watch() == 0


def test_reboot_in_full_use(devices):
    reboot_in_full_use(devices, REBOOTS)


def test_devices_work_afterwards(devices):
    for kind in DISKS:
        assert devices.write(kind, "file", 2) == devices.read(kind, "file")
    for card in NETWORKS:
        sent, came = devices.transfer(card, ONE, 1)
        assert came == sent


def test_nothing_was_blocked(devices):
    devices.machine.statistics()
    lines = re.findall(r"^bulkhead\| IOMMU: .*", devices.machine.text(), re.M)
    assert len(lines) == 1, lines


BRIDGE = ["-device", "pcie-root-port,id=above,chassis=1,slot=1,addr=5"]
BRIDGE += ["-device", "pcie-pci-bridge,id=conventional,bus=above"]
BRIDGE += [word for slot in (1, 2)
           for word in ("-device", f"ich9-ahci,bus=conventional,addr={slot}")]

# For each config the IOMMU, what else the machine has, and what is said of the config.
REFUSED = {
    "twice": (
        {"web": "8086:2922", "rt": "00:1f.2"}, "intel", [],
        "bulkhead.conf:10:10: guest rt wants 00:1f.2, but line 5 gives it to guest web already\n"
        "  hint: remove one of the two lines, or name another device in it",
    ),
    "no-such-device": (
        {"web": "10de:1234"}, "intel", [],
        "bulkhead.conf:5:10: guest web wants 10de:1234, but there is no such PCI device\n"
        "  hint: the machine has 0 of that kind, and 6 PCI functions in all",
    ),
    "shared-bridge": (
        {"web": "ahci#2", "rt": "ahci#3"}, "intel", BRIDGE,
        "bulkhead.conf:5:10: guest web wants 02:01.0, but nothing keeps it apart from 01:00.0, a "
        "bridge with registers of its own (isolation group 7)\n"
        "  hint: use another slot, or another device",
    ),
    "slot-of-the-io-apic": (
        {"web": "1234:11e8"}, "amd", ["-device", "edu,addr=0x14"],
        "bulkhead.conf:5:10: guest web wants 00:14.0, but an I/O APIC or HPET has the same source "
        "id, 00:14.0\n"
        "  hint: use another slot, or another device: the IOMMU could not tell the two apart",
    ),
}


@pytest.mark.parametrize("wanted, iommu, hardware, sentence", REFUSED.values(), ids=REFUSED)
def test_refused(files, lab, wanted, iommu, hardware, sentence):
    lab.close()
    guests = [image.attacker(name, "none", f"device = {device}") for name, device in wanted.items()]
    config = image.write_config(files, "refused-device", *guests)
    words = ["--iommu", iommu, "--", *hardware]
    with Machine(config, "refused-device", arguments=words) as machine:
        refusal = r"^(bulkhead\| bulkhead.conf:.*\n.*)\nbulkhead\| Bulkhead does not start: halted"
        said = machine.expect(refusal, BOOT)
        assert said[1].replace("bulkhead| ", "") == sentence

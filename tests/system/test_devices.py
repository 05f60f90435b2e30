# SPDX-License-Identifier: MIT
"""Real devices for guests, with stock kernels and their drivers: all that a guest does with a disk or
a network card, what it sees of the machine's PCI, and what its restart leaves behind."""

import re

import pytest

import image
from devices import AER, CONFIG, DISKS, NETWORKS, NUMBERS, ONE, SERIAL, TWO, WEB, Devices
from machine import BOOT, Machine
from test_inspect import inspect
from test_refusals import said_until_end

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


# The ids of extended capabilities that QEMU's devices have and their guests see. The network cards'
# serial numbers follow from their addresses, 52:54:00:12:34:56 and up.
EXTENDED = {"8086:10d3": [AER, SERIAL]}


@pytest.mark.parametrize("name", NUMBERS)
def test_extended_configuration_space(devices, name):
    """All 4 KiB of each function with PCI Express, by way of MCFG, and its list of capabilities. What
    is written there is lost."""
    number = NUMBERS[name]
    said = devices.shell(number, "dmesg | grep -c 'PCI: .*0xfe000000-0xfe0fffff.* reserved'")
    assert int(said) >= 1
    found = devices.extended(number)
    assert len(found) == len(CONFIG[name])
    for ids, capabilities in found:
        expected = EXTENDED.get(ids, [])
        assert capabilities is None or [capability[0] for capability in capabilities] == expected
    (serial,) = [value for ids, capabilities in found if ids == "8086:10d3"
                 for kind, value in capabilities if kind == SERIAL]
    assert serial >> 40 == 0x525400
    devices.shell(number, "cd /sys/bus/pci/devices; for d in *; do printf '\\377\\377\\377\\377' | "
                          "dd of=$d/config bs=4 seek=66 conv=notrunc 2>/dev/null; done; cd /")
    assert devices.extended(number) == found


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
        assert counts[cpu] > 0 and counts[1 - cpu] == 0, (cpu, counts)


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


E1000 = ["-device", "e1000,romfile=,bus=pcie.0,addr=5", "-device", "e1000,romfile=,bus=pcie.0,addr=9"]
PORT = ["-device", "pcie-root-port,id=above,chassis=1,slot=1,addr=5"]
BELOW = [word for slot in (1, 2)
         for word in ("-device", f"ich9-ahci,bus=conventional,addr={slot}")]
BRIDGE = [*PORT, "-device", "pcie-pci-bridge,id=conventional,bus=above", *BELOW]
PLAIN_BRIDGE = ["-device", "i82801b11-bridge,id=conventional,addr=5", *BELOW]
TWO_FUNCTIONS = ["-device", "ich9-ahci,addr=5.0,multifunction=on", "-device", "ich9-ahci,addr=5.1"]

# For each config what else the machine has, and what is said of the config.
REFUSED = {
    "twice": (
        {"web": "8086:2922", "rt": "00:1f.2"}, [],
        "bulkhead.conf:10:10: guest rt wants 00:1f.2, but line 5 gives it to guest web already\n"
        "  hint: remove one of the two lines, or name another device in it",
    ),
    "no-such-device": (
        {"web": "10de:1234"}, [],
        "bulkhead.conf:5:10: guest web wants 10de:1234, but there is no such PCI device\n"
        "  hint: the machine has 0 of that kind, and 6 PCI functions in all",
    ),
    "no-messages": (
        {"web": "00:05.0"}, E1000,
        "bulkhead.conf:5:10: guest web wants 00:05.0, but it has neither MSI nor MSI-X\n"
        "  hint: add the input of the I/O APIC to which its INTx is wired, such as intx=21; a Linux "
        "on this machine tells: /proc/interrupts, lspci -v",
    ),
    "no-such-line": (
        {"web": "00:05.0 intx=24"}, E1000,
        "bulkhead.conf:5:10: guest web wants 00:05.0 with INTx 24, but no I/O APIC of the machine has "
        "that input\n"
        "  hint: a Linux on this machine tells which it is: /proc/interrupts, lspci -v",
    ),
    "console's-line": (
        {"web": "00:05.0 intx=4"}, E1000,
        "bulkhead.conf:5:10: guest web wants 00:05.0 with INTx 4, but that is a line of ISA, with a "
        "timer, a serial port or their like\n"
        "  hint: boot Linux with its I/O APIC in use (no noapic), and take the number that it has then",
    ),
    "line-of-two": (
        {"web": "00:05.0 intx=21", "rt": "00:09.0 intx=21"}, E1000,
        "bulkhead.conf:10:10: guest rt wants 00:09.0 with INTx 21, but line 5 gives that to guest web\n"
        "  hint: devices on one line go to one guest: use another slot, or a device with MSI",
    ),
    "bridge": (
        {"web": "00:1f.0"}, [],
        "bulkhead.conf:5:10: guest web wants 00:1f.0, but it is a bridge\n"
        "  hint: name the devices behind it; bridges stay with the hypervisor",
    ),
    "port": (
        {"web": "00:05.0"}, PORT,
        "bulkhead.conf:5:10: guest web wants 00:05.0, but it is a bridge\n"
        "  hint: name the devices behind it; bridges stay with the hypervisor",
    ),
    "group-of-a-device": (
        {"web": "00:05.0", "rt": "00:05.1"}, TWO_FUNCTIONS,
        "bulkhead.conf:10:10: guest rt wants 00:05.1, but nothing keeps it apart from 00:05.0 of "
        "guest web (isolation group 3)\n"
        "  hint: they are functions of one device without access control services (ACS): give both "
        "to one guest",
    ),
    "shared-bridge": (
        {"web": "ahci#2", "rt": "ahci#3"}, PLAIN_BRIDGE,
        "bulkhead.conf:10:10: guest rt wants 01:02.0, but nothing keeps it apart from 01:01.0 of "
        "guest web (isolation group 3)\n"
        "  hint: bridge 00:05.0 above them has no access control services (ACS): give both to one "
        "guest, or use another slot",
    ),
    "bridge-with-registers": (
        {"web": "ahci#2", "rt": "ahci#3"}, BRIDGE,
        "bulkhead.conf:5:10: guest web wants 02:01.0, but nothing keeps it apart from 01:00.0, a "
        "bridge with registers of its own (isolation group 7)\n"
        "  hint: use another slot, or another device",
    ),
}


def refused(files, sections, hardware, iommu="intel"):
    """What is said, while the firmware is there to go on."""
    config = image.write_config(files, "refused-device", *sections)
    words = ["--iommu", iommu, "--", *hardware]
    with Machine(config, "refused-device", arguments=words) as machine:
        said = said_until_end(machine)
        machine.expect(r"^BdsDxe: starting Boot\d+ \"EFI Internal Shell\"", BOOT)
    return said


@pytest.mark.parametrize("wanted, hardware, sentence", REFUSED.values(), ids=REFUSED)
def test_refused(files, lab, wanted, hardware, sentence):
    lab.close()
    guests = [image.attacker(name, "none", f"device = {device}") for name, device in wanted.items()]
    assert refused(files, guests, hardware) == sentence


def test_slot_of_the_io_apic_is_refused(files, lab):
    """QEMU's AMD-Vi has the I/O APIC's interrupts under the id of a slot where a device may be."""
    lab.close()
    sections = [image.attacker("web", "none", "device = 1234:11e8")]
    assert refused(files, sections, ["-device", "edu,addr=0x14"], "amd") == (
        "bulkhead.conf:5:10: guest web wants 00:14.0, but an I/O APIC or HPET has the same source id, "
        "00:14.0\n"
        "  hint: use another slot, or another device: the IOMMU could not tell the two apart"
    )


def test_console_is_refused(files, lab, tmp_path):
    """The hypervisor's own UART, on a card; the report says at which ports firmware has put it."""
    lab.close()
    card = ["-device", "pci-serial,addr=5"]
    _, report = inspect(files, tmp_path, ["--iommu", "intel", "--", *card])
    port = re.search(r"^function at=00:05\.0 .*\n.*\nbar number=0 kind=io base=(0x\w+)",
                     report.read_text(encoding="ascii"), re.M)[1]
    sections = [f"[machine]\nconsole = {port}\n", image.attacker("web", "none", "device = serial")]
    assert refused(files, sections, card) == (
        "bulkhead.conf:7:10: guest web wants 00:05.0, but the hypervisor itself uses it (serial port, "
        "screen, timer or IOMMU)\n"
        "  hint: choose another console with console = in [machine], or another device"
    )

# SPDX-License-Identifier: MIT
"""Devices behind a bridge from a conventional bus: what they send arrives under the bridge's id, and
so do their interrupts, those of MSI and of MSI-X. (QEMU's pcie-pci-bridge has registers of its own,
which is refused: test_devices.)"""

import hashlib
import os
import re
import tempfile

import pytest

import devices
import image
from machine import BOOT, Machine, closed_on_failure

pytestmark = pytest.mark.needs("iommu")

GUEST = 1
SIZES = {"first": 5, "second": 6, "usb": 7}  # MiB
GIVEN = ("01:01.0", "01:02.0", "01:03.0")
DRIVERS = {"ahci": 2, "xhci": 1}  # how many of the interrupts' names match

HARDWARE = [
    "-device", "i82801b11-bridge,id=conventional,addr=5",
    "-device", "ich9-ahci,id=sata1,bus=conventional,addr=1",
    "-device", "ide-hd,drive=first,bus=sata1.0",
    "-device", "ich9-ahci,id=sata2,bus=conventional,addr=2",
    "-device", "ide-hd,drive=second,bus=sata2.0",
    "-device", "qemu-xhci,id=usb,bus=conventional,addr=3",
    "-device", "usb-storage,drive=usb,bus=usb.0",
]


class Bridge:
    """The running machine, and the sums of its disks."""

    def __init__(self, folder, iommu):
        self.disks = tempfile.TemporaryDirectory(prefix="bulkhead-")
        devices.fill(folder)
        words = ["--iommu", iommu, "--"]
        self.sums = set()
        for name, size in SIZES.items():
            content = os.urandom(size * devices.MIB)
            with open(f"{self.disks.name}/{name}", "wb") as file:
                file.write(content)
            self.sums.add(hashlib.md5(content).hexdigest())
            words += ["-drive", f"file={file.name},if=none,id={name},format=raw,cache=unsafe"]
        config = image.write_config(folder, "bridge", devices.guest("one", 2, GIVEN))
        self.machine = Machine(config, f"bridge-{iommu}", cpus=3, arguments=words + HARDWARE)
        with closed_on_failure(self):
            self.load_drivers()

    def close(self):
        self.machine.close()
        self.disks.cleanup()

    def shell(self, command):
        return self.machine.shell(GUEST, command)

    def load_drivers(self):
        self.machine.shells("one")
        self.shell("modprobe -a ahci xhci-pci usb-storage sd_mod")
        devices.wait_in_guest(self.machine.shell, GUEST, "test -b /dev/sdc")

    def read(self):
        """The sums of what a driver reads from each disk: past its cache, so that each piece is an
        interrupt's work."""
        return {self.shell(f"dd if=/dev/sd{disk} bs=64k iflag=direct 2>/dev/null | md5sum").split()[0]
                for disk in "abc"}

    def interrupts(self, driver):
        """{interrupt: how many} of the driver's with messages."""
        lines = self.shell("cat /proc/interrupts").splitlines()
        found = (re.match(r" *(\d+):((?: +\d+)+) .*PCI-MSI.*" + driver, line) for line in lines)
        return {match[1]: sum(map(int, match[2].split())) for match in found if match}


@pytest.fixture(scope="module", params=["intel", "amd"])
def bridge(request, files, lab):
    lab.close()
    machine = Bridge(files, request.param)
    yield machine
    machine.close()


def check(bridge):
    """All disks are read, and each controller interrupts."""
    before = {driver: bridge.interrupts(driver) for driver in DRIVERS}
    assert bridge.read() == bridge.sums
    for driver, count in DRIVERS.items():
        after = bridge.interrupts(driver)
        more = [number for number, times in after.items() if times > before[driver][number]]
        assert len(more) == count, (before, after)


def test_all_interrupt(bridge):
    check(bridge)


def test_interrupts_move_to_another_processor(bridge):
    """All to the one, then all to the other: the entry has changed, and the message has not."""
    numbers = [number for driver in DRIVERS for number in bridge.interrupts(driver)]
    for mask in (2, 1):
        for number in numbers:
            bridge.shell(f"echo {mask} >/proc/irq/{number}/smp_affinity || :")
        check(bridge)


def test_after_a_reboot(bridge):
    bridge.machine.select(GUEST)
    bridge.machine.send("reboot -f\r")
    bridge.machine.select_all()
    bridge.load_drivers()
    check(bridge)


def test_nothing_was_blocked(bridge):
    bridge.machine.statistics()
    bridge.machine.expect(r"^bulkhead\| stats iommu faults=0 unowned=0 lost=0\n")
    said = re.findall(r"^bulkhead\| (?:IOMMU|guest one: device).*", bridge.machine.text(), re.M)
    assert len(said) == 1, said


EDUS = ["-device", "i82801b11-bridge,id=conventional,addr=5"]
for slot in (1, 2):
    EDUS += ["-device", f"edu,bus=conventional,addr={slot},dma_mask=0xffffffffffffffff"]


def test_who_is_behind_the_same_bridge_is_cut_off_too(files, lab):
    """The IOMMU knows one source. (QEMU's AMD-Vi tells of no fault.)"""
    lab.close()
    given = "device = 01:01.0\ndevice = 01:02.0\n"
    attacker = image.attacker("cut", "attack=device_high,device_config rounds=4 then=hang", given)
    config = image.write_config(files, "bridge-cut", attacker)
    with Machine(config, "bridge-cut", arguments=["--iommu", "intel", "--", *EDUS]) as machine:
        machine.expect_all([
            r"^bulkhead\| guest cut: device 01:01\.0 is cut off until the guest starts anew, after 16 "
            r"faults\n",
            r"^bulkhead\| guest cut: device 01:02\.0 is cut off, too: it is behind the same bridge\n",
        ], BOOT)
        machine.expect(r"^cut\| attack device_config: ok 0 checks, 0 devices\n")
        machine.statistics()
        for at in ("01:01.0", "01:02.0"):
            machine.expect(rf"^bulkhead\| stats guest=cut device={at} .* state=removed\n")

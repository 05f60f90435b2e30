# SPDX-License-Identifier: MIT
"""A machine whose devices are given to guests, and what the guests do with them.

Two guests with Debian's generic kernel, which has drivers for all of it, `one` with two processors
and `two`; and `web` without devices. Each network has a card in either of the two.
"""

import os
import re
import subprocess
import tempfile
import time

import image
from machine import CACHE, ROOT, STEP, Machine, closed_on_failure

ONE, TWO, WEB = 1, 2, 3  # on the console
NUMBERS = {"one": ONE, "two": TWO}
MIB = 1 << 20
DISK = 64  # MiB
WATCHED, PERIOD_US = 16, 10000  # MiB of the neighbour's memory; how often it wakes up

# The interface in both guests, the third byte of addresses there.
NETWORKS = {"virtio-net-pci": ("eth0", 1), "e1000e": ("eth1", 2)}

# The block device, in which guest.
DISKS = {"nvme": (ONE, "nvme0n1"), "ahci": (ONE, "sda"), "xhci": (TWO, "sda")}

# The order is that of the networks' interfaces.
MODULES = {
    ONE: "nvme ahci sd_mod virtio_pci virtio_net e1000e",
    TWO: "xhci-pci usb-storage sd_mod virtio_pci virtio_net e1000e",
}
ENOUGH = 5  # interrupts, to tell where they go

# Names of algorithms, by which modprobe finds no module.
FILE_SYSTEM = "crc32c_generic crct10dif_generic crc64_rocksoft_generic ext4"

BUSY = (
    "(while :; do dd if=/dev/zero of=/{disk}/noise bs=64k count=320 conv=fsync; done) "
    ">/dev/null 2>&1 & "
    "(while :; do dd if=/dev/{disk} of=/dev/null bs=64k iflag=direct; done) >/dev/null 2>&1 & :"
)

CONFIG = {
    "one": ("nvme", "1af4:1041", "8086:10d3#1", "00:0a.0"),
    "two": ("1af4:1041#2", "8086:10d3#2", "class:0c0330#2"),  # the first has the stick
}


def drive(name, folder):
    """A disk with a file system. Returns QEMU's options for its medium."""
    path = f"{folder}/{name}.disk"
    with open(path, "wb") as file:
        file.truncate(DISK * MIB)
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-t", "ext4", path], check=True)
    return ["-drive", f"file={path},if=none,id={name}-disk,format=raw,cache=unsafe"]


# Ids of extended capabilities.
AER, SERIAL = 1, 3


class Slots:
    """Where the next device goes: on the root bus, or behind a port of its own, where a reset of
    the bus resets it, too. QEMU's AMD-Vi takes all that is behind a port for devices of bus 0."""

    def __init__(self, ports):
        self.ports = ports
        self.next = 4

    def options(self, device, port=True):
        slot = self.next
        self.next += 1
        if not (port and self.ports):
            return ["-device", f"{device},bus=pcie.0,addr={slot:#x}"]
        name = f"port{slot}"
        return ["-device", f"pcie-root-port,id={name},chassis={slot},slot={slot},addr={slot:#x}",
                "-device", f"{device},bus={name}"]


def hardware(folder, ports):
    """QEMU's options for the devices."""
    slots = Slots(ports)
    words = [*drive("nvme", folder), *drive("ahci", folder), *drive("xhci", folder)]
    words += slots.options("nvme,serial=one,drive=nvme-disk")
    cards = {"virtio-net-pci": "virtio-net-pci,iommu_platform=on,disable-legacy=on",
             "e1000e": "e1000e"}
    for hub, card in enumerate(cards.values()):
        for side in (1, 2):
            name = f"net{hub}{side}"
            words += ["-netdev", f"hubport,id={name},hubid={hub}"]
            words += slots.options(f"{card},romfile=,netdev={name}")
    assert slots.next == 9
    slots.next = 0xA
    words += slots.options("ich9-ahci,id=sata", port=False)
    words += ["-device", "ide-hd,drive=ahci-disk,bus=sata.0"]
    words += slots.options("qemu-xhci,id=usb", port=False)
    return words + ["-device", "usb-storage,drive=xhci-disk,bus=usb.0"]


def guest(name, cpus, given):
    """A guest with the generic kernel. given: what its lines `device =` say."""
    lines = "".join(f"device = {device}\n" for device in given)
    section = image.linux(name, "256M", "panic=1", f"cpus = {cpus}\n{lines}")
    return section.replace("vmlinuz", "vmlinuz-generic").replace("initrd.gz", "drivers.gz")


def fill(folder):
    """The generic kernel and an initramfs with its modules, for configs in the folder."""
    subprocess.run([ROOT / "tools/fetch-drivers"], check=True)
    if not (folder / "vmlinuz-generic").exists():
        os.symlink(CACHE / "drivers/vmlinuz", folder / "vmlinuz-generic")
    modules = (CACHE / "drivers/modules.gz").read_bytes()
    (folder / "drivers.gz").write_bytes((folder / "initrd.gz").read_bytes() + modules)


def wait_in_guest(shell, number, condition, tenths=300):
    shell(number, f"n=0; until {condition} || [ $n = {tenths} ]; do sleep 0.1; n=$((n + 1)); done; "
                  f"{condition}")


def transfer(shell, net, sender, mib):
    """Send from one guest to the other. Returns the sums of what was sent and what came."""
    receiver = ONE + TWO - sender
    stream = f"for i in $(seq {mib}); do cat /tmp/piece; done"
    shell(receiver, "rm -f /tmp/sum; sleep 999 | nc -l -p 5000 | md5sum >/tmp/sum & :")
    shell(sender, "dd if=/dev/urandom of=/tmp/piece bs=1M count=1 2>/dev/null")
    sent = shell(sender, f"({stream}) | md5sum")
    shell(sender, f"({stream}) | nc 10.0.{net}.{receiver} 5000", 3 * STEP)
    wait_in_guest(shell, receiver, "test -s /tmp/sum")
    return sent, shell(receiver, "cat /tmp/sum")


class Devices:
    """The running machine."""

    def __init__(self, folder, iommu):
        self.disks = tempfile.TemporaryDirectory(prefix="bulkhead-")
        fill(folder)
        sections = [guest("one", 2, CONFIG["one"]), guest("two", 1, CONFIG["two"]),
                    image.linux("web", "128M", "panic=1")]
        config = image.write_config(folder, "devices", *sections)
        words = ["--iommu", iommu, "--", *hardware(self.disks.name, ports=iommu == "intel")]
        # The fifth processor is nobody's: it looks after the console, whose lines cost no guest time.
        self.machine = Machine(config, f"devices-{iommu}", cpus=5, memory=1280, arguments=words)
        with closed_on_failure(self):
            self.machine.shells("one", "two", "web")
            self.shell = self.machine.shell
            for number in NUMBERS.values():
                self.load_drivers(number)

    def close(self):
        self.machine.close()
        self.disks.cleanup()

    def load_drivers(self, number):
        self.shell(number, f"modprobe -a {FILE_SYSTEM} {MODULES[number]}")
        for owner, disk in DISKS.values():
            if owner == number:
                wait_in_guest(self.shell, number, f"test -b /dev/{disk}")
        for interface, net in NETWORKS.values():
            self.shell(number, f"ip addr add 10.0.{net}.{number}/24 dev {interface} && "
                               f"ip link set {interface} up")

    def planned(self, name):
        """What the plan in the log says of a guest's devices: [(ids, {BAR: GPA})]."""
        found = []
        for line in self.machine.text().splitlines():
            if match := re.match(r"bulkhead\| (\S+) +\S+ ([0-9a-f]{4}:[0-9a-f]{4}) ", line):
                bars = {}
                if match[1] == name:
                    found.append((match[2], bars))
            elif match := re.match(r"bulkhead\|  +BAR (\d): .* at (0x\S+?)(, for the guest at "
                                   r"(0x\S+?))?(,.*)?$", line):
                bars[int(match[1])] = int(match[4] or match[2], 16)
        return found

    def seen(self, number):
        """The same, as the guest sees it."""
        found = []
        said = self.shell(
            number, "cd /sys/bus/pci/devices; for d in *; do echo $d $(cat $d/vendor $d/device) "
                    "$(head -n 6 $d/resource | cut -d ' ' -f 1); done; cd /")
        for index, line in enumerate(said.splitlines()):
            address, vendor, device, *starts = line.split()
            assert address == f"0000:00:{index + 1:02x}.0"
            bars = {bar: int(start, 16) for bar, start in enumerate(starts) if int(start, 16)}
            found.append((f"{vendor[2:]}:{device[2:]}", bars))
        return found

    def extended(self, number):
        """Of each function what the guest finds in its extended configuration space: [(ids, [(id of
        the capability, its second and third doubleword as one number)])]; None instead of the list
        where the guest has no such space."""
        said = self.shell(
            number, "cd /sys/bus/pci/devices; for d in *; do echo $(cat $d/vendor $d/device) "
                    "$(hexdump -v -e '1/4 \"%x \"' $d/config); done; cd /")
        found = []
        for line in said.splitlines():
            vendor, device, *dwords = line.split()
            space = [int(dword, 16) for dword in dwords]
            assert len(space) in (64, 1024), line
            whole = len(space) == 1024
            found.append((f"{vendor[2:]}:{device[2:]}", self.capabilities(space) if whole else None))
        return found

    @staticmethod
    def capabilities(space):
        found, at = [], 0x100
        while at and space[at // 4]:
            header, low, high = space[at // 4:at // 4 + 3]
            found.append((header & 0xffff, high << 32 | low))
            at = header >> 20
        return found

    def interrupts(self, number, pattern):
        """{interrupt: [count on each processor]} of those whose name matches."""
        found = {}
        for line in self.shell(number, "cat /proc/interrupts").splitlines():
            match = re.match(r" *(\d+):((?: +\d+)+) .*PCI-MSI", line)
            if match and re.search(pattern, line):
                found[int(match[1])] = [int(count) for count in match[2].split()]
        return found

    def interrupts_from(self, pattern, interrupt, cpu, count):
        """The counts, as soon as the processor's is above that."""
        end = time.monotonic() + STEP
        while (counts := self.interrupts(ONE, pattern)[interrupt])[cpu] <= count:
            assert time.monotonic() < end, (interrupt, cpu, count, counts)
        return counts

    def move(self, pattern, load):
        """Send the interrupt whose name matches to the one processor and the other, while a command
        in the background causes it. Returns for each turn (processor, how many each got then)."""
        self.shell(ONE, f"(while :; do {load}; done) >/dev/null 2>&1 & load=$!")
        (interrupt,) = self.interrupts(ONE, pattern)
        turns = []
        for cpu in (1, 0, 1):
            start = self.interrupts(ONE, pattern)[interrupt][cpu]
            self.shell(ONE, f"echo {1 << cpu} >/proc/irq/{interrupt}/smp_affinity")
            before = self.interrupts_from(pattern, interrupt, cpu, start)
            after = self.interrupts_from(pattern, interrupt, cpu, before[cpu] + ENOUGH)
            turns.append((cpu, [late - early for early, late in zip(before, after)]))
        self.shell(ONE, "kill $load")
        return turns

    def write(self, kind, name, mib):
        """Write a file to a disk. Returns its checksum."""
        return self.on_disk(
            kind, f"dd if=/dev/urandom of=/disk/{name} bs=1M count={mib} 2>/dev/null && "
                  f"md5sum </disk/{name} && sync")

    def read(self, kind, name):
        """The checksum of what is on the disk now: mounting it anew leaves nothing in memory."""
        return self.on_disk(kind, f"md5sum </disk/{name}")

    def clear(self, kind):
        """Remove what keep_busy() left, a third of the disk."""
        self.on_disk(kind, "rm -f /disk/noise && echo gone")

    def on_disk(self, kind, command):
        number, disk = DISKS[kind]
        return self.shell(
            number, f"mkdir -p /disk && mount -t ext4 /dev/{disk} /disk && {command} && umount /disk"
        ).split()[0]

    def transfer(self, card, sender, mib):
        return transfer(self.shell, NETWORKS[card][1], sender, mib)

    def watch(self):
        """The neighbour guards a pattern in its memory until end_watch()."""
        khz = re.search(r"^bulkhead\| TSC (\d+) kHz", self.machine.text(), re.M)[1]
        self.machine.select(WEB)
        self.machine.send(f"witness watch {WATCHED} {PERIOD_US} {khz}\r")
        self.machine.expect(r"^witness: watching\n")

    def end_watch(self):
        """How many of its bytes have changed. That it hears the key says that it still runs."""
        self.machine.select(WEB)
        self.machine.send("\r")
        return int(self.machine.expect(r"^witness: expected=.* changed=(\d+)")[1])

    def keep_busy(self, number):
        """Use the guest's disks as much as they can be, from now on: writes that are synced to a file
        system, reads past it."""
        for owner, disk in DISKS.values():
            if owner == number:
                self.shell(number, f"mkdir -p /{disk}; mount -t ext4 /dev/{disk} /{disk}")
                self.shell(number, BUSY.format(disk=disk))

    def reboot(self, *names):
        """Reboot guests in the middle of that, all at once; they come back."""
        for name in names:
            self.keep_busy(NUMBERS[name])
        for name in names:
            self.machine.select(NUMBERS[name])
            self.machine.send("sleep 1; reboot -f\r")
        self.machine.select_all()
        self.machine.shells(*names)
        for name in names:
            self.load_drivers(NUMBERS[name])

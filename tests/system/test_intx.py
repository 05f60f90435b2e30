# SPDX-License-Identifier: MIT
"""INTx: cards that know no messages, with stock drivers, given to guests by the line that the config
names; two on one line in each of the guests."""

import re
import tempfile

import pytest

import devices
import image
from devices import ONE, TWO, WEB
from machine import BOOT, CACHE, Machine, closed_on_failure

pytestmark = pytest.mark.needs("iommu")

REBOOTS = 3

INTERRUPT_DISABLE, INTERRUPT_STATUS = 4, 8  # of the command register's upper byte, of the status

# The GSIs that Linux finds without Bulkhead: test_lines_of_the_machine().
SLOTS = {5: 21, 6: 22, 9: 21, 10: 22}
CARDS = {"one": (5, 9), "two": (6, 10)}
FIRST = "/sys/bus/pci/devices/0000:00:01.0"
INTERFACES = {"eth0": 1, "eth1": 2}  # in both guests, with the third byte of addresses there


def hardware():
    """Two networks, one for each pair of neighbouring slots."""
    words = []
    for hub, slots in enumerate(((5, 6), (9, 10))):
        for slot in slots:
            words += ["-netdev", f"hubport,id=net{slot},hubid={hub}",
                      "-device", f"e1000,romfile=,netdev=net{slot},bus=pcie.0,addr={slot:#x}"]
    return words


def guest(name, cpus):
    given = [f"00:{slot:02x}.0 intx={SLOTS[slot]}" for slot in CARDS[name]]
    return devices.guest(name, cpus, given)


class Cards:
    """The running machine."""

    def __init__(self, folder, iommu):
        devices.fill(folder)
        sections = [guest("one", 2), guest("two", 1), image.linux("web", "128M", "panic=1")]
        config = image.write_config(folder, "intx", *sections)
        words = ["--iommu", iommu, "--", *hardware()]
        self.kind = iommu
        self.machine = Machine(config, f"intx-{iommu}", cpus=5, memory=1280, arguments=words)
        with closed_on_failure(self.machine):
            self.machine.shells("one", "two", "web")
            self.shell = self.machine.shell
            for number in (ONE, TWO):
                self.start_network(number)

    def start_network(self, number):
        self.shell(number, "modprobe e1000")
        for interface, net in INTERFACES.items():
            self.shell(number, f"ip addr add 10.0.{net}.{number}/24 dev {interface} && "
                               f"ip link set {interface} up")

    def ping(self, net, count=5, interval=0.2):
        peer = f"10.0.{net}.{TWO}"
        self.shell(ONE, f"n=0; until ping -c 1 -W 1 {peer} >/dev/null || [ $n = 30 ]; do "
                        "n=$((n + 1)); done")
        return self.shell(ONE, f"ping -c {count} -i {interval} {peer}")

    def transfer(self, net, sender, mib):
        return devices.transfer(self.shell, net, sender, mib)

    def interrupts(self, number):
        """Of the cards' line in /proc/interrupts: (Linux's number, counts, the rest)."""
        (line,) = self.shell(number, "grep eth /proc/interrupts").splitlines()
        match = re.match(r" *(\d+):((?: +\d+)+) +(.*)$", line)
        return int(match[1]), [int(count) for count in match[2].split()], match[3]

    def registers(self, number, at, count):
        """Bytes of the first card's configuration space."""
        return [int(byte) for byte in self.shell(
            number, f"hexdump -s {at} -n {count} -e '1/1 \"%d \"' {FIRST}/config; echo").split()]

    def command(self, number, low, high):
        """Write the first card's command register."""
        self.shell(number, f"printf '\\x{low:02x}\\x{high:02x}' | dd of={FIRST}/config bs=2 seek=2 "
                           "conv=notrunc 2>/dev/null")


@pytest.fixture(scope="module", params=["intel", "amd"])
def cards(request, files, lab):
    lab.close()
    machine = Cards(files, request.param)
    yield machine
    machine.machine.close()


def test_lines_of_the_machine(files, lab):
    """What the README tells to do: the kernel alone, with its I/O APIC, says where the pins go."""
    lab.close()
    devices.fill(files)
    words = ["--kernel", files / "vmlinuz-generic", "--initrd", files / "drivers.gz",
             "--", *hardware()]
    with Machine("--native", "intx-native", arguments=words) as machine:
        machine.expect(r"init done name=native ", BOOT)
        machine.expect(r"/ # ")
        machine.type_command("modprobe e1000")
        for slot, gsi in SLOTS.items():
            assert machine.type_command(f"cat /sys/bus/pci/devices/0000:00:{slot:02x}.0/irq") == str(gsi)


def test_plan_says_so(cards):
    for gsi in set(SLOTS.values()):
        said = re.findall(rf"^bulkhead\|  +INTx {gsi}$", cards.machine.text(), re.M)
        assert len(said) == 2


@pytest.mark.parametrize("number, gsi", [(ONE, 21), (TWO, 22)])
def test_guest_sees_its_line(cards, number, gsi):
    """Both cards are on it, level-triggered, and their registers say so."""
    _, _, words = cards.interrupts(number)
    assert re.fullmatch(rf"IO-APIC +{gsi}-fasteoi +eth0, eth1", words), words
    assert cards.registers(number, 0x3c, 2) == [gsi, 1]


@pytest.mark.parametrize("net", INTERFACES.values())
def test_network(cards, net):
    assert "5 packets received, 0% packet loss" in cards.ping(net)
    for sender in (ONE, TWO):
        sent, came = cards.transfer(net, sender, 4)
        assert came == sent


def test_level_triggered(cards):
    """So the processor saw it, or Linux would have ended it by the I/O APIC's EOI register and have
    counted that."""
    if cards.kind == "amd":
        pytest.skip("QEMU's AMD-Vi makes edges of level-triggered interrupts")
    assert cards.shell(ONE, "grep MIS: /proc/interrupts").split() == ["MIS:", "0"]


def test_interrupt_moves_to_another_processor(cards):
    """Under load: from then on the other one gets it, and only that."""
    cards.shell(ONE, f"(while :; do ping -c 100 -i 0.01 10.0.1.{TWO}; done) >/dev/null 2>&1 & load=$!")
    interrupt, _, _ = cards.interrupts(ONE)
    for cpu in (1, 0, 1, 0):
        cards.shell(ONE, f"echo {1 << cpu} >/proc/irq/{interrupt}/smp_affinity; sleep 0.3")
        before = cards.interrupts(ONE)[1]
        cards.shell(ONE, "sleep 0.7")
        counts = [late - early for early, late in zip(before, cards.interrupts(ONE)[1])]
        assert counts[cpu] > 5 and counts[1 - cpu] == 0, (cpu, counts)
    cards.shell(ONE, "kill $load")


def test_interrupt_status_and_disable(cards):
    """What is disabled in the command register does not come, but can be seen, and comes later. The
    other card is off meanwhile: its driver interrupts every two seconds, and asks both cards then."""
    cards.shell(ONE, "ip link set eth1 down")
    low, high = cards.registers(ONE, 4, 2)
    assert not high & INTERRUPT_DISABLE
    cards.command(ONE, low, high | INTERRUPT_DISABLE)
    _, before, _ = cards.interrupts(ONE)
    cards.shell(ONE, f"ping -c 2 -W 1 10.0.1.{TWO} >/dev/null", status=1)
    assert cards.interrupts(ONE)[1] == before
    assert cards.registers(ONE, 4, 4)[1:3] == [high | INTERRUPT_DISABLE, INTERRUPT_STATUS]
    cards.command(ONE, low, high)
    assert "5 packets received, 0% packet loss" in cards.ping(1)
    assert sum(cards.interrupts(ONE)[1]) > sum(before)
    cards.shell(ONE, "ip link set eth1 up")


def test_reboot_in_use(cards):
    """In the middle of a flood; the line works in the next life, and the other guests' lines go on."""
    for _ in range(REBOOTS):
        cards.shell(TWO, f"(while :; do ping -c 100 -i 0.01 10.0.1.{ONE}; done) >/dev/null 2>&1 &:")
        cards.machine.select(ONE)
        cards.machine.send(f"ping -i 0.01 10.0.2.{TWO} >/dev/null & sleep 1; reboot -f\r")
        cards.machine.select_all()
        cards.machine.shells("one")
        cards.start_network(ONE)
        for net in INTERFACES.values():
            assert "5 packets received, 0% packet loss" in cards.ping(net)


def test_nothing_was_blocked(cards):
    cards.machine.statistics()
    lines = re.findall(r"^bulkhead\| IOMMU: .*", cards.machine.text(), re.M)
    assert len(lines) == 1, lines

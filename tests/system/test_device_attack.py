# SPDX-License-Identifier: MIT
"""Guests that attack with devices of their own, beside one that guards memory and counts ticks: DMA,
forged interrupts and configuration space. tests/guests/README.md says what they try."""

import hashlib
import os
import re

import pytest

import image
from machine import BOOT, Machine, closed_on_failure

pytestmark = pytest.mark.needs("iommu")

WITNESS = 1
MIB = 24  # of the witness' memory that hold a pattern
PERIOD_US = 10000  # as slow as time in QEMU needs it
DISK = 1 << 20
READ = "while :; do dd if=/dev/nvme0n1 bs=64k iflag=direct 2>/dev/null | md5sum; sleep 0.2; done"
LIVES = 2
LIFE = 60  # seconds that one may take

ATTACKS = ("device_paced", "device_dma", "device_rings", "device_messages", "device_high",
           "device_msi", "device_msix", "device_bars", "device_command", "device_config",
           "device_late")
PACED = 10  # blocked accesses of device_paced ...
HIGH = 18  # ... and of device_high, each alone in its time
FAULTS_MOST = 16

# Messages that a device writes by DMA: QEMU's VT-d lets those of the compatibility format pass whatever
# GCMD.CFI says; its AMD-Vi takes all of them for the I/O APIC's, with any index, so that there they would
# attack the emulator alone.
MESSAGES = {"intel": "messages=remappable", "amd": ""}


def attacks(iommu):
    return [name for name in ATTACKS if iommu == "intel" or name != "device_messages"]


# Slots that firmware's own devices leave free; 64 bits of addresses for the edu devices.
DEVICES = ["-device", "e1000e,bus=pcie.0,addr=0x12"]
for slot in (0x11, 0x13, 0x15):
    DEVICES += ["-device", f"edu,bus=pcie.0,addr={slot:#x},dma_mask=0xffffffffffffffff"]


def devices(*names):
    return "".join(f"device = {name}\n" for name in names)


def disk(folder):
    """The neighbour's, full of what nobody else has; QEMU's options for it."""
    path = folder / "device-attack.disk"
    path.write_bytes(os.urandom(DISK))
    return ["-drive", f"if=none,id=disk,format=raw,file={path}",
            "-device", "nvme,bus=pcie.0,addr=0x16,serial=one,drive=disk"]


def boot(folder, iommu):
    attack = f"attack={','.join(attacks(iommu))} {MESSAGES[iommu]} then=reboot"
    config = image.write_config(
        folder,
        f"device-attack-{iommu}",
        image.linux("good", more=devices("nvme")),
        image.attacker("bad", f'"{attack}"', "on-device-fault = ignore\n" +
                       devices("1234:11e8", "8086:10d3")),
        image.attacker("cut", "attack=device_high,device_config rounds=4 then=hang",
                       devices("1234:11e8#2")),
        image.attacker("ended", "attack=device_high rounds=4 then=hang",
                       "on-device-fault = stop\n" + devices("1234:11e8#3")),
    )
    machine = Machine(config, f"device-attack-{iommu}", cpus=5,
                      arguments=["--iommu", iommu, "--", *DEVICES, *disk(folder)])
    with closed_on_failure(machine):
        machine.shells("good", timeout=2 * BOOT)
    return machine


@pytest.fixture(scope="module", params=MESSAGES)
def siege(request, files):
    machine = boot(files, request.param)
    machine.kind, machine.folder = request.param, files
    yield machine
    machine.close()


@pytest.fixture
def told(siege):
    """The same, where the IOMMU tells of what it blocks."""
    if siege.kind == "amd":
        pytest.skip("QEMU 7.2's AMD-Vi tells of no fault")
    return siege


def lives(machine):
    """What `bad` and the log say of each whole life of it."""
    parts = machine.text().split("bad| attack: start")[1:]
    return [part for part in parts if "bulkhead| guest bad: reboot after" in part]


def device_faults(text, guest):
    """From the statistics: address of each device to its fields."""
    found = re.findall(rf"^bulkhead\| stats guest={guest} device=(\S+) (.*)$", text, re.M)
    return {at: dict(word.split("=") for word in fields.split()) for at, fields in found}


def test_neighbour_loses_no_byte(siege):
    khz = re.search(r"^bulkhead\| TSC (\d+) kHz", siege.text(), re.M)[1]
    siege.shell(WITNESS, f"({READ}) >/tmp/sums & :")
    siege.select_all()
    siege.send(f"witness watch {MIB} {PERIOD_US} {khz}\r")
    siege.expect(r"^good\| witness: watching\n")
    for _ in range(LIVES):
        siege.expect(r"^bulkhead\| guest bad: reboot after \d+ ms\n", LIFE)
    siege.send("\r")
    line = siege.expect(r"^good\| witness: (expected=.*)\n")[1]
    found = {key: int(value) for key, value in (word.split("=") for word in line.split())}
    assert found["changed"] == 0
    # The attacker keeps QEMU busy for up to 100 ms at a time, in which nobody has a tick.
    assert found["woken"] > found["expected"] / 4 > 100


def test_neighbours_disk_works(siege):
    """It was read again and again meanwhile, with an interrupt each time."""
    complaints = "dmesg | grep -i nvme | grep -iE 'timeout|reset|abort|error|polled'"
    assert siege.shell(WITNESS, complaints, status=1) == ""
    expected = hashlib.md5((siege.folder / "device-attack.disk").read_bytes()).hexdigest()
    sums = siege.type_command("sort /tmp/sums | uniq -c").split()
    assert sums[1:] == [expected, "-"] and int(sums[0]) >= 5


def test_attacks_fail(siege):
    assert len(lives(siege)) >= LIVES
    for life in lives(siege):
        assert re.findall(r"^bad\| attack \w+: (?:FAILED|note).*$", life, re.M) == []
        assert f"bad| attack: {len(attacks(siege.kind))} ok, 0 failed" in life
        assert "bad| attack device_config: ok 2 checks, 2 devices" in life


def test_each_blocked_access_is_counted(told):
    # Of the last life: in the first one the other attackers' devices compete for the unit's record.
    found = device_faults(lives(told)[-1], "bad")
    assert int(found["00:12.0"]["writes"]) >= PACED
    assert int(found["00:12.0"]["reads"]) > 0
    assert int(found["00:11.0"]["faults"]) == HIGH
    assert int(found["00:11.0"]["reads"]) == HIGH / 2


def test_log_stays_short(siege):
    """Hundreds of thousands of blocked accesses, a line for each power of two that was seen."""
    for life in lives(siege):
        assert len(re.findall(r"^bulkhead\| guest bad: device \S+: ", life, re.M)) <= 3 * 16
        assert len(re.findall(r"^bulkhead\| IOMMU: ", life, re.M)) <= 20


def test_detach(told):
    text = told.text()
    assert re.search(r"^bulkhead\| guest cut: device 00:13\.0 is cut off until the guest starts "
                     rf"anew, after {FAULTS_MOST} faults$", text, re.M)
    assert re.search(r"^cut\| attack device_config: ok 0 checks, 0 devices$", text, re.M)
    assert re.search(r"^cut\| attack: 2 ok, 0 failed$", text, re.M)
    told.statistics()
    fields = device_faults(told.text(), "cut")["00:13.0"]
    assert fields["state"] == "removed" and int(fields["faults"]) == FAULTS_MOST


def test_stop(told):
    text = told.text()
    assert re.search(r"^bulkhead\| crash guest=ended device=00:15\.0 reason='device fault' "
                     rf"faults={FAULTS_MOST} last='(read of|write to) 0x[0-9a-f]+'$", text, re.M)
    assert re.search(r"^bulkhead\| guest ended: device fault after \d+ ms$", text, re.M)
    assert "guest ended: start 2" not in text


def test_neighbours_kernel_noticed_nothing(siege):
    siege.select(WITNESS)
    siege.type_command("dmesg | grep -iE 'nobody cared|oops|call trace|unhandled|spurious'", status=1)
    counts = siege.type_command("grep -E 'NMI|SPU|ERR|MIS|TRM|MCE' /proc/interrupts || true")
    assert [int(line.split()[1]) for line in counts.splitlines()] == [0] * len(counts.splitlines())

# SPDX-License-Identifier: MIT
"""The hardware report: a stick writes it, tools/check plans with it, and the boot plans the same."""

import os
import re
import subprocess

import pytest

import image
from machine import BOOT, ROOT, Machine
from test_refusals import said_until_end

CHECK = os.environ.get("CHECK", str(ROOT / "build/host/check"))
REPORT = "bulkhead/hardware.txt"
INSPECT = "[machine]\ninspect = yes\n"
SAID = (
    r".+\n.+\n\d+ processors?, \d+ MiB of free memory, \d+ PCI functions, (no IOMMU|VT-d|AMD-Vi)\n"
    r"The report of this machine is in \\bulkhead\\hardware\.txt"
)

PLAIN = image.linux("web", "128M") + image.linux("rt", "128M")
WITH_DEVICES = image.linux("web", "128M", more="device = nvme\n") + image.linux(
    "rt", "128M", more="device = 8086:10d3\ndevice = 00:09.0 intx=21\n"
)


def hardware(folder, port):
    """QEMU's options: two network cards, one of them without messages, and an NVMe disk, this behind
    a port where that can be."""
    disk = folder / "inspected.disk"
    disk.touch()
    os.truncate(disk, 32 << 20)
    above = ["-device", "pcie-root-port,id=above,chassis=1,addr=6"] if port else []
    return [
        *("-drive", f"if=none,id=disk,format=raw,file={disk}"),
        *above,
        *("-device", "nvme,serial=one,drive=disk," + ("bus=above" if port else "addr=6")),
        *("-device", "e1000e,addr=7"),
        *("-device", "e1000,romfile=,addr=9"),
    ]


def copy_out(scratch, out):
    """The report from the stick of the machine that runs there."""
    (disk,) = scratch.glob("bulkhead-run-*/disk.img")
    image.esp.Esp(str(disk)).copy_out(REPORT, str(out))
    return out


def inspect(folder, tmp_path, words=(), stick=None):
    """Boot a stick that inspects; returns what it said, and its report (None: it wrote none)."""
    stick = stick or image.write_config(folder, "inspect", INSPECT)
    with Machine(stick, "inspect", arguments=words, scratch=tmp_path) as machine:
        said = said_until_end(machine)
        if "cannot write" in said:
            return said, None
        report = copy_out(tmp_path, tmp_path / "hardware.txt")
        machine.expect(r"^BdsDxe: starting Boot\d+ \"EFI Internal Shell\"", BOOT)
    return said, report


def check(report, config):
    return subprocess.run(
        [CHECK, "--hardware", report, config], capture_output=True, text=True, check=False
    )


def table(text):
    """A plan's lines. Where the hypervisor goes and what is left depends on the guests' files."""
    lines = re.findall(r"^(?:bulkhead\| )?(.*)$", text, re.M)
    first = next(i for i, line in enumerate(lines) if re.match(r"guest +pCPUs", line))
    lines = lines[first:]
    end = next(
        (i for i, line in enumerate(lines) if not re.match(r"guest |web |rt |\(hyp|left|  |idle", line)),
        len(lines),
    )
    return [line for line in lines[:end] if not re.match(r"\(hypervisor\)|left over", line)]


def boot_table(config, words=()):
    with Machine(config, "inspected", arguments=words) as machine:
        machine.shells("web", "rt")
        return table(machine.text())


def test_plan_is_that_of_the_boot(files, lab, tmp_path):
    lab.close()
    said, report = inspect(files, tmp_path)
    assert re.fullmatch(SAID, said)
    config = image.write_config(files, "plain", PLAIN)
    checked = check(report, config)
    assert (checked.returncode, checked.stderr) == (0, "")
    planned = table(checked.stdout)
    assert [line.split()[0] for line in planned] == ["guest", "web", "rt"]
    assert planned == boot_table(config)


def test_without_an_iommu(files, lab, tmp_path):
    lab.close()
    _, report = inspect(files, tmp_path)
    config = image.write_config(files, "devices", WITH_DEVICES)
    checked = check(report, config)
    line = WITH_DEVICES.split("\n").index("device = nvme") + 1
    assert (checked.returncode, checked.stdout) == (1, "")
    assert checked.stderr == (
        f"{config}:{line}:10: guest web wants PCI device nvme, but the machine has no IOMMU\n"
        "  hint: nothing would keep it from others' memory: switch on VT-d, AMD-Vi or IOMMU in the "
        "firmware setup, or remove the line\n"
    )


@pytest.mark.needs("iommu")
@pytest.mark.parametrize("kind, name", [("intel", "VT-d"), ("amd", "AMD-Vi")])
def test_devices_are_those_of_the_boot(files, lab, tmp_path, kind, name):
    lab.close()
    # QEMU's AMD-Vi takes all that is behind a port for devices of bus 0.
    words = ["--iommu", kind, "--", *hardware(tmp_path, port=kind == "intel")]
    said, report = inspect(files, tmp_path, words)
    assert re.fullmatch(SAID, said) and f", {name}\n" in said
    config = image.write_config(files, "devices", WITH_DEVICES)
    checked = check(report, config)
    assert (checked.returncode, checked.stderr) == (0, "")
    planned = table(checked.stdout)
    assert len([line for line in planned if "BAR 0: " in line]) == 3
    assert len([line for line in planned if line.strip() == "INTx 21"]) == 1
    assert planned == boot_table(config, words)


def test_stick_that_cannot_be_written(files, lab, tmp_path):
    """The file is there already, and must not be changed."""
    lab.close()
    stick = files / "read-only.img"
    assert image.mkimage(image.write_config(files, "inspect", INSPECT), stick).returncode == 0
    image.replace_in_image(stick, {REPORT: "mine\n"}, tmp_path)
    subprocess.run(["mattrib", "+r", "-i", f"{stick}@@1M", f"::/{REPORT}"], check=True)
    said, _ = inspect(files, tmp_path, stick=stick)
    assert re.fullmatch(
        r"bulkhead: cannot write \\bulkhead\\hardware\.txt: (write protected|access denied)\n"
        r"  hint: the stick must have room and let itself be written to; some have a switch against "
        r"that",
        said,
    )


def test_report_replaces_a_longer_one(files, lab, tmp_path):
    lab.close()
    stick = files / "again.img"
    assert image.mkimage(image.write_config(files, "inspect", INSPECT), stick).returncode == 0
    image.replace_in_image(stick, {REPORT: "old\n" * 100_000}, tmp_path)
    _, report = inspect(files, tmp_path, stick=stick)
    text = report.read_text(encoding="ascii")
    assert text.startswith("bulkhead hardware report 1\n") and text.endswith("\nend\n")
    assert "old" not in text

# SPDX-License-Identifier: MIT
"""One guest of each kind (tests/guests/kinds), all in one machine, tell what they were given."""

import gzip
import os
import re
import shutil
import subprocess

import pytest

import image
import unpack
from machine import BOOT, BUILD, CACHE, ROOT, Machine

KINDS = ("pvh", "multiboot", "aout", "multiboot2", "flat16", "flat32", "flat64")
TOLD = KINDS[:4]  # those that are told anything
PAIR = "flat32"  # with two processors
FLAT = {
    "flat16": "load = 0x20000\nentry = 0x20000 16\n",
    PAIR: "load = 0x100000\ncpus = 2\n",
    "flat64": "load = 0x100000\nentry = 0x100000 64\n",
}
MODULES = {"one.mod": ("a first", 5000), "two.mod": ("b", 4096)}


def section(kind):
    more = FLAT.get(kind)
    if more:
        return f"[guest {kind}]\nmemory = 64M\nkind = flat\nkernel = kinds.{kind}\n{more}"
    modules = "".join(f"module = {name} {args}\n" for name, (args, _) in MODULES.items())
    return f"[guest {kind}]\nmemory = 64M\nkernel = kinds.{kind}\ncmdline = I am {kind}\n{modules}"

# Of Debian's packages: the file, and what it says once it is at work. memtest86+ counts time by the
# 8254.
PACKAGED = {
    "memtest32": ("memtest86+ia32.bin", r"Pass: +0 +Errors: 0"),
    "memtest64": ("memtest86+x64.bin", r"Pass: +0 +Errors: 0"),
}


def packaged_section(name, file, more="cmdline = console=ttyS0,115200"):
    return f"[guest {name}]\nmemory = 64M\nkernel = {file}\n{more}\n"


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """{kind: its lines}, of guests that have powered themselves and so the machine off."""
    image.build()
    folder = tmp_path_factory.mktemp("kinds")
    for kind in KINDS:
        shutil.copy(BUILD / f"guests/kinds.{kind}", folder)
    for name, (args, size) in MODULES.items():
        (folder / name).write_bytes(bytes(ord(args[0]) + i & 0xFF for i in range(size)))
    config = image.write_config(folder, "kinds", *map(section, KINDS))
    with Machine(config, "kinds", cpus=len(KINDS) + 1) as machine:
        machine.expect(r"all guests are off: powering off", BOOT)
        text = machine.text()
    return {
        kind: re.findall(rf"^{kind}\| kind {kind}: (.*)$", text, re.M) for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
def test_all_is_good(said, kind):
    assert [line for line in said[kind] if line.startswith("not good")] == []
    assert said[kind][-1] == "ok"


@pytest.mark.parametrize("kind", TOLD)
def test_command_line_and_modules(said, kind):
    loader = "" if kind == "pvh" else "Bulkhead"
    assert said[kind][0] == f'cmdline "I am {kind}" loader "{loader}"'
    modules = [line for line in said[kind] if line.startswith("module")]
    assert modules == [f'module {size} bytes, args "{args}"' for args, size in MODULES.values()]


@pytest.mark.parametrize("kind", TOLD)
def test_memory_map(said, kind):
    """The same for all."""
    assert "map 0+a0000:1 a0000+40000:2 e0000+10000:3 f0000+10000:2 100000+3f00000:1" in said[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_tables(said, kind):
    told = {"pvh": "e0000", "multiboot2": r"1\w+"}.get(kind, "0")
    assert re.search(rf"^rsdp at e0000, told {told}$", "\n".join(said[kind]), re.M)
    processors = 2 if kind == PAIR else 1
    assert f"mp {processors} processors 1 buses 1 ioapics 15 lines 2 local" in said[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_local_apic(said, kind):
    """In xAPIC mode: as many interrupts as were sent, each to whom it was."""
    counts = "1 12, second 9" if kind == PAIR else "1 7, second 0"
    assert re.search(rf"^xapic version 1[45], interrupts {counts}$", "\n".join(said[kind]), re.M)


def test_entry_states(said):
    """Real mode with its segment, a stack for each, page tables with 64 bits alone."""
    states = {kind: re.findall(r"^cs (\w+) stack (\w+) cr3 (\w+)$", "\n".join(said[kind]), re.M)[0]
              for kind in KINDS}
    assert states["flat16"] == ("2000", "2000", "0")
    assert states["pvh"] == states["multiboot"] == ("0", "11000", "0")
    assert states["flat32"] == ("0", "3ffc000", "0")
    assert states["flat64"] == ("0", "3ff6000", "3ff6000")


@pytest.fixture
def images(tmp_path):
    """A folder with the images of other packages."""
    subprocess.run([ROOT / "tools/fetch-images"], check=True)
    image.build()
    for file in (CACHE / "images").iterdir():
        if file.is_file():
            os.symlink(file, tmp_path / file.name)
    return tmp_path


def test_packaged_images(images):
    sections = [packaged_section(name, file) for name, (file, _) in PACKAGED.items()]
    config = image.write_config(images, "packaged", *sections)
    with Machine(config, "packaged", cpus=len(PACKAGED)) as machine:
        machine.expect_all([rf"^{name}\| .*{first}" for name, (_, first) in PACKAGED.items()], BOOT)


def test_ipxe(images):
    """It starts in real mode and lives on the BIOS: text, keys, time, and nothing else to boot."""
    config = image.write_config(
        images,
        "ipxe",
        packaged_section("prompt", "ipxe.lkrn", "cmdline = shell"),
        packaged_section("alone", "ipxe.lkrn", ""),
    )
    with Machine(config, "ipxe") as machine:
        ends = [r"^alone\| .*No more network devices", r"^alone\| Nothing else to boot: power-off"]
        machine.expect_all([r"^prompt\| iPXE> ", *ends, r"guest alone: power-off after"], BOOT)
        machine.select(1)
        machine.send("sleep 1 && echo typed ${platform}\r")
        machine.expect(r"^typed pcbios\n")
        machine.send("reboot\r")
        machine.expect(r"guest prompt: reboot after")
        machine.expect(r"^iPXE> ")
        machine.send("exit\r")
        machine.expect(r"all guests are off: powering off")


def linux_32(name, cpus, cmdline=""):
    """Without the tests of its ciphers, which are most of what it does until init."""
    return (
        f"[guest {name}]\ncpus = {cpus}\nmemory = 128M\nkernel = vmlinuz-686\n"
        "initrd = initrd-i386.gz\ncmdline = console=ttyS0,115200 quiet cryptomgr.notests "
        f"bulkhead.name={name} {cmdline}\n"
    )


def test_old_linux(images):
    """Debian's 32-bit kernel knows the xAPIC alone, by ACPI or MP tables; and one that has only 8259s."""
    busybox = image.cpio({"bin/busybox": (0o100755, (images / "busybox-i386").read_bytes())})
    other = image.INITRD.read_bytes() + gzip.compress(busybox, mtime=0)
    (images / "initrd-i386.gz").write_bytes(other)
    image.folder_with_guests(images)
    config = image.write_config(
        images,
        "old",
        linux_32("one", 1),
        linux_32("two", 2, "acpi=off"),
        image.linux("off", cmdline="acpi=off"),
    )
    with Machine(config, "old", cpus=4) as machine:
        machine.shells("one", "two", "off", timeout=2 * BOOT)
        for number, cpus in ((1, 1), (2, 2)):
            assert machine.shell(number, "uname -m; nproc") == f"i686\n{cpus}"
            assert "Enabling APIC mode:" in machine.shell(number, "dmesg | grep 'APIC mode'")
        assert "MPTABLE: OEM ID: BULKHEAD" in machine.shell(2, "dmesg | grep OEM")
        # The local timer of each processor, an IPI for each call, and one that goes and comes back.
        timers = machine.shell(2, "grep LOC: /proc/interrupts").split()[1:3]
        assert all(int(count) > 10 for count in timers)
        online = "/sys/devices/system/cpu/cpu1/online"
        machine.shell(2, f"echo 0 > {online}; nproc; echo 1 > {online}; nproc | grep -x 2")
        calls = machine.shell(2, "grep CAL: /proc/interrupts").split()[1:3]
        assert all(int(count) > 0 for count in calls)
        assert "PIC mode(8259)" in machine.shell(3, "dmesg | grep 'PIC mode'")
        assert int(machine.shell(3, "grep -w timer /proc/interrupts").split()[1]) > 10


def test_stock_kernel_by_pvh(files):
    """The ELF file inside Debian's bzImage, with an initrd, up to its shell."""
    (files / "vmlinux").write_bytes(unpack.vmlinux((files / "vmlinuz").read_bytes()))
    guest = image.linux("elf", "192M").replace("kernel = vmlinuz", "kernel = vmlinux")
    with Machine(image.write_config(files, "pvh", guest), "pvh") as machine:
        machine.shells("elf")
        assert "console=ttyS0" in machine.shell(1, "cat /proc/cmdline")

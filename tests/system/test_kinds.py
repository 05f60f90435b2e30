# SPDX-License-Identifier: MIT
"""One guest of each kind (tests/guests/kinds), all in one machine, tell what they were given."""

import re
import shutil
import subprocess

import pytest

import image
import unpack
from machine import BOOT, BUILD, CACHE, ROOT, Machine

KINDS = ("pvh", "multiboot", "aout", "multiboot2", "flat16", "flat32", "flat64")
TOLD = KINDS[:4]  # those that are told anything
FLAT = {
    "flat16": "load = 0x20000\nentry = 0x20000 16\n",
    "flat32": "load = 0x100000\n",
    "flat64": "load = 0x100000\nentry = 0x100000 64\n",
}
MODULES = {"one.mod": ("a first", 5000), "two.mod": ("b", 4096)}


def section(kind):
    more = FLAT.get(kind)
    if more:
        return f"[guest {kind}]\nmemory = 64M\nkind = flat\nkernel = kinds.{kind}\n{more}"
    modules = "".join(f"module = {name} {args}\n" for name, (args, _) in MODULES.items())
    return f"[guest {kind}]\nmemory = 64M\nkernel = kinds.{kind}\ncmdline = I am {kind}\n{modules}"

# What is in Debian's packages beside kernels: the file, and what it says once it is at work. iPXE
# starts in real mode and speaks through the BIOS; memtest86+ counts time by the 8254.
PACKAGED = {
    "ipxe": ("ipxe.lkrn", r"iPXE initialising devices\.\.\.ok"),
    "memtest32": ("memtest86+ia32.bin", r"Pass: +0 +Errors: 0"),
    "memtest64": ("memtest86+x64.bin", r"Pass: +0 +Errors: 0"),
}


def packaged_section(name, file):
    return f"[guest {name}]\nmemory = 64M\nkernel = {file}\ncmdline = console=ttyS0,115200\n"


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
    with Machine(config, "kinds", cpus=len(KINDS)) as machine:
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
    assert "mp 1 processors 1 buses 1 ioapics 15 lines 2 local" in said[kind]


def test_entry_states(said):
    """Real mode with its segment, a stack for each, page tables with 64 bits alone."""
    states = {kind: re.findall(r"^cs (\w+) stack (\w+) cr3 (\w+)$", "\n".join(said[kind]), re.M)[0]
              for kind in KINDS}
    assert states["flat16"] == ("2000", "2000", "0")
    assert states["pvh"] == states["multiboot"] == ("0", "11000", "0")
    assert states["flat32"] == ("0", "3ffc000", "0")
    assert states["flat64"] == ("0", "3ff6000", "3ff6000")


def test_packaged_images(tmp_path):
    subprocess.run([ROOT / "tools/fetch-images"], check=True)
    image.build()
    for file, _ in PACKAGED.values():
        shutil.copy(CACHE / "images" / file, tmp_path)
    sections = [packaged_section(name, file) for name, (file, _) in PACKAGED.items()]
    config = image.write_config(tmp_path, "packaged", *sections)
    with Machine(config, "packaged", cpus=max(2, len(PACKAGED))) as machine:
        machine.expect_all([rf"^{name}\| .*{first}" for name, (_, first) in PACKAGED.items()], BOOT)


def test_stock_kernel_by_pvh(files):
    """The ELF file inside Debian's bzImage, with an initrd, up to its shell."""
    (files / "vmlinux").write_bytes(unpack.vmlinux((files / "vmlinuz").read_bytes()))
    guest = image.linux("elf", "192M").replace("kernel = vmlinuz", "kernel = vmlinux")
    with Machine(image.write_config(files, "pvh", guest), "pvh") as machine:
        machine.shells("elf")
        assert "console=ttyS0" in machine.shell(1, "cat /proc/cmdline")

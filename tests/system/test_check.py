# SPDX-License-Identifier: MIT
"""tools/check, the program: its answers, where it writes them, its exit status. No emulator."""

import os
import pathlib
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = os.environ.get("CHECK", str(ROOT / "build/host/check"))
CONFIGS = ROOT / "tests/data/configs"
MIB = 1 << 20


def kernel_image(size=64 * 1024, init_size=16 * MIB, cmdline_max=2047):
    """The smallest file that is a 64-bit bzImage by its header (The Linux/x86 Boot Protocol)."""
    image = bytearray(size)
    fields = [
        (0x1F1, "<B", 1),  # setup_sects
        (0x1F4, "<I", (size - 1024) // 16),  # syssize
        (0x1FE, "<H", 0xAA55),  # boot_flag
        (0x200, "<BB", 0xEB, 0x6A),  # jump
        (0x202, "<4s", b"HdrS"),
        (0x206, "<H", 0x20F),  # version
        (0x211, "<B", 1),  # loadflags: LOADED_HIGH
        (0x22C, "<I", 0x7FFFFFFF),  # initrd_addr_max
        (0x230, "<I", 2 * MIB),  # kernel_alignment
        (0x234, "<B", 1),  # relocatable_kernel
        (0x236, "<H", 1),  # xloadflags: KERNEL_64
        (0x238, "<I", cmdline_max),
        (0x258, "<Q", 16 * MIB),  # pref_address
        (0x260, "<I", init_size),
    ]
    for offset, form, *values in fields:
        struct.pack_into(form, image, offset, *values)
    return bytes(image)


def multiboot_kernel():
    """The smallest kernel with a Multiboot header that says where it goes (Multiboot 0.6.96)."""
    flags = 1 << 16
    header = struct.pack("<III", 0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFFFFFF)
    places = struct.pack("<5I", 0x100000, 0x100000, 0, 0, 0x100020)
    return header + places + b"\xf4"  # hlt


@pytest.fixture
def folder(tmp_path):
    """A folder with a good kernel of each kind and an initrd."""
    (tmp_path / "vmlinuz").write_bytes(kernel_image())
    (tmp_path / "kernel.mb").write_bytes(multiboot_kernel())
    (tmp_path / "flat.bin").write_bytes(b"\xf4")
    (tmp_path / "initrd.gz").write_bytes(b"\x1f\x8b" + bytes(1000))
    return tmp_path


def check(*arguments, cwd=None):
    return subprocess.run([CHECK, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


def refusal(folder, text):
    """What the checker says of this config, without the path in front."""
    config = folder / "test.conf"
    config.write_text(text)
    result = check(config)
    assert result.returncode == 1
    assert result.stdout == ""
    return result.stderr.replace(str(config), "CONF")


GUEST = "[guest web]\nmemory = 512M\nkernel = vmlinuz\n"
FLAT = "[guest blob]\nmemory = 64M\nkind = flat\nkernel = flat.bin\n"
TWO = GUEST + "initrd = initrd.gz\n[guest rt]\nmemory = 64M\nkernel = vmlinuz\n"


def test_good(folder):
    (folder / "two.conf").write_text(TWO)
    result = check(folder / "two.conf")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{folder}/two.conf: 2 guests, 2 cpus, 576M: fine\n"


def test_one_guest_is_not_several(folder):
    (folder / "one.conf").write_text(GUEST)
    result = check("one.conf", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "one.conf: 1 guest, 1 cpu, 512M: fine\n"


def test_files_each_once(folder):
    (folder / "two.conf").write_text(TWO)
    result = check("--files", "two.conf", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "vmlinuz\ninitrd.gz\n"


def test_modules_are_files(folder):
    modules = "[guest mb]\nmemory = 64M\nkind = multiboot\nkernel = kernel.mb\n"
    (folder / "mb.conf").write_text(modules + "module = initrd.gz a b\nmodule = flat.bin\n" + TWO)
    result = check("--files", "mb.conf", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "kernel.mb\ninitrd.gz\nflat.bin\nvmlinuz\n"


def test_missing_module(folder):
    said = refusal(folder, "[guest mb]\nmemory = 64M\nkind = pvh\nkernel = kernel.mb\nmodule = a b\n")
    assert said.startswith('CONF:5:10: "a": No such file or directory\n')


def test_files_of_a_bad_config(folder):
    (folder / "bad.conf").write_text(GUEST + "initrd = missing\n")
    result = check("--files", "bad.conf", cwd=folder)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith('bad.conf:4:10: "missing": No such file or directory\n')


def test_file_in_a_folder_beside_the_config(folder):
    (folder / "deep").mkdir()
    (folder / "deep/linux").write_bytes(kernel_image())
    (folder / "one.conf").write_text("[guest web]\nmemory = 64M\nkernel = deep/linux\n")
    result = check(folder / "one.conf", cwd="/")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "[guest web]\nmemroy = 512M\n",
            'CONF:2:1: [guest] knows no key "memroy"\n  hint: did you mean "memory"?\n',
        ),
        (
            GUEST + "cpus = 65\n",  # a message without a hint
            "CONF:4:8: cpus must be from 1 to 64, not 65\n",
        ),
        (
            GUEST + "load = 0x100000\n",
            "CONF:4:1: load goes with kind = flat only\n"
            "  hint: add a line kind = flat, or remove this one\n",
        ),
        (
            "[guest web]\nmemory = 512M\nkernel = none\n",
            'CONF:3:10: "none": No such file or directory\n'
            "  hint: file names are relative to the config's own folder\n",
        ),
        (
            "[guest web]\nmemory = 512M\nkernel = initrd.gz\n",
            'CONF:3:10: kernel "initrd.gz": not a kernel that is known: no Linux bzImage, no ELF file '
            "with a PVH note, no multiboot header\n"
            "  hint: what has no header starts with kind = flat, load = and entry =\n",
        ),
        (
            "[guest web]\nmemory = 512M\nkind = linux\nkernel = initrd.gz\n",
            'CONF:4:10: kernel "initrd.gz": not a Linux kernel (bzImage): its header is missing\n'
            "  hint: take the file that distributions call vmlinuz or bzImage\n",
        ),
        (
            "[guest mb]\nmemory = 64M\nkind = pvh\nkernel = kernel.mb\n",
            'CONF:4:10: kernel "kernel.mb": not an ELF file, as kernels with a PVH note are\n',
        ),
        (
            GUEST + "module = initrd.gz\n",
            'CONF:4:10: guest "web": a Linux kernel takes an initrd, no modules\n'
            "  hint: write initrd = initrd.gz\n",
        ),
        (
            "[guest mb]\nmemory = 64M\nkernel = kernel.mb\ninitrd = initrd.gz\n",
            'CONF:4:10: guest "mb": a multiboot kernel takes modules, no initrd\n'
            "  hint: write module = initrd.gz\n",
        ),
        (
            FLAT + "load = 0x4000000\n",
            'CONF:5:8: guest "blob": the kernel goes to 0x4000000..0x4000001, where the guest has no '
            "memory\n  hint: its memory below 4G ends at 0x4000000\n",
        ),
        (
            FLAT + "load = 0x9ffff\nentry = 0xa0000 16\n",
            'CONF:6:9: guest "blob": entry 0xa0000 does not lie in the kernel\'s 1 bytes from 0x9ffff '
            "on\n"
            "  hint: entry is an address in the guest's memory, not in the file\n",
        ),
        (
            GUEST + "initrd = bulkhead.conf\n",
            'CONF:4:10: "bulkhead.conf": No such file or directory\n'
            "  hint: file names are relative to the config's own folder\n"
            'CONF:4:10: "bulkhead.conf" is the name of the config itself on the stick\n'
            "  hint: rename the file\n",
        ),
    ],
)
def test_refused(folder, text, message):
    assert refusal(folder, text) == message


def test_empty_file(folder):
    (folder / "nothing").touch()
    assert refusal(folder, GUEST + "initrd = nothing\n") == (
        'CONF:4:10: "nothing" is empty\n  hint: copy the file again\n'
    )


def test_folder_instead_of_file(folder):
    (folder / "things").mkdir()
    assert 'CONF:4:10: "things": Not a regular file\n' in refusal(
        folder, GUEST + "initrd = things\n"
    )


def test_every_missing_file_is_told(folder):
    said = refusal(folder, "[guest web]\nmemory = 512M\nkernel = a\ninitrd = b\n")
    assert 'CONF:3:10: "a": No such file' in said
    assert 'CONF:4:10: "b": No such file' in said


def test_names_that_differ_in_capitals(folder):
    (folder / "VMLINUZ").write_bytes(kernel_image())
    said = refusal(folder, GUEST + "[guest rt]\nmemory = 64M\nkernel = VMLINUZ\n")
    assert said == (
        'CONF:6:10: "VMLINUZ" and "vmlinuz" (line 3) are one file on a FAT volume\n'
        "  hint: write the name in the same way, or rename one of the files\n"
    )


def test_kernel_larger_than_the_guest(folder):
    (folder / "vmlinuz").write_bytes(kernel_image(init_size=60 * MIB))
    said = refusal(folder, "[guest web]\nmemory = 64M\nkernel = vmlinuz\n")
    assert said.startswith('CONF:2:10: guest "web": the kernel needs 60 MiB')


def test_initrd_larger_than_the_guest(folder):
    with open(folder / "initrd.gz", "r+b") as initrd:
        initrd.truncate(40 * MIB)
    said = refusal(folder, "[guest web]\nmemory = 64M\nkernel = vmlinuz\ninitrd = initrd.gz\n")
    assert said.startswith('CONF:2:10: guest "web": the initrd has 40 MiB')


def test_cmdline_longer_than_the_kernel_takes(folder):
    (folder / "vmlinuz").write_bytes(kernel_image(cmdline_max=4))
    said = refusal(folder, GUEST + "cmdline = quiet\n")
    assert said.startswith('CONF:4:11: guest "web": the command line has 5 bytes')


def test_config_that_is_not_there(folder):
    result = check("none.conf", cwd=folder)
    assert result.returncode == 1
    assert result.stderr == "none.conf: No such file or directory\n"


def test_config_that_is_a_folder(folder):
    result = check(folder)
    assert result.returncode == 1
    assert result.stderr == f"{folder}: Not a regular file\n"


def test_config_that_is_much_too_large(folder):
    with open(folder / "big.conf", "wb") as config:
        config.truncate(8 << 30)
    result = check("big.conf", cwd=folder)
    assert result.returncode == 1
    assert result.stderr.startswith("big.conf:1:1: the file has 8589934592 bytes, more than 262144")


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--files"], ["--fiels", "a"], ["-x"]])
def test_usage(arguments):
    result = check(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: ")


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.conf")), ids=lambda path: path.name)
def test_samples(folder, config):
    """Each file in tests/data/configs is good, and its first line ends with what is said of it."""
    (folder / config.name).write_bytes(config.read_bytes())
    said = config.read_text(encoding="utf-8-sig").splitlines()[0].removeprefix("# ")
    result = check(config.name, cwd=folder)
    assert result.stderr == ""
    assert result.stdout == f"{config.name}: {said}: fine\n"


# ---- for a machine ------------------------------------------------------------------------------

MACHINE = """bulkhead hardware report 1
machine physical-bits=40 1g-pages=yes smt-shift=0 iommu=none console=0x3f8
processor apic=0 node=0
processor apic=1 node=0
memory base=0x100000 size=0x20000000 kind=free node=0
end
"""


@pytest.fixture
def machine(folder):
    report = folder / "hardware.txt"
    report.write_text(MACHINE)
    return report


def planned(folder, report, text):
    config = folder / "planned.conf"
    config.write_text(text)
    return check("--hardware", report, config), config


def test_plan_for_a_machine(folder, machine):
    result, _ = planned(folder, machine, "[guest web]\nmemory = 64M\nkernel = vmlinuz\n")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["guest", "pCPUs", "memory", "devices"]
    assert lines[1].split() == ["web", "0", "64", "MiB", "at", "0x400000", "none"]
    assert lines[2].startswith("(hypervisor)") and lines[3].startswith("left over")


def test_does_not_fit_a_machine(folder, machine):
    text = "[guest web]\nmemory = 64M\nkernel = vmlinuz\ncpus = 3\n"
    result, config = planned(folder, machine, text)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"{config}:4:8: guest web wants 3 processors, but only 2 of the machine's 2 are left for it "
        "(all guests together want 3)\n"
        "  hint: give the guests fewer processors, each needs one of its own\n"
    )


def test_guests_files_take_memory(folder, machine):
    """512 MiB, of which a guest wants nearly all: there is no room for its kernel as well."""
    text = "[guest web]\nmemory = 500M\nkernel = vmlinuz\n"
    assert planned(folder, machine, text)[0].returncode == 0
    with open(folder / "vmlinuz", "ab") as kernel:
        kernel.truncate(32 * MIB)
    result, config = planned(folder, machine, text)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{config}:2:10: guest web wants 500 MiB of memory, but only ")


@pytest.mark.parametrize(
    "change, place, message",
    [
        (("apic=1", "apic=0"), "4:16", "processor: apic: another processor has this number"),
        (("end\n", ""), "5:1", 'the report is cut off: its last line is not "end"'),
        (
            ("processor apic=0", "unfit no fan\nprocessor apic=0"),
            "3:1",
            "Bulkhead cannot run on this machine: no fan",
        ),
    ],
)
def test_report_is_refused(folder, machine, change, place, message):
    machine.write_text(MACHINE.replace(*change, 1))
    result, _ = planned(folder, machine, "[guest web]\nmemory = 64M\nkernel = vmlinuz\n")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{machine}:{place}: {message}\n")


def test_lines_of_a_later_version(folder, machine):
    machine.write_text(MACHINE.replace("end\n", "fan speed=3\nend\n"))
    result, _ = planned(folder, machine, "[guest web]\nmemory = 64M\nkernel = vmlinuz\n")
    assert result.returncode == 0
    assert result.stderr == f"{machine}: lines of a later version, which do not count: 1\n"


def test_report_that_is_not_there(folder):
    result, _ = planned(folder, folder / "none.txt", "[guest web]\nmemory = 64M\nkernel = vmlinuz\n")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"{folder}/none.txt: No such file or directory\n"


def test_inspecting_config_without_guests(folder):
    config = folder / "inspect.conf"
    config.write_text("[machine]\ninspect = yes\n")
    result = check(config)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{config}: 0 guests, 0 cpus, 0M: fine\n"

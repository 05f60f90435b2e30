# SPDX-License-Identifier: MIT
"""What is wrong before launch: one exact sentence, and then the firmware's next boot option.

One machine goes through all that is wrong with the stick: the firmware starts Bulkhead, which
refuses, goes on to the UEFI shell, and that runs a script which changes the files and starts
Bulkhead again.
"""

import re
import subprocess

import pytest

import image
import place
from machine import BOOT, ROOT, Machine, closed_on_failure

END = "Bulkhead does not start. The firmware goes on with its next boot option in 5 s, or at a key."
PROMPT = r"FS0:\\> "  # of the UEFI shell
CONFIG = "bulkhead/bulkhead.conf"
GUEST = "[guest web]\nmemory = 64M\nkernel = attacker.bin\n"

PROCESSORS, MEMORY = 2, 256  # of the machine, MiB

LOCKED_OFF = {
    "VT-x": "bulkhead: VT-x is switched off and locked by the firmware\n"
    "  hint: enable Intel Virtualization Technology (VT-x, VMX) in the firmware setup, then "
    "switch the machine off and on",
    "AMD-V": "bulkhead: AMD-V is switched off and locked by the firmware\n"
    "  hint: enable SVM Mode (AMD-V, virtualization) in the firmware setup",
}

# Name: text of the config (None: there is none), what is said of it. {kernel}: size of that file;
# {free}: MiB that the firmware leaves; {free-64} and the like follow from it. {report}: what is said
# of the machine (test_inspect.py).
CASES = {
    "unknown-key": (
        "[guest web]\nmemroy = 64M\n",
        'bulkhead.conf:2:1: [guest] knows no key "memroy"\n  hint: did you mean "memory"?',
    ),
    "no-config": (
        None,
        "bulkhead: cannot read \\bulkhead\\bulkhead.conf: no such file in the folder "
        "\\bulkhead of the volume that Bulkhead was started from\n"
        "  hint: put the config there, and the files that it names beside it\n"
        "{report}",
    ),
    "no-guests": (
        "# nothing\n",
        "bulkhead.conf:1:1: the config has no guest\n"
        "  hint: add a section such as [guest web]",
    ),
    "not-ascii": (
        "[guest caf\u00e9]\n",
        "bulkhead.conf:1:11: byte 0xc3 is not ASCII\n"
        "  hint: use plain letters, digits and signs, in comments too",
    ),
    "no-such-kernel": (
        GUEST.replace("attacker.bin", "none.bin"),
        'bulkhead.conf:3:10: kernel "none.bin": no such file in the folder \\bulkhead of '
        "the volume that Bulkhead was started from",
    ),
    "no-such-initrd": (
        GUEST + "initrd = none.gz\n",
        'bulkhead.conf:4:10: initrd "none.gz": no such file in the folder \\bulkhead of '
        "the volume that Bulkhead was started from",
    ),
    "cut-kernel": (
        GUEST.replace("attacker.bin", "cut.bin"),
        'bulkhead.conf:3:10: kernel "cut.bin": the kernel file is cut off: it has 20000 '
        "bytes, its header speaks of {kernel}\n"
        "  hint: copy the file again",
    ),
    "cut-header": (
        GUEST.replace("attacker.bin", "head.bin"),
        'bulkhead.conf:3:10: kernel "head.bin": the kernel file is cut off in its header',
    ),
    "no-kernel": (
        GUEST.replace("attacker.bin", "initrd.gz"),
        'bulkhead.conf:3:10: kernel "initrd.gz": not a kernel that is known: no Linux bzImage, no ELF '
        "file with a PVH note, no multiboot header\n"
        "  hint: what has no header starts with kind = flat, load = and entry =",
    ),
    "empty-file": (
        GUEST.replace("attacker.bin", "empty.bin"),
        'bulkhead.conf:3:10: kernel "empty.bin": the file is empty',
    ),
    "folder": (
        GUEST.replace("attacker.bin", "folder"),
        'bulkhead.conf:3:10: kernel "folder": it is a folder, not a file',
    ),
    "too-many-guests": (
        "".join(GUEST.replace("web", name) for name in ("a", "b", "c")),
        "bulkhead.conf:7:8: guest c wants 1 processor, but only 0 of the machine's 2 are "
        "left for it (all guests together want 3)\n"
        "  hint: give the guests fewer processors, each needs one of its own",
    ),
    "too-many-processors": (
        GUEST + "cpus = 3\n",
        "bulkhead.conf:4:8: guest web wants 3 processors, but only 2 of the machine's 2 are "
        "left for it (all guests together want 3)\n"
        "  hint: give the guests fewer processors, each needs one of its own",
    ),
    "no-such-device-name": (
        GUEST + "device = nmve\n",
        'bulkhead.conf:4:10: no kind of device is called "nmve"\n  hint: did you mean "nvme"?',
    ),
    "no-iommu": (
        GUEST + "device = 8086:10d3\n",
        "bulkhead.conf:4:10: guest web wants PCI device 8086:10d3, but the machine has no IOMMU\n"
        "  hint: nothing would keep it from others' memory: switch on VT-d, AMD-Vi or IOMMU in "
        "the firmware setup, or remove the line",
    ),
    "guest-too-small": (
        GUEST.replace("64M", "2M"),
        "bulkhead.conf:2:10: memory = 2M is less than 64M\n"
        "  hint: stock kernels need 256M or more",
    ),
    "guest-too-large": (
        GUEST.replace("64M", "1G"),
        "bulkhead.conf:2:10: guest web wants 1024 MiB of memory, but only {free} MiB of the "
        "{free} MiB free in 2 MiB pieces are left for it (all guests together want 1024 "
        "MiB)\n"
        "  hint: the guests together want {1024-free} MiB too much",
    ),
    "guests-too-large": (
        GUEST + GUEST.replace("web", "rt").replace("64M", "192M"),
        "bulkhead.conf:5:10: guest rt wants 192 MiB of memory, but only {free-64} MiB of the "
        "{free} MiB free in 2 MiB pieces are left for it (all guests together want 256 MiB)\n"
        "  hint: the guests together want {256-free} MiB too much",
    ),
}
if place.HERE.lock:  # the last one: it stays so until the machine is reset
    CASES["locked-off"] = (GUEST, LOCKED_OFF[place.HERE.virtualization])


def lock_program(folder, *options):
    """A UEFI program that locks virtualization off, as some firmware does."""
    register, value = place.HERE.lock or (0, 0)
    out = folder / "lock_off.efi"
    numbers = [f"-DREGISTER={register:#x}", f"-DVALUE={value:#x}", *options]
    source = ROOT / "tests/efi/lock_off.asm"
    subprocess.run(["nasm", "-f", "bin", *numbers, source, "-o", out], check=True)
    return out.read_bytes()


def script():
    """What the UEFI shell runs: for each case the config of that name, then Bulkhead."""
    lines = ["@echo -off", "fs0:"]
    for name, (text, _) in CASES.items():
        lines.append(
            rf"cp -q \cases\{name}.conf \bulkhead\bulkhead.conf"
            if text
            else r"rm -q \bulkhead\bulkhead.conf"
        )
        if name == "locked-off":
            lines.append(r"\lock_off.efi")
        lines += [f"echo case {name}", place.HERE.program]
    return "\r\n".join(lines + ["echo no more cases", ""])


def stick(folder):
    """An image with all configs and files of the cases. mkimage itself would refuse most."""
    good = image.write_config(folder, "good", GUEST)
    out = folder / "refusing.img"
    made = image.mkimage(good, out)
    assert made.returncode == 0, made.stderr
    kernel = image.ATTACKER.read_bytes()
    first = next(iter(CASES.values()))[0]
    files = {
        "startup.nsh": script(),
        "lock_off.efi": lock_program(folder),
        "bulkhead/cut.bin": kernel[:20000],
        "bulkhead/head.bin": kernel[:600],
        "bulkhead/empty.bin": b"",
        "bulkhead/initrd.gz": image.INITRD.read_bytes(),
        "bulkhead/folder/file": "",
    }
    files |= {f"cases/{name}.conf": text for name, (text, _) in CASES.items() if text}
    image.replace_in_image(out, files | {CONFIG: first}, folder)
    return out


def said_until_end(machine):
    """What Bulkhead says before it gives up; a key saves the wait."""
    start = machine.expect(r"^Bulkhead\n", BOOT).end
    end = machine.expect("^" + re.escape(END) + "\n")
    machine.send(" ")
    text = machine.output[start : end.start].decode(errors="replace")
    lines = [line for line in text.splitlines() if not re.match(r"Reading |  \.*$", line)]
    return "\n".join(lines)


def boot_refusing(folder):
    machine = Machine(stick(folder), "refusing", cpus=PROCESSORS, memory=MEMORY)
    with closed_on_failure(machine):
        machine.facts["boot"] = said_until_end(machine)
        machine.expect(r"^BdsDxe: starting Boot\d+ \"EFI Internal Shell\"", BOOT)
        machine.expect(r"to skip .*startup\.nsh")
        machine.send("\r")
        for name in CASES:
            machine.expect(rf"^case {name}\n", BOOT)
            machine.facts[name] = said_until_end(machine)
        machine.expect(r"^no more cases\n")
    return machine


@pytest.fixture
def refusing(lab):
    """A machine that has gone through all cases and is at the UEFI shell's prompt."""
    return lab.get("refusing", boot_refusing)


def test_firmware_goes_on_with_its_next_boot_option(refusing):
    name = next(iter(CASES))
    assert refusing.facts["boot"] == CASES[name][1]
    assert re.search(r"(BULKHEAD.EFI returned|failed to start .*): Aborted$", refusing.text(), re.M)
    assert re.search(r"^BdsDxe: starting Boot\d+ \"EFI Internal Shell\"", refusing.text(), re.M)


def numbers_filled_in(name, machine):
    """The sentence of the case. What differs from one firmware to the next, and by a piece from one
    start to the next, it has said itself."""
    sentence = CASES[name][1]
    said = re.search(r"of the (\d+) MiB free", machine.facts[name])
    free = int(said[1]) if said else 0
    report = re.search(
        rf"^.+\n.+\n{PROCESSORS} processors, \d+ MiB of free memory, \d+ PCI functions, no IOMMU\n"
        r"The report of this machine is in \\bulkhead\\hardware\.txt$",
        machine.facts["no-config"],
        re.M,
    )
    assert "free" not in sentence or MEMORY * 3 // 4 < free < MEMORY
    numbers = {
        "kernel": image.ATTACKER.stat().st_size,
        "free": free,
        "free-64": free - 64,
        "256-free": 256 - free,
        "1024-free": 1024 - free,
        "report": report[0] if report else "",
    }
    return re.sub(r"{([0-9a-z-]+)}", lambda match: str(numbers[match[1]]), sentence)


@pytest.mark.parametrize("name", CASES)
def test_refused(refusing, name):
    assert refusing.facts[name] == numbers_filled_in(name, refusing)


def test_firmware_is_as_it_was(refusing):
    """All memory was given back, and the shell still works. It gets the keys when it asks for them:
    what comes before may end Bulkhead's wait instead."""
    maps = []
    for _ in range(2):
        refusing.expect(PROMPT)
        refusing.send("memmap\r")
        maps.append(refusing.expect(r"Total Memory\s*: *([0-9,]+) MB")[1])
        refusing.expect(PROMPT)
        refusing.send(place.HERE.program + "\r")
        said_until_end(refusing)
    assert maps[0] == maps[1]


NO_SVM = (
    "bulkhead: this processor has no AMD-V (CPUID reports no SVM)\n"
    "  hint: in a virtual machine, let its host offer nested AMD-V"
)
NO_VMX = (
    "bulkhead: this processor has no VT-x (CPUID reports no VMX)\n"
    "  hint: in a virtual machine, let its host offer nested VT-x"
)
NO_NESTED_PAGING = "bulkhead: this processor's AMD-V has no nested paging"
NO_X2APIC = (
    "bulkhead: this processor has no x2APIC\n"
    "  hint: look for an x2APIC option in the firmware setup"
)


def bochs_model(name):
    ips = place.BOCHS_IPS
    return ["cpu:", f"model={name},", "count=1,", f"ips={ips},", "reset_on_triple_fault=0"]


# Options of the emulator for such a processor, and what is said of it.
MODELS = {
    "bochs": {
        "no-vmx": (bochs_model("p4_prescott_celeron_336"), NO_VMX),
        "no-x2apic": (bochs_model("core2_penryn_t9600"), NO_X2APIC),
    },
    "bochs-amd": {
        "no-svm": (bochs_model("athlon64_venice"), NO_SVM),
        "no-nested-paging": (bochs_model("turion64_tyler"), NO_NESTED_PAGING),
    },
    "qemu": {"no-svm": (["-cpu", "EPYC,-svm,-monitor"], NO_SVM)},
}.get(place.HERE.emulator, {})


@pytest.mark.parametrize("options, sentence", MODELS.values(), ids=MODELS)
def test_processor_without_what_it_takes(files, lab, options, sentence):
    lab.close()
    config = image.write_config(files, "model", GUEST)
    with Machine(config, "model", cpus=1, arguments=["--", *options]) as machine:
        assert said_until_end(machine) == sentence
        machine.expect(r"^BdsDxe: starting Boot\d+ \"EFI Internal Shell\"", BOOT)


def test_machine_with_too_little_memory(files, lab):
    """The firmware itself leaves hardly anything of 64 MiB."""
    lab.close()
    config = image.write_config(files, "little", GUEST)
    with Machine(config, "little", cpus=1, memory=64) as machine:
        assert re.fullmatch(
            r"bulkhead.conf:2:10: guest web wants 64 MiB of memory, but only (\d+) MiB of the "
            r"\1 MiB free in 2 MiB pieces are left for it \(all guests together want 64 MiB\)\n"
            r"  hint: the guests together want \d+ MiB too much",
            said_until_end(machine),
        )
        machine.expect(r"^BdsDxe: starting Boot\d+ \"EFI Internal Shell\"", BOOT)


LOCK_REGISTER = {"VT-x": "IA32_FEATURE_CONTROL", "AMD-V": "VM_CR"}


def stick_that_locks(folder):
    """Refused at first; the UEFI shell then locks all processors but the first and tries again."""
    good = image.write_config(
        folder,
        "some-locked",
        image.linux("web", "128M", "panic=1", "cpus = 0,1"),
        image.linux("rt", "128M", "panic=1", "cpus = 2-2"),
    )
    out = folder / "some-locked.img"
    made = image.mkimage(good, out)
    assert made.returncode == 0, made.stderr
    script = ["fs0:", r"cp -q \good.conf \bulkhead\bulkhead.conf", r"\lock_off.efi", place.HERE.program]
    files = {
        CONFIG: "nonsense\n",
        "good.conf": good.read_text(),
        "startup.nsh": "\r\n".join([*script, ""]),
        "lock_off.efi": lock_program(folder, "-DOTHERS"),
    }
    image.replace_in_image(out, files, folder)
    return out


@pytest.mark.needs("locking", "lasting lock")
def test_some_processors_locked(files, lab):
    """A guest's other processors do not answer then; one that would start there stays off."""
    lab.close()
    with Machine(stick_that_locks(files), "some-locked", cpus=3, memory=512) as machine:
        said_until_end(machine)
        machine.expect(r"to skip .*startup\.nsh", BOOT)
        machine.send("\r")
        register = LOCK_REGISTER[place.HERE.virtualization]
        for processor in (1, 2):
            machine.expect(
                rf"^bulkhead\| processor {processor}: the firmware has locked "
                rf"{place.HERE.virtualization} off \({register}\)\n",
                BOOT,
            )
        machine.expect(r"^bulkhead\| guest rt: its first processor cannot run it, it stays off\n")
        machine.shells("web")
        assert machine.shell(1, "nproc") == "1"

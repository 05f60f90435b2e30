# SPDX-License-Identifier: MIT
"""What the tests' machines boot: configs, initramfs with the witness, changed disk images."""

import gzip
import os
import pathlib
import subprocess
import sys

from machine import BUILD, CACHE, ROOT

sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True

import esp  # noqa: E402

WITNESS = BUILD / "guests/witness"
ATTACKER = BUILD / "guests/attacker.bin"
KERNEL = CACHE / "guest/vmlinuz"
INITRD = CACHE / "guest/initrd.gz"


def build():
    """All that the configs name, as far as it is not there yet."""
    for tool in ("fetch-kernel", "mkinitrd"):
        subprocess.run([ROOT / "tools" / tool], check=True)
    # By the names that `make test` used: it finds all of it made, and makes nothing beside others.
    folder = os.path.relpath(BUILD, ROOT) if BUILD.is_relative_to(ROOT) else BUILD
    targets = [f"{folder}/bulkhead.efi", "guests"]
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={folder}", *targets], check=True)


def cpio(files):
    """An archive as the kernel unpacks it: {path: (mode, bytes)}."""
    out = bytearray()
    entries = [*files.items(), ("TRAILER!!!", (0, b""))]
    for inode, (path, (mode, data)) in enumerate(entries, 1):
        name = path.encode() + b"\0"
        numbers = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        out += b"070701" + b"".join(b"%08x" % number for number in numbers) + name
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def initrd_with_witness(out):
    """The test guests' initramfs, and behind it a second one with the witness."""
    extra = cpio({"bin/witness": (0o100755, WITNESS.read_bytes())})
    out.write_bytes(INITRD.read_bytes() + gzip.compress(extra, mtime=0))


def folder_with_guests(folder):
    """Fill a folder with the files that configs may name."""
    os.symlink(KERNEL, folder / "vmlinuz")
    os.symlink(ATTACKER, folder / "attacker.bin")
    initrd_with_witness(folder / "initrd.gz")
    return folder


def linux(name, memory="128M", cmdline="", more=""):
    """A section of a config: a Linux guest with a shell."""
    return (
        f"[guest {name}]\nmemory = {memory}\nkernel = vmlinuz\ninitrd = initrd.gz\n"
        f"cmdline = console=ttyS0,115200 quiet bulkhead.name={name} {cmdline}\n{more}\n"
    )


def attacker(name, cmdline, more="", memory="64M"):
    """A section of a config: the attacker."""
    return (
        f"[guest {name}]\nmemory = {memory}\nkernel = attacker.bin\n"
        f"cmdline = {cmdline}\n{more}\n"
    )


def write_config(folder, name, *sections):
    config = folder / f"{name}.conf"
    config.write_text("".join(sections))
    return config


def mkimage(config, out):
    """The product image of a config, made by tools/mkimage."""
    return subprocess.run(
        [ROOT / "tools/mkimage", config, out], capture_output=True, text=True, check=False
    )


def replace_in_image(image, files, folder):
    """Put {path: text or bytes} into an image, as an editor on the stick would."""
    disk = esp.Esp(str(image))
    known = set()
    for path, content in files.items():
        if "/" in path and (top := path.rsplit("/", 1)[0]) not in known:
            if not disk.holds(top):
                subprocess.run(["mmd", "-i", f"{image}@@1M", f"::/{top}"], check=True)
            known.add(top)
        source = pathlib.Path(folder) / "replacement"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        disk.add(path, str(source))

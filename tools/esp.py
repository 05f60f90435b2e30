# SPDX-License-Identifier: MIT
"""Disk images with one partition, the EFI system partition, made without root (sgdisk, mtools).

The same files give the same image, byte for byte: ids come from the contents, times are fixed.
"""

import hashlib
import os
import subprocess
import uuid

SECTOR = 512
PARTITION_START = 2048 * SECTOR  # the usual 1 MiB
GPT_BACKUP = 33 * SECTOR
CLUSTER = 8 * SECTOR
SMALLEST = 32 << 20  # bytes; leaves room to edit the config on the stick
LARGEST = 4 << 30
FILE_TIME = "1577880000"  # what directory entries say: noon of 2020-01-01 UTC


class EspError(Exception):
    """Something to tell the user; the text is a whole sentence."""


def _run(command, explanation):
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1", SOURCE_DATE_EPOCH=FILE_TIME, TZ="UTC")
    try:
        result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace")
    except FileNotFoundError:
        raise EspError(f"the program {command[0]} is missing: run 'tools/setup build'") from None
    if result.returncode != 0:
        raise EspError(f"{explanation}: {result.stdout.strip()}")


def _partition_size(sources):
    """Bytes of a file system that holds the files and has an eighth to spare."""
    try:
        clusters = sum(-(-os.path.getsize(source) // CLUSTER) + 2 for source in sources)
    except OSError as error:
        raise EspError(f"cannot read {error.filename}: {error.strerror}") from None
    size = max(SMALLEST, clusters * CLUSTER * 9 // 8)
    if size > LARGEST:
        raise EspError(f"the files need {size >> 20} MiB, more than the {LARGEST >> 20} MiB that one "
                       "file system here may have")
    return -(-size // (1 << 20)) << 20


def _identity(files):
    """16 bytes that stand for these contents under these names."""
    digest = hashlib.sha256()
    for path, source in files:
        with open(source, "rb") as file:
            digest.update(f"{path}\0{os.path.getsize(source)}\0".encode())
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.digest()[:16]


class Esp:
    """The FAT file system in a disk image. Paths in it are given with slashes."""

    def __init__(self, image):
        self.image = image
        self._drive = f"{image}@@{PARTITION_START}"

    @classmethod
    def create(cls, image, files):
        """Make the image with files, a list of (path in the file system, path of the source)."""
        size = _partition_size([source for _, source in files])
        identity = _identity(files)
        with open(image, "wb") as output:
            output.truncate(PARTITION_START + size + GPT_BACKUP)
        _run(["sgdisk", "--clear", f"--new=1:{PARTITION_START // SECTOR}:+{size // SECTOR}",
              "--typecode=1:ef00", "--change-name=1:Bulkhead",
              f"--disk-guid={uuid.UUID(bytes=identity, version=4)}",
              f"--partition-guid=1:{uuid.UUID(bytes=identity[::-1], version=4)}", image],
             f"cannot write a partition table into {image}")
        esp = cls(image)
        _run(["mformat", "-i", esp._drive, "-v", "BULKHEAD", "-N", identity[:4].hex(),
              "-T", str(size // SECTOR), "-h", "255", "-s", "63",
              "-H", str(PARTITION_START // SECTOR), "-c", str(CLUSTER // SECTOR), "::"],
             f"cannot make a file system in {image}")
        folders = set()
        for path, source in files:
            esp._add_folders(os.path.dirname(path), folders)
            esp.add(path, source)
        return esp

    def _add_folders(self, folder, known):
        if not folder or folder.upper() in known:
            return
        self._add_folders(os.path.dirname(folder), known)
        _run(["mmd", "-i", self._drive, f"::/{folder}"], f"cannot make {folder} in {self.image}")
        known.add(folder.upper())

    def holds(self, path):
        """Is there a file of that name?"""
        try:
            _run(["mdir", "-b", "-i", self._drive, f"::/{path}"], "no such file")
        except EspError:
            return False
        return True

    def add(self, path, source):
        """Copy the file source to path, whose folder is there."""
        _run(["mcopy", "-o", "-i", self._drive, source, f"::/{path}"],
             f"cannot copy {source} into {self.image}")

    def copy_out(self, path, target):
        """Copy the file path to target."""
        _run(["mcopy", "-n", "-o", "-i", self._drive, f"::/{path}", target],
             f"cannot copy {path} out of {self.image}")

    def rename(self, old, new):
        """Rename a file within its folder."""
        _run(["mren", "-i", self._drive, f"::/{old}", os.path.basename(new)],
             f"{self.image} holds no file {old}")

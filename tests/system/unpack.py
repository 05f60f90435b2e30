# SPDX-License-Identifier: MIT
"""The ELF file (vmlinux) inside a bzImage: what a loader by PVH starts."""

import lzma
import struct

LZ4_LEGACY = b"\x02\x21\x4c\x18"
XZ = b"\xfd7zXZ\0"


def length(block, at, count):
    """A length that goes on as long as its bytes are 255; it and where it ends."""
    if count < 15:
        return count, at
    while True:
        more, at = block[at], at + 1
        count += more
        if more != 255:
            return count, at


def lz4_block(block):
    """LZ4 Block Format: literals, then a copy of what came before, and so on."""
    out, at = bytearray(), 0
    while True:
        token, at = block[at], at + 1
        count, at = length(block, at, token >> 4)
        out += block[at : at + count]
        at += count
        if at >= len(block):
            return out
        start = len(out) - int.from_bytes(block[at : at + 2], "little")
        count, at = length(block, at + 2, token & 15)
        count += 4
        while count > 0:  # what is copied may be what has just been written
            piece = out[start : start + count]
            out += piece
            start += len(piece)
            count -= len(piece)


def lz4_legacy(data):
    """LZ4 Frame Format, "Legacy frame", up to a size that cannot be one."""
    out, at = bytearray(), len(LZ4_LEGACY)
    while at + 4 < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        out += lz4_block(data[at + 4 : at + 4 + size])
        at += 4 + size
    return bytes(out)


def vmlinux(bzimage):
    """The Linux/x86 Boot Protocol: payload_offset counts from the protected-mode code on."""
    offset, size = struct.unpack_from("<II", bzimage, 0x248)
    start = (bzimage[0x1F1] + 1) * 512 + offset
    payload = bzimage[start : start + size]
    if payload.startswith(LZ4_LEGACY):
        return lz4_legacy(payload)
    assert payload.startswith(XZ), f"a kernel packed in an unknown way: {payload[:6].hex()}"
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(payload)

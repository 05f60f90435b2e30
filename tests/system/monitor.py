# SPDX-License-Identifier: MIT
"""QEMU's side of a machine: a device driven by hand, memory as the machine has it."""

import json
import re
import socket
import time

CONNECT = 30  # seconds


class Monitor:
    """QEMU's monitor at a socket (options(path) for the command line)."""

    def __init__(self, path):
        deadline = time.monotonic() + CONNECT
        self.socket = socket.socket(socket.AF_UNIX)
        while self.socket.connect_ex(str(path)) != 0:
            assert time.monotonic() < deadline, f"nobody listens at {path}"
            time.sleep(0.1)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.answer("QMP")
        self.execute("qmp_capabilities")

    @staticmethod
    def options(path):
        return ["-qmp", f"unix:{path},server=on,wait=off"]

    def close(self):
        self.lines.close()
        self.socket.close()

    def answer(self, key):
        """The next message with that key; events and other ones are passed over."""
        while line := self.lines.readline():
            message = json.loads(line)
            assert "error" not in message, message
            if key in message:
                return message[key]
        raise AssertionError("QEMU's monitor went away")

    def execute(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        return self.answer("return")

    def human(self, line):
        return self.execute("human-monitor-command", **{"command-line": line})

    def port_write(self, port, value, size=4):
        self.human(f"o/{'bhxw'[size - 1]} {port:#x} {value:#x}")

    def port_read(self, port):
        """32 bits."""
        return int(re.search(r"= (0x[0-9a-f]+)", self.human(f"i/w {port:#x}"))[1], 16)

    def memory(self, address, words):
        """As many words of 32 bits, by their HPA."""
        lines = self.human(f"xp/{words}xw {address:#x}").splitlines()
        return [int(word, 16) for line in lines for word in line.split(":")[1].split()]


class NetworkCard:
    """
    An RTL8139 at 00:10.0, which sends to itself: it reads a packet from memory and writes it to
    memory, wherever it is told. "RTL8139C(L) Datasheet", register descriptions. Bulkhead does not
    know that we drive it, as if its owner was a guest.
    """

    OPTIONS = ["-device", "rtl8139,bus=pcie.0,addr=0x10"]
    SLOT = 0x10
    PACKET = 64  # bytes
    HEADER = 4  # bytes before a packet that was received: status and length

    def __init__(self, monitor):
        self.monitor = monitor
        self.base = self.config(0x10) & ~3
        assert self.config(0) == 0x813910EC and self.base != 0

    def select(self, register):
        self.monitor.port_write(0xCF8, 0x80000000 | self.SLOT << 11 | register)

    def config(self, register):
        self.select(register)
        return self.monitor.port_read(0xCFC)

    def is_bus_master(self):
        return self.config(4) & 4 != 0

    def write(self, register, value, size=4):
        self.monitor.port_write(self.base + register, value, size)

    def copy(self, source, target):
        """PACKET bytes from there to there, if anything lets it."""
        self.select(4)
        self.monitor.port_write(0xCFC, 0x7)  # command: I/O, memory, bus master
        self.write(0x37, 0x10, 1)  # CR: reset
        self.write(0x37, 0x0C, 1)  # CR: receiver and transmitter on
        self.write(0x40, 0x60000)  # TCR: loopback
        self.write(0x44, 0x81)  # RCR: take all, wrap
        self.write(0x30, target)  # RBSTART
        self.write(0x20, source)  # TSAD0
        self.write(0x10, self.PACKET)  # TSD0: go

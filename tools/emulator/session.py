# SPDX-License-Identifier: MIT
"""Talk with a running machine over its serial line. Used by tools/run and by the system tests."""

import re
import select
import time

OVERLAP = 4096  # bytes of earlier output that a search sees again


class SessionError(Exception):
    """What was awaited did not come; the text says what."""


class Session:
    """The serial console of a running machine.

    on_output  called with each piece of output (bytes), or None
    """

    def __init__(self, machine, on_output=None):
        self.machine = machine
        self.on_output = on_output
        self.output = bytearray()  # all of it from the start, less carriage returns
        self.ended = False

    def send(self, data):
        try:
            self.machine.serial.sendall(data)
        except OSError:
            self.ended = True

    def pump(self, timeout, also=()):
        """Wait for output, at most timeout seconds. Returns those of `also` that can be read."""
        readable, _, _ = select.select([self.machine.serial, *also], [], [], max(0, timeout))
        if self.machine.serial in readable:
            readable.remove(self.machine.serial)
            try:
                data = self.machine.serial.recv(65536)
            except OSError:
                data = b""
            if data:
                self.output += data.replace(b"\r", b"")
                if self.on_output:
                    self.on_output(data)
            else:
                self.ended = True
                self.machine.wait()
        return readable

    def expect(self, pattern, timeout, start=0):
        """Pump until pattern is found in the output from offset start on. Returns the match."""
        watch = Watch([pattern], start)
        deadline = time.monotonic() + timeout
        while not watch.update(self.output, final=self.ended):
            if self.ended:
                raise SessionError(f"the machine ended before '{pattern}' was seen")
            if time.monotonic() >= deadline:
                raise SessionError(f"timed out after {timeout:g} s: '{pattern}' was not seen")
            self.pump(min(0.2, deadline - time.monotonic()))
        return watch.matches[pattern]


class Watch:
    """Patterns that are looked for in growing output, each until it was seen once."""

    def __init__(self, patterns, start=0):
        self.missing = list(dict.fromkeys(patterns))
        self.matches = {}
        self._compiled = {p: re.compile(p.encode(), re.MULTILINE) for p in self.missing}
        self._start = start
        self._searched = start
        self._looked = 0.0

    def update(self, output, final=False):
        """Look at what is new. Searches at most every 20 ms, as output comes byte by byte."""
        now = time.monotonic()
        if len(output) > self._searched and (final or now - self._looked >= 0.02):
            begin = max(self._start, self._searched - OVERLAP)
            for pattern in list(self.missing):
                match = self._compiled[pattern].search(output, begin)
                if match:
                    self.matches[pattern] = match
                    self.missing.remove(pattern)
            self._searched = len(output)
            self._looked = now
        return not self.missing

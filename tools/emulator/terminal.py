# SPDX-License-Identifier: MIT
"""The user's terminal: raw while the machine runs, and the key sequence that ends it."""

import os
import sys
import termios
import tty

PREFIX = b"\x01"  # Ctrl-A
QUIT = b"xX"


class Terminal:
    """Context manager around the terminal on standard input, if that is one."""

    def __init__(self):
        self.inputs = [sys.stdin.fileno()] if sys.stdin and sys.stdin.isatty() else []
        self.quit = False
        self._saved = None
        self._prefix = False

    def __enter__(self):
        if self.inputs:
            self._saved = termios.tcgetattr(self.inputs[0])
            tty.setraw(self.inputs[0])
        return self

    def __exit__(self, *_):
        if self._saved:
            termios.tcsetattr(self.inputs[0], termios.TCSADRAIN, self._saved)

    def keys(self):
        """What was typed and is for the machine. Sets quit on Ctrl-A x."""
        data = os.read(self.inputs[0], 4096)
        if not data:
            self.inputs = []
        out = bytearray()
        for key in (bytes([value]) for value in data):
            if self._prefix:
                self._prefix = False
                if key in QUIT:
                    self.quit = True
                    break
                out += PREFIX + key
            elif key == PREFIX:
                self._prefix = True
            else:
                out += key
        return bytes(out)

# SPDX-License-Identifier: MIT
"""What all emulators have in common: one process, one serial line, one folder of scratch files."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
CONNECT_SECONDS = 30

# tools/coverage: a folder for what each run writes to the debug port.
COVERAGE = os.environ.get("BULKHEAD_COVERAGE")
COVERAGE_SECONDS = 20


class MachineError(Exception):
    """The machine cannot be started or went down by itself; the text is for the user."""


_libc = ctypes.CDLL(None)


class Machine:
    """One emulated PC. Use it as a context manager: leaving the block ends the emulator.

    image       disk image; the emulator may write to it
    cpus        "N", or "PACKAGES:CORES:THREADS"
    memory      MiB
    debug_port  file that receives what is written to port 0xe9, or None
    ips         instructions per emulated second, for emulators that count them; None: as they like
    repeatable  the same image gives the same run: fixed clock, no random numbers
    iommu       one of the class's iommus, or None
    options     further options in the emulator's own language
    log         file for the emulator's own messages, or None
    """

    firmware = None  # its file
    needs_acpi = False  # its firmware has no ACPI tables: the image must bring some (acpi.py)
    iommus = ()  # that it can have

    def __init__(self, image, cpus="2", memory=1024, debug_port=None, ips=None,
                 repeatable=False, iommu=None, options=(), log=None):
        if not re.fullmatch(r"[1-9][0-9]*(:[1-9][0-9]*:[1-9][0-9]*)?", cpus):
            raise MachineError(f"'{cpus}' processors: expected a number, or "
                               "PACKAGES:CORES:THREADS")
        if iommu is not None and iommu not in self.iommus:
            raise MachineError(f"this emulator has no IOMMU of the kind '{iommu}'")
        self.image = os.path.abspath(image)
        self.cpus = cpus
        self.memory = memory
        self.debug_port = debug_port
        self.ips = ips
        self.repeatable = repeatable
        self.iommu = iommu
        self.options = list(options)
        self.folder = None
        self.log = log
        self.process = None
        self.serial = None
        self.started = None
        if COVERAGE and debug_port is None:
            descriptor, self.debug_port = tempfile.mkstemp(".counters", "run-", COVERAGE)
            os.close(descriptor)

    # What each emulator has to say for itself.

    def command(self, port):
        """The command line; the emulator connects its first serial port to this local TCP port."""
        raise NotImplementedError

    def powered_off(self):
        """After the process has ended: was that the guest's own wish?"""
        raise NotImplementedError

    def ticks(self):
        """After the process has ended: instructions that the machine ran, None: not known."""
        return None

    def streams(self):
        """Standard input, output and error of the emulator, for subprocess."""
        return {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                "stderr": subprocess.DEVNULL}

    def in_child(self):
        """Runs in the emulator's process before the emulator. If we are killed, so is it."""
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    # The same for all.

    def scratch(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="bulkhead-run-")
        self.log = self.log or self.scratch("emulator.log")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        if not os.path.isfile(self.firmware):
            raise MachineError(f"the UEFI firmware {self.firmware} is missing: run 'tools/setup "
                               "run'")
        with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
            command = self.command(server.getsockname()[1])
            self.started = time.monotonic()
            self.process = subprocess.Popen(command, cwd=self.folder, start_new_session=True,
                                            preexec_fn=self.in_child, **self.streams())
            self.serial = self._accept(server)
        self.serial.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _accept(self, server):
        server.settimeout(0.1)
        deadline = time.monotonic() + CONNECT_SECONDS
        while time.monotonic() < deadline:
            try:
                return server.accept()[0]
            except TimeoutError:
                if self.process.poll() is not None:
                    raise MachineError("the emulator did not start:\n" + self.log_tail()) from None
        raise MachineError(f"the emulator did not connect its serial port in {CONNECT_SECONDS} s")

    def log_tail(self, lines=15):
        try:
            with open(self.log, errors="replace") as log:
                return "".join("  " + line for line in log.readlines()[-lines:]).rstrip()
        except OSError:
            return "  (it left no log)"

    def wait(self):
        """The serial line has closed: let the emulator end by itself."""
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass

    def stop(self):
        """End the emulator and all that it started."""
        if self.process is None:
            return
        if COVERAGE:
            self._take_counters()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def _take_counters(self):
        """A kernel with counters writes them when asked for statistics (Ctrl-A s); see it done."""
        try:
            self.serial.sendall(b"\x01s")
        except (OSError, AttributeError):
            return
        deadline = time.monotonic() + COVERAGE_SECONDS
        size = -1
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(2)
            before, size = size, os.path.getsize(self.debug_port)
            if size == before:
                return

    def __exit__(self, *_):
        self.stop()
        if self.serial is not None:
            self.serial.close()
        shutil.rmtree(self.folder, ignore_errors=True)

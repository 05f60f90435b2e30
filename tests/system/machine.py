# SPDX-License-Identifier: MIT
"""A machine that runs Bulkhead, at the far end of tools/run, as the tests see it."""

import contextlib
import ctypes
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import place
from place import ROOT

BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD") or ROOT / "build")
CACHE = pathlib.Path(os.environ.get("BULKHEAD_CACHE") or ROOT / ".cache")
LOGS = BUILD / "system"

# Limits below are for a slow machine; a slower one sets this.
PATIENCE = float(os.environ.get("BULKHEAD_PATIENCE", "1"))
BOOT = 180 * PATIENCE  # seconds until init is done in all guests
STEP = 90 * PATIENCE  # for anything else

CTRL_A = "\x01"
AFTER_RAW = b"\x1b\\\x0f\x1b[0m"  # the console sends it behind what a guest sent as it was
BROKEN = b"\x0f"  # we keep that of it where lines of the log come into one of the guest's
INTERRUPTION = f"{BROKEN.decode()}\n(?:bulkhead\\| .*\n)+"


PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def end_with_us():
    """Runs in the child: when the tests are killed outright, tools/run ends its emulator."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def closed_on_failure(thing):
    """For what goes on running when all went well."""
    try:
        yield
    except BaseException:
        thing.close()
        raise


class NotSeen(AssertionError):
    """What was awaited did not come; shows the end of the console."""


class Machine:
    """One run of tools/run on a terminal of its own. Leaving it ends the emulator.

    what       config file or disk image
    name       of the file in build/system/EMULATOR that keeps the console's output
    arguments  more for tools/run, for the emulator behind "--"
    scratch    folder for its temporary files
    """

    def __init__(self, what, name, cpus=2, memory=1024, arguments=(), scratch=None):
        logs = LOGS / place.HERE.emulator
        logs.mkdir(parents=True, exist_ok=True)
        self.output = bytearray()
        self.position = 0  # where the next expect() begins to look
        self.status = None
        self.markers = 0
        self.facts = {}  # for tests that share what they asked the guests
        self.complaints = logs / f"{name}.err"
        command = [*place.HERE.command, "--cpus", cpus, "--memory", memory]
        command += ["--serial", logs / f"{name}.log", what, *arguments]
        environment = dict(os.environ, TMPDIR=str(scratch)) if scratch else None
        self.terminal, slave = pty.openpty()
        try:
            with open(self.complaints, "wb") as complaints:
                self.process = subprocess.Popen(
                    [str(word) for word in command],
                    env=environment,
                    stdin=slave,
                    stdout=slave,
                    stderr=complaints,
                    preexec_fn=end_with_us,
                )
        finally:
            os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.wait(30)
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None

    @property
    def running(self):
        return self.terminal is not None and self.process.poll() is None

    def pump(self, timeout):
        """Take what the console says, waiting for it at most that many seconds."""
        readable, _, _ = select.select([self.terminal], [], [], max(0, timeout))
        if not readable:
            return
        try:
            data = os.read(self.terminal, 65536).replace(b"\r", b"")
        except OSError:  # the other side is closed
            time.sleep(0.05)
            return
        seen = max(self.position, len(self.output) - len(AFTER_RAW))
        text = (self.output[seen:] + data).replace(AFTER_RAW + b"\n", BROKEN + b"\n")
        self.output[seen:] = re.sub(re.escape(AFTER_RAW) + rb"(?!\Z)", b"", text)

    def wait(self, timeout=STEP):
        """Until tools/run ends; returns its exit status."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            self.pump(0.1)
            if time.monotonic() > deadline:
                self.process.kill()
                raise NotSeen(f"the machine did not end in {timeout:g} s\n" + self.tail())
        self.pump(0)
        return self.process.returncode

    def tail(self, size=3000):
        return self.output[-size:].decode(errors="replace") + self.said()

    def said(self):
        """What tools/run itself wrote to standard error."""
        return self.complaints.read_text(errors="replace")

    def text(self, start=0):
        return self.output[start:].decode(errors="replace")

    def expect(self, pattern, timeout=STEP):
        """Wait until pattern comes behind what was last expected; returns the match."""
        compiled = re.compile(pattern.encode(), re.MULTILINE)
        deadline = time.monotonic() + timeout
        while not (match := compiled.search(self.output, self.position)):
            if self.process.poll() is not None:
                self.pump(0)
                if not compiled.search(self.output, self.position):
                    raise NotSeen(f"the machine ended before '{pattern}'\n" + self.tail())
                continue
            if time.monotonic() > deadline:
                raise NotSeen(f"'{pattern}' was not seen in {timeout:g} s\n" + self.tail())
            self.pump(0.5)
        self.position = match.end()
        return Match(match)

    def expect_all(self, patterns, timeout=STEP):
        """Wait for several, in whatever order; the next expect() looks behind the last of them."""
        start, end, matches = self.position, self.position, []
        for pattern in patterns:
            self.position = start
            matches.append(self.expect(pattern, timeout))
            end = max(end, self.position)
        self.position = end
        return matches

    def send(self, keys):
        os.write(self.terminal, keys.encode())

    def command(self, key):
        """Ctrl-A and a key."""
        self.send(CTRL_A + key)

    def select(self, number):
        """Show one guest alone, by its number from 1; it also gets the keys."""
        self.command(str(number))
        self.expect(rf"^bulkhead\| guest {number} \S+ as it is; Ctrl-A a shows all guests\n")

    def select_all(self):
        self.command("a")
        self.expect(r"^bulkhead\| all guests; what you type goes to guest \d+ \S+\n")

    def shells(self, *names, timeout=BOOT):
        """Wait until these guests are up, each with its shell's prompt. All are shown."""
        start, end = self.position, self.position
        for name in names:  # one's prompt may come before the other is up
            self.position = start
            self.expect(rf"^{name}\| bulkhead-guest: init done name={name} .*\n", timeout)
            self.expect(rf"^{name}\| / # ")
            end = max(end, self.position)
        self.position = end

    def shell(self, number, command, timeout=STEP, status=0):
        """Run a command in a guest's shell; returns what it printed."""
        self.select(number)
        return self.type_command(command, timeout, status)

    def type_command(self, command, timeout=STEP, status=0):
        """The same in the guest that is selected already."""
        self.markers += 1
        begin, end = f"begin-{self.markers}", f"end-{self.markers}"
        # The quotes keep the echo of the typed line from looking like the marks.
        self.send(f"echo begin''-{self.markers}; {command}; echo end''-{self.markers} $?\r")
        first = self.expect(rf"^{interrupted(begin)}\n", timeout).end
        last = self.expect(rf"^{interrupted(end + ' ')}(\d+)\n", timeout)
        said = self.output[first : last.start].decode(errors="replace")
        lines = re.sub(INTERRUPTION, "", said).splitlines()
        lines = [line for line in lines if not line.startswith("bulkhead| ")]
        assert int(last[1]) == status, f"'{command}' ended with status {last[1]}:\n" + "\n".join(
            lines
        )
        return "\n".join(lines)

    def statistics(self):
        """Ctrl-A s: for each guest the line's fields, those with slashes as tuples."""
        count = len(re.findall(rb"^bulkhead\| guest \S+: start 1 at", self.output, re.MULTILINE))
        self.command("s")
        lines = [
            self.expect(r"^bulkhead\| (stats guest=\S+ vcpu=0 exits=\d+ .* worst=\d+)\n")[1]
            for _ in range(count)
        ]
        return {fields["guest"]: fields for fields in map(parse_statistics, lines)}


def interrupted(text):
    """A pattern for what a guest prints, into which lines of the log may have come."""
    return f"(?:{INTERRUPTION})?".join(re.escape(character) for character in text)


class Match:
    """A match in the console's output, as text."""

    def __init__(self, match):
        self.groups = [text and text.decode(errors="replace") for text in match.groups()]
        self.text = match[0].decode(errors="replace")
        self.start, self.end = match.span()

    def __getitem__(self, index):
        return self.text if index == 0 else self.groups[index - 1]


def parse_statistics(line):
    """A statistics line as a dictionary."""
    fields = {}
    for word in line.split()[1:]:
        key, value = word.split("=")
        if "/" in value:
            fields[key] = tuple(int(part) for part in value.split("/"))
        else:
            fields[key] = int(value) if value.isdigit() else value
    return fields

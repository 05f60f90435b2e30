# SPDX-License-Identifier: MIT
"""Guests that go down hard: the record, what on-crash says, the waiting, the scrubbed memory."""

import re

import pytest

import image
import place
from machine import BOOT, Machine, closed_on_failure, parse_statistics

# Each on a processor of its own. None needs Linux, so all of this takes seconds.
GUESTS = [
    ("loop", "crash=triple", "on-crash = restart"),
    ("halted", "crash=fetchhole", "on-crash = halt"),
    ("again", "attack=scrub,residue plant=c0ffee0ddba11bad then=reboot", ""),
]


def boot_crashing(folder):
    sections = [image.attacker(name, cmdline, more) for name, cmdline, more in GUESTS]
    config = image.write_config(folder, "crashing", *sections)
    machine = Machine(config, "crashing", cpus=len(GUESTS))
    with closed_on_failure(machine):
        machine.expect_all(
            [
                r"^bulkhead\| guest loop: start 4 at tsc \d+\n",
                r"^bulkhead\| stats guest=halted .*\n",
                r"^bulkhead\| guest again: start 3 at tsc \d+\n",
            ],
            BOOT,
        )
    return machine


@pytest.fixture
def crashing(lab):
    """Attackers that crash in several ways."""
    return lab.get("crashing", boot_crashing)


@pytest.fixture
def log(crashing):
    """The lines of the hypervisor's log, without their prefix."""
    return re.findall(r"^bulkhead\| (.*)$", crashing.text(), re.M)


def record(log, guest):
    """The first crash record of a guest: its lines without the words that all begin with."""
    start = next(i for i, line in enumerate(log) if line.startswith(f"crash guest={guest} vcpu="))
    lines = [line for line in log[start:] if line.startswith(f"crash guest={guest} ")]
    rest = next((i for i, line in enumerate(lines[1:], 1) if " vcpu=" in line), len(lines))
    return [line.removeprefix(f"crash guest={guest} ") for line in lines[:rest]]


def test_record_of_a_triple_fault(log):
    lines = record(log, "loop")
    assert re.fullmatch(r"vcpu=0 reason='triple fault' exit=\d+ qualification=0", lines[0])
    assert re.fullmatch(r"rip=[0-9a-f]{16} rflags=\w+ cs=\w+ cs.base=0", lines[1])
    assert re.fullmatch(r"cr0=\w+ cr2=\w+ cr3=\w+ cr4=\w+ efer=\w+", lines[2])
    for line, first in zip(lines[3:7], ("rax", "rsp", "r8", "r12")):
        assert re.fullmatch(rf"{first}=[0-9a-f]{{16}}( \w+=[0-9a-f]{{16}}){{3}}", line)
    # It ends in UD2.
    assert re.fullmatch(r"code= 0f 0b( [0-9a-f]{2}){13}", lines[7])
    assert len(lines) == 8


def test_record_of_a_jump_into_nothing(log):
    lines = record(log, "halted")
    assert re.match(r"vcpu=0 reason='forbidden access' ", lines[0])
    assert lines[1] == "gpa=d0000000 fetch"
    assert lines[2].startswith("rip=00000000d0000000 ")
    assert lines[-1] == "code= unreadable"


def test_waits_double_while_it_crashes_at_once(log):
    waits = [
        int(match[1])
        for line in log
        if (match := re.fullmatch(r"guest loop: stopped soon after its start, next start in (\d+) ms",
                                  line))
    ]
    assert waits[:3] == [250, 500, 1000]


def test_start_is_delayed_as_the_log_says(log):
    khz = next(int(line.split()[1]) for line in log if re.match(r"TSC \d+ kHz", line))
    ticks = [int(line.split()[-1]) for line in log if re.match(r"guest loop: start \d+ at tsc", line)]
    gaps = [(later - earlier) // khz for earlier, later in zip(ticks, ticks[1:])]  # ms
    late = 200 if "own time" not in place.HERE.lacks else 2000
    for gap, wait in zip(gaps, (250, 500, 1000)):
        assert wait <= gap < wait + late


def test_guest_with_on_crash_halt_stays_off(log):
    assert sum(line.startswith("guest halted: start ") for line in log) == 1
    assert sum(line.startswith("stats guest=halted ") for line in log) == 1


def test_each_stop_has_its_statistics(log):
    stops = [i for i, line in enumerate(log) if re.match(r"guest loop: triple fault after", line)]
    assert len(stops) >= 3
    for stop in stops[:3]:
        line = next(line for line in log[stop:] if line.startswith("stats guest=loop "))
        assert parse_statistics(line)["exits"] > 0


def test_memory_and_registers_are_clean_after_a_restart(crashing):
    """It fills all of its memory before it reboots; its next life looks for that."""
    text = crashing.text()
    assert len(re.findall(r"^again\| attack plant: c0ffee0ddba11bad$", text, re.M)) >= 2
    lives = text.split("bulkhead| guest again: start ")[1:4]
    for life in lives[:2]:
        assert re.search(r"^again\| attack scrub: ok \d+ checks, \d+ KiB are zero$", life, re.M)
        assert re.search(r"^again\| attack residue: ok \d+ checks$", life, re.M)


def test_crash_of_the_last_guest_powers_the_machine_off(files, lab):
    lab.close()
    config = image.write_config(
        files, "last", image.attacker("last", "crash=triple", "on-crash = halt")
    )
    with Machine(config, "last", cpus=1) as machine:
        machine.expect(r"^bulkhead\| guest last: triple fault after \d+ ms\n", BOOT)
        machine.expect(r"^bulkhead\| all guests are off: powering off\n")
        assert machine.wait() == 0


def test_reboot_machine(files, lab):
    """The firmware comes up a second time, and so does all the rest."""
    lab.close()
    config = image.write_config(
        files,
        "reset",
        # The other guest has to be up before: this one spins for three seconds.
        image.attacker("reset", "attack=spin spin=3000 crash=triple", "on-crash = reboot-machine"),
        image.attacker("other", "crash=none then=hang"),
    )
    with Machine(config, "reset") as machine:
        for _ in range(2):
            machine.expect(r"BdsDxe: starting Boot", BOOT)
            machine.expect(r"^bulkhead\| guest other: start 1 at tsc", BOOT)
            machine.expect(r"^bulkhead\| guest reset: triple fault after \d+ ms\n")
            machine.expect(r"^bulkhead\| guest reset: on-crash = reboot-machine\n")

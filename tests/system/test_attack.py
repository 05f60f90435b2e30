# SPDX-License-Identifier: MIT
"""The attacker beside a Linux guest: tests/guests/README.md says what it tries."""

import re

import pytest

import image
import place
from machine import BOOT, ROOT, Machine, closed_on_failure

WITNESS, BAD = 1, 2
MIB = 24  # of the witness' memory that hold a pattern
PERIOD_US = 2000
ROUND = 600  # seconds that one round of attacks may take
MAIN = ROOT / "tests/guests/attacker/main.c"


# What QEMU's translator lets any program do, with or without a hypervisor: addresses that are not
# canonical in MSRs and descriptor table registers, TPAUSE and UMWAIT where CPUID has no WAITPKG, DR7.GD
# without effect, INT1 as #UD. LTR with another descriptor than a TSS ends QEMU itself, and for reserved
# bits of CR3 it leaves a guest as if its state were refused. PAE's directory pointers it reads from
# memory whenever it wants them.
LAX = ("msr_write", "vmx_insns", "cr_nonsense", "debug_registers", "descriptor_tables", "modes")

# What the attacker finds only where the place meets the need.
NEEDED = {"strict": LAX, "x2apic": ("counters",), "own time": ("legacy_devices",)}


def attacks():
    """The names of all that the attacker can be told to try here."""
    table = re.search(r"attacks\[\] = \{(.*?)\n\};", MAIN.read_text(), re.S)[1]
    names = re.findall(r'"(\w+)"', table)
    left_out = [name for need in NEEDED if need in place.HERE.lacks for name in NEEDED[need]]
    assert set(left_out) < set(names)
    return ",".join(name for name in names if name not in left_out)


def boot_besieged(folder):
    config = image.write_config(
        folder,
        "besieged",
        image.linux("good"),
        image.attacker("bad", f"attack={attacks()} crash=triple", "on-crash = restart"),
    )
    machine = Machine(config, "besieged")
    with closed_on_failure(machine):
        machine.shells("good", timeout=2 * BOOT)
    return machine


@pytest.fixture
def besieged(lab):
    """`good`, a Linux guest, boots and lives beside `bad`, which attacks, crashes, and starts again."""
    return lab.get("besieged", boot_besieged)


def test_neighbour_loses_no_tick_and_no_byte(besieged):
    khz = re.search(r"^bulkhead\| TSC (\d+) kHz", besieged.text(), re.M)[1]
    besieged.select(WITNESS)
    besieged.select_all()
    besieged.send(f"witness watch {MIB} {PERIOD_US} {khz}\r")
    besieged.expect(r"^good\| witness: watching\n")
    # One whole life of the attacker, from its start to its end.
    besieged.expect(r"^bulkhead\| guest bad: start \d+ at tsc", ROUND)
    besieged.expect(r"^bulkhead\| guest bad: triple fault after \d+ ms\n", ROUND)
    besieged.send("\r")
    line = besieged.expect(r"^good\| witness: (expected=.*)\n")[1]
    found = {key: int(value) for key, value in (word.split("=") for word in line.split())}
    assert found["woken"] > 500
    assert found["changed"] == 0
    if "own time" not in place.HERE.lacks:
        assert found["lost"] == 0 and found["woken"] == found["expected"]
        assert found["worst_us"] < 2 * PERIOD_US


def test_attacks_fail(besieged):
    """The attacker's own verdict on its whole life: nothing was possible that should not be."""
    if "bad| attack crash:" not in besieged.text():
        besieged.expect(r"^bad\| attack crash:", ROUND)
        besieged.expect(r"^bulkhead\| guest bad: triple fault after \d+ ms\n")
    text = besieged.text()
    lives = [life for life in text.split("bad| attack: start") if "bad| attack crash:" in life]
    assert lives
    for life in lives:
        assert re.findall(r"^bad\| attack \w+: (?:FAILED|note).*$", life, re.M) == []
        assert re.search(r"^bad\| attack: (\d+) ok, 0 failed$", life, re.M)


def test_neighbours_kernel_noticed_nothing(besieged):
    besieged.select(WITNESS)
    besieged.type_command("dmesg | grep -iE 'clocksource.*unstable|lockup|stall|nobody cared|oops|"
                          "call trace|unhandled'", status=1)
    counts = besieged.type_command("grep -E 'NMI|SPU|ERR|MIS|TRM|MCE' /proc/interrupts || true")
    assert [int(line.split()[1]) for line in counts.splitlines()] == [0] * len(counts.splitlines())

# SPDX-License-Identifier: MIT
"""Guests of several processors: Linux with three beside one of a single processor, and attackers
that have two."""

import re

import pytest

import image
import place
from machine import BOOT, STEP, Machine, closed_on_failure

MANY, ONE = 1, 2
CPUS = 3
SLOW = 4  # the emulator runs processors in turn: so much slower are four


def boot_quartet(folder):
    config = image.write_config(
        folder,
        "quartet",
        image.linux("many", "192M", "panic=1", f"cpus = {CPUS}\non-crash = restart"),
        image.linux("one", "128M"),
    )
    machine = Machine(config, "quartet", cpus=4)
    with closed_on_failure(machine):
        machine.shells("many", "one", timeout=SLOW * BOOT)
    return machine


@pytest.fixture
def quartet(lab):
    """`many` has three processors, `one` has one; each is at its shell."""
    return lab.get("quartet", boot_quartet)


def facts(line):
    words = dict(word.split("=") for word in line.split() if "=" in word)
    return {key: int(value) for key, value in words.items()}


def cpuinfo(machine, key):
    text = machine.shell(MANY, f"grep '^{key}\t' /proc/cpuinfo")
    return [int(line.split(":")[1]) for line in text.splitlines()]


def test_topology(quartet):
    """Cores without SMT, numbered from 0, whatever the machine's processors are."""
    assert quartet.shell(MANY, "nproc") == str(CPUS)
    assert quartet.shell(ONE, "nproc") == "1"
    assert cpuinfo(quartet, "processor") == list(range(CPUS))
    assert cpuinfo(quartet, "apicid") == list(range(CPUS))
    assert cpuinfo(quartet, "core id") == list(range(CPUS))
    assert cpuinfo(quartet, "siblings") == [CPUS] * CPUS
    assert cpuinfo(quartet, "cpu cores") == [CPUS] * CPUS


def test_processors_work_together(quartet):
    """Wake-ups, the clock, TLB shootdowns: tests/guests/witness/threads.c."""
    line = quartet.shell(MANY, "witness threads 100")
    assert facts(line) == {
        "cpus": CPUS,
        "turns": 2 * 100 * CPUS * (CPUS - 1) // 2,
        "wrong_cpu": 0,
        "backwards": 0,
        "stale": 0,
    }


def interrupts(machine, name):
    line = machine.shell(MANY, f"grep '^ *{name}:' /proc/interrupts")
    return [int(word) for word in line.split()[1 : 1 + CPUS]]


def test_nmi_reaches_all(quartet):
    """The backtrace of all processors: NMIs to those that sleep, and an NMI to oneself."""
    before = interrupts(quartet, "NMI")
    quartet.shell(MANY, "dmesg -n 1; dmesg -c > /dev/null; echo l > /proc/sysrq-trigger; sleep 1")
    text = quartet.shell(MANY, "dmesg | grep 'NMI backtrace for cpu'")
    assert {int(cpu) for cpu in re.findall(r"for cpu (\d+)", text)} == set(range(CPUS))
    after = interrupts(quartet, "NMI")
    assert sum(after) - sum(before) >= CPUS - 1


@pytest.mark.needs("x2apic")
@pytest.mark.parametrize("how, per_second", [("idle", 3), ("busy", 30)])
def test_no_exits_but_for_ipis(quartet, how, per_second):
    """Each processor for itself. A stock kernel wakes an idle neighbour about once a second, and
    asks it ten times a second for help while it computes."""
    for cpu in range(CPUS):
        line = quartet.shell(MANY, f"sleep 1; taskset -c {cpu} witness exits {how} 5")
        found = facts(line[line.index("seconds") :])
        # One more may come while the counters are read.
        assert found["total"] <= found["ipi"] <= per_second * found["seconds"], line
        found.update(seconds=0, total=0, ipi=0)
        assert not any(found.values()), line


def test_offline_and_online(quartet):
    """A processor is given up and comes back, again and again: HLT, then INIT and SIPI."""
    online = "/sys/devices/system/cpu/cpu{}/online"
    quartet.shell(MANY, "dmesg -c > /dev/null")
    for cpu in (1, 2, 1, 1):
        quartet.shell(MANY, f"echo 0 > {online.format(cpu)}")
        assert quartet.shell(MANY, "nproc") == str(CPUS - 1)
        quartet.shell(MANY, f"echo 1 > {online.format(cpu)}")
        assert quartet.shell(MANY, f"nproc; taskset -c {cpu} grep ctxt /proc/self/status | wc -l") == (
            f"{CPUS}\n2"
        )
    quartet.shell(MANY, "witness threads 10")
    counts = quartet.shell(MANY, "dmesg | grep -ciE 'bug:|oops|call trace|unhandled|lockup'", status=1)
    assert counts == "0"


def test_console_interrupt_goes_where_it_is_sent(quartet):
    """The virtual serial port interrupts whichever processor its I/O APIC entry names."""
    irq = quartet.shell(MANY, "grep -l . /proc/irq/*/ttyS0 2>/dev/null; ls -d /proc/irq/*/ttyS0")
    number = re.search(r"/proc/irq/(\d+)/ttyS0", irq)[1]
    for cpu in (1, 2, 0):
        quartet.shell(MANY, f"echo {cpu} > /proc/irq/{number}/smp_affinity_list")
        quartet.shell(MANY, "echo moving")
        before = interrupts(quartet, number)
        quartet.shell(MANY, "echo arrived; sleep 1")
        after = interrupts(quartet, number)
        moved = [end - start for start, end in zip(before, after)]
        assert moved[cpu] > 0 and sum(moved) == moved[cpu], (cpu, moved)


def type_all_shown(machine, guest, keys):
    machine.select(guest)
    machine.select_all()
    machine.send(keys)


def ends(quartet, command, reason, crash=None):
    """`many` ends by that command while `one` counts ticks; it comes back, and `one` lost none."""
    khz = re.search(r"^bulkhead\| TSC (\d+) kHz", quartet.text(), re.M)[1]
    starts = len(re.findall(r"^bulkhead\| guest many: start \d+ at tsc", quartet.text(), re.M))
    type_all_shown(quartet, ONE, f"witness watch 16 5000 {khz}\r")
    quartet.expect(r"^one\| witness: watching\n")
    type_all_shown(quartet, MANY, command + "\r")
    if crash:
        quartet.expect(rf"^bulkhead\| crash guest=many {crash} ")
    quartet.expect(rf"^bulkhead\| guest many: {reason} after \d+ ms\n", 2 * STEP)
    for cpu in range(CPUS):
        quartet.expect(rf"^bulkhead\| stats guest=many vcpu={cpu} exits=\d+ ")
    quartet.expect(rf"^bulkhead\| guest many: start {starts + 1} at tsc \d+\n")
    quartet.shells("many", timeout=SLOW * BOOT)
    assert quartet.shell(MANY, "nproc") == str(CPUS)
    type_all_shown(quartet, ONE, "\r")
    found = facts(quartet.expect(r"^one\| witness: (expected=.*)\n")[1])
    assert found["changed"] == 0, found
    if "own time" not in place.HERE.lacks:
        assert found["lost"] == 0 and found["woken"] == found["expected"], found


def test_reboot(quartet):
    ends(quartet, "reboot -f", "reboot")


def test_panic(quartet):
    """On another processor than the first, which reboots the guest then."""
    ends(quartet, "taskset -c 2 sh -c 'echo c > /proc/sysrq-trigger'", "reboot")


BUSY = "for c in 0 1 2; do taskset -c $c sh -c 'while :; do :; done' & done; sleep 1; "


def test_triple_fault(quartet):
    """Of one processor, while all others compute: nobody stopped them before."""
    ends(
        quartet,
        "echo triple > /sys/kernel/reboot/type; "
        + BUSY
        + "taskset -c 1 sh -c 'echo b > /proc/sysrq-trigger'",
        "triple fault",
        "vcpu=1 reason='triple fault'",
    )


def test_power_off(quartet):
    type_all_shown(quartet, MANY, "poweroff -f\r")
    quartet.expect(r"^bulkhead\| guest many: power-off after \d+ ms\n")
    # The processor that was many's first still looks after the console.
    assert quartet.shell(ONE, "hostname") == "one"
    type_all_shown(quartet, ONE, "poweroff -f\r")
    quartet.expect(r"^bulkhead\| all guests are off: powering off\n")
    assert quartet.wait() == 0


# Each on two processors of its own.
FIGHTERS = [
    ("fight", "attack=processors then=poweroff", ""),
    ("spins", "crash=spinreboot", "on-crash = restart"),
    ("both", "crash=bothtriple", "on-crash = restart"),
    ("other", "crash=secondtriple", "on-crash = restart"),
]
ENDINGS = [
    ("held", "crash=spintriple", "on-crash = halt"),
    ("first", "crash=initfirst", ""),
    ("self", "crash=selfreset", ""),
    ("alone", "crash=triple", "on-crash = restart"),
]
LIVES = 4


def boot_fighters(folder, name, fighters, expected):
    sections = [
        image.attacker(guest, cmdline, more + "\ncpus = 2") for guest, cmdline, more in fighters
    ]
    config = image.write_config(folder, name, *sections)
    machine = Machine(config, name, cpus=2 * len(fighters))
    with closed_on_failure(machine):
        machine.expect_all(expected, SLOW * BOOT)
    return machine


def again(guest):
    return rf"^bulkhead\| guest {guest}: start {LIVES} at tsc"


@pytest.fixture
def fighters(lab):
    expected = [r"^fight\| attack: \d+ ok, \d+ failed$", r"^bulkhead\| guest fight: power-off after"]
    expected += [again(guest) for guest in ("spins", "both", "other")]
    return lab.get("fighters", lambda folder: boot_fighters(folder, "fighters", FIGHTERS, expected))


@pytest.fixture
def endings(lab):
    expected = [r"^bulkhead\| stats guest=held vcpu=1 "]
    expected += [again(guest) for guest in ("first", "self", "alone")]
    return lab.get("endings", lambda folder: boot_fighters(folder, "endings", ENDINGS, expected))


def test_two_processors_at_each_other(fighters):
    """Starts, resets, interrupts of each kind: tests/guests/attacker/attack_smp.c."""
    text = fighters.text()
    assert re.findall(r"^fight\| attack \w+: (?:FAILED|note).*$", text, re.M) == []
    assert re.search(r"^fight\| attack processors: ok \d+ checks, 5\d lives", text, re.M)
    assert re.search(r"^fight\| attack: 1 ok, 0 failed$", text, re.M)


def reasons(machine, guest):
    return set(re.findall(rf"^bulkhead\| guest {guest}: (.+) after \d+ ms$", machine.text(), re.M))


def records(machine, guest):
    return re.findall(rf"^bulkhead\| crash guest={guest} (vcpu=\d reason='.*?')", machine.text(), re.M)


def test_ends_with_a_part_for_both(fighters):
    """Nobody delays the end, not with interrupts off, and one end of several counts."""
    assert reasons(fighters, "spins") == {"reboot"} and records(fighters, "spins") == []
    assert reasons(fighters, "other") == {"triple fault"}
    assert set(records(fighters, "other")) == {"vcpu=1 reason='triple fault'"}
    assert reasons(fighters, "both") == {"triple fault"}
    both = records(fighters, "both")
    assert set(both) <= {f"vcpu={cpu} reason='triple fault'" for cpu in (0, 1)}
    ends = len(re.findall(r"^bulkhead\| guest both: triple fault after", fighters.text(), re.M))
    assert len(both) in (ends, ends + 1)


def test_other_ends(endings):
    """INIT to the first processor resets the guest; one that waits for its SIPI is no obstacle."""
    assert records(endings, "held") == ["vcpu=0 reason='triple fault'"]
    assert "guest held: start 2 at" not in endings.text()
    assert reasons(endings, "first") == {"reboot"}
    assert reasons(endings, "self") == {"reboot"}
    assert "self| attack selfreset: shorthands do nothing" in endings.text()
    assert reasons(endings, "alone") == {"triple fault"}

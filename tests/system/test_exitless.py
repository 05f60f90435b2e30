# SPDX-License-Identifier: MIT
"""A guest that does nothing, or nothing but compute, never leaves its processor to us.

Measured by the guest itself (tests/guests/witness) with the counters that its CPUID tells, while the
other guest computes and while nobody types or prints.
"""

import pytest

NUMBERS = {"web": 1, "rt": 2}
SECONDS = 10


def counts(line):
    words = dict(word.split("=") for word in line.split()[3:])
    return {key: int(value) for key, value in words.items()}


@pytest.mark.needs("x2apic")
@pytest.mark.parametrize("how", ["idle", "busy"])
@pytest.mark.parametrize("guest", NUMBERS)
def test_no_exits(pair, guest, how):
    line = pair.shell(NUMBERS[guest], f"sleep 1; witness exits {how} {SECONDS}")
    assert line.startswith(f"witness: exits {how} seconds={SECONDS} total=")
    assert {kind: count for kind, count in counts(line).items() if count != 0} == {"seconds": 10}


def test_the_counters_count(pair):
    """The zeros above mean something: the same program sees the exits of a guest that prints."""
    pair.select(NUMBERS["web"])
    line = pair.type_command("(sleep 2; echo noise) & sleep 1; witness exits idle 3")
    found = counts(line[line.index("witness:") :])
    assert found["total"] > 10 and found["console"] > 5
    assert found["total"] == sum(found.values()) - found["total"] - found["seconds"]


@pytest.mark.needs("x2apic")
def test_neighbour_computes(pair):
    """Not even while the other guest is busy. Nobody types into that one until it is done."""
    pair.shell(NUMBERS["rt"], "{ (sleep 1; witness exits busy 11 > /tmp/busy) & }")
    line = pair.shell(NUMBERS["web"], "sleep 1; witness exits idle 10; sleep 5")
    assert counts(line)["total"] == 0
    line = pair.shell(NUMBERS["rt"], "cat /tmp/busy")
    assert counts(line)["total"] == 0

# SPDX-License-Identifier: MIT
"""One guest reboots, crashes or is switched off; the other goes on. These tests end the machine."""

import re

import pytest

NUMBERS = {"web": 1, "rt": 2}


def uptime(pair, name):
    return float(pair.shell(NUMBERS[name], "cat /proc/uptime").split()[0])


def starts(pair, name):
    return len(re.findall(rf"^bulkhead\| guest {name}: start \d+ at tsc", pair.text(), re.M))


@pytest.mark.parametrize(
    "name, other, command",
    [
        ("web", "rt", "reboot -f"),
        ("rt", "web", "echo c > /proc/sysrq-trigger"),  # panics; panic=1 then reboots
    ],
)
def test_reboot_of_one_guest(pair, name, other, command):
    pair.shell(NUMBERS[other], "echo here > /tmp/mark")
    before, count, others = uptime(pair, other), starts(pair, name), starts(pair, other)
    pair.shell(NUMBERS[name], "echo here > /tmp/mark")
    pair.select_all()
    pair.send(command + "\r")
    pair.expect(rf"^bulkhead\| guest {name}: reboot after \d+ ms\n")
    pair.expect(rf"^bulkhead\| stats guest={name} vcpu=0 exits=\d+ ")
    pair.expect(rf"^bulkhead\| guest {name}: start {count + 1} at tsc \d+\n")
    pair.shells(name)
    pair.shell(NUMBERS[name], "test -e /tmp/mark", status=1)
    assert pair.shell(NUMBERS[other], "cat /tmp/mark") == "here"
    assert uptime(pair, other) > before
    assert starts(pair, other) == others
    # Linux saves nothing across a reboot, but it must find the same machine again.
    assert pair.shell(NUMBERS[name], "nproc; dmesg | grep -c 'Hypervisor detected: KVM'") == "1\n1"


def test_poweroff_of_one_guest_then_of_all(pair):
    pair.select(NUMBERS["web"])
    pair.select_all()
    pair.send("poweroff -f\r")
    pair.expect(r"^bulkhead\| guest web: power-off after \d+ ms\n")
    pair.expect(r"^bulkhead\| stats guest=web vcpu=0 exits=\d+ ")
    # The processor that was web's still looks after the console.
    assert pair.shell(NUMBERS["rt"], "hostname") == "rt"
    pair.command("1")
    pair.expect(r"^bulkhead\| guest 1 web as it is; Ctrl-A a shows all guests\n")
    pair.send("nobody reads this\r")
    pair.select(NUMBERS["rt"])
    pair.send("poweroff -f\r")
    pair.expect(r"^bulkhead\| guest rt: power-off after \d+ ms\n")
    pair.expect(r"^bulkhead\| stats guest=rt vcpu=0 exits=\d+ ")
    pair.expect(r"^bulkhead\| all guests are off: powering off\n")
    assert pair.wait() == 0
    assert "run: powered off after" in pair.said()

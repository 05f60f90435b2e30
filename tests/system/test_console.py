# SPDX-License-Identifier: MIT
"""One serial line for two guests: what is shown, what is typed, and the keys in between."""

import re

import pytest

WEB, RT = 1, 2


@pytest.fixture(autouse=True)
def all_shown(pair):
    """Each test starts with all guests shown and `web` getting the keys."""
    pair.select(WEB)
    pair.select_all()


def test_every_line_has_a_name_in_front(pair):
    lines = pair.text()
    lines = lines[lines.index("bulkhead| guest") : lines.index("init done")].splitlines()
    assert len(lines) > 10
    assert [line for line in lines if not re.match(r"(web|rt|bulkhead)\| ", line)] == []


@pytest.mark.parametrize("number, name", [(WEB, "web"), (RT, "rt")])
def test_type_into_either(pair, number, name):
    assert pair.shell(number, "hostname") == name


def test_prompt_is_shown_without_a_line_end(pair):
    pair.send("\r")
    pair.expect(r"^web\| / # \Z")


def test_keys_go_to_the_guest_shown_last(pair):
    pair.select(RT)
    pair.select_all()
    pair.send("hostname\r")
    pair.expect(r"^rt\| rt\n")


def test_next_and_previous(pair):
    for key, number, name in (("n", 2, "rt"), ("n", 1, "web"), ("p", 2, "rt"), ("p", 1, "web")):
        pair.command(key)
        pair.expect(rf"^bulkhead\| guest {number} {name} as it is; Ctrl-A a shows all guests\n")


def test_help(pair):
    pair.command("h")
    pair.expect(
        r"^bulkhead\| Ctrl-A, then 1-9: one guest; n, p: next, previous; a: all; s: statistics\n"
        r"bulkhead\| Ctrl-A Ctrl-A: a Ctrl-A for the guest; what you type goes to guest 1 web\n"
    )


def test_keys_that_mean_nothing(pair):
    pair.command("3")
    pair.expect(r"^bulkhead\| there is no guest 3: the last one is 2\n")
    pair.command("?")
    pair.expect(r"^bulkhead\| unknown key; Ctrl-A h lists them\n")


def test_ctrl_a_itself_reaches_the_guest(pair):
    """It takes the shell's cursor to the start of the line."""
    pair.select(WEB)
    pair.send("bc\x01\x01echo a\r")
    pair.expect(r"^abc\n")


def test_statistics(pair):
    statistics = pair.statistics()
    assert list(statistics) == ["web", "rt"]
    for guest in statistics.values():
        kinds = [value for value in guest.values() if isinstance(value, tuple)]
        assert len(kinds) == 12
        assert guest["exits"] == sum(count for count, _, _ in kinds) > 0
        assert guest["cycles"] == sum(cycles for _, cycles, _ in kinds)
        assert guest["worst"] == max(worst for _, _, worst in kinds)
        for count, cycles, worst in kinds:
            assert worst <= cycles and (count > 0) == (cycles > 0)
        assert guest["cpuid"][0] > 0 and guest["console"][0] > 0


def test_control_sequences_of_one_guest_touch_no_other_line(pair):
    pair.send(r"printf 'a\033[2J\033[Hb\033[31mred\033[0m\n'" + "\r")
    pair.expect(r"^web\| ab\x1b\[31mred\x1b\[0?m\n")


def test_guest_shown_alone_is_shown_as_it_is(pair):
    assert pair.shell(WEB, r"printf 'a\033[2J\033[Hb\n'") == "a\x1b[2J\x1b[Hb"


def test_lines_of_two_guests_are_not_mixed(pair):
    loop = "for i in $(seq 1 60); do echo $(hostname)-line $i xxxxxxxxxxxxxxxxxxxxxxxx; done"
    pair.select(RT)
    pair.send(f"sleep 0.3; {loop}; echo end''-rt\r")
    pair.select(WEB)
    pair.select_all()
    start = pair.position
    pair.send(f"{loop}; echo end''-web\r")
    pair.expect_all([r"^rt\| end-rt\n", r"^web\| end-web\n"])
    lines = pair.text(start)
    for name in ("web", "rt"):
        found = re.findall(rf"^{name}\| {name}-line (\d+) x{{24}}$", lines, re.M)
        assert found == [str(number) for number in range(1, 61)]


def test_guest_that_nobody_looks_at_does_not_wait(pair):
    pair.select(RT)
    pair.send("seq 1 8000; cat /proc/uptime > /tmp/uptime\r")
    pair.select(WEB)
    pair.type_command("sleep 20")
    pair.command(str(RT))
    hidden = pair.expect(r"^bulkhead\| (\d+) older lines of it were not shown\n")
    assert 2000 < int(hidden[1]) <= 8001
    done, now = pair.type_command("cat /tmp/uptime /proc/uptime").splitlines()
    assert float(done.split()[0]) < float(now.split()[0]) - 5


@pytest.mark.parametrize("number", [WEB, RT])
def test_long_paste_arrives_complete(pair, number):
    text = "".join(f"line {line:2} of a long text that somebody pastes in\r" for line in range(20))
    pair.select(number)
    pair.send("echo rea''dy; cat > /tmp/paste\r")
    pair.expect(r"^ready\n")  # the shell throws away what is typed before it leaves its line editor
    pair.send(text)
    pair.expect(r"^line 19 of a long text that somebody pastes in\n")
    pair.send("\x04")
    assert pair.type_command("cat /tmp/paste") == text.replace("\r", "\n").rstrip("\n")

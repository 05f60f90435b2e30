# SPDX-License-Identifier: MIT
"""tools/mkimage and tools/run, as their users see them."""

import os
import re
import signal
import subprocess
import time

import pytest

import image
import place
from machine import BOOT, STEP, Machine


@pytest.fixture
def config(files):
    return image.write_config(files, "tools", image.attacker("a", "attack=scrub then=hang"))


@pytest.fixture
def disk(config, tmp_path):
    out = tmp_path / "disk.img"
    made = image.mkimage(config, out)
    assert (made.returncode, made.stderr) == (0, "")
    assert f"sudo dd if={out} of=/dev/sdX bs=4M" in made.stdout
    return out


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---- mkimage ------------------------------------------------------------------------------------


def test_partition_table_is_valid(disk):
    assert "No problems found" in output_of("sgdisk", "-v", disk)
    listed = output_of("sgdisk", "-p", disk)
    assert re.search(r"^ +1 +2048 +\d+ +\S+ MiB +EF00 +Bulkhead$", listed, re.M)
    assert len(re.findall(r"^ +\d+ +\d+ ", listed, re.M)) == 1


def test_file_system_holds_what_the_config_names(disk):
    listed = output_of("mdir", "-/", "-b", "-i", f"{disk}@@1M", "::/")
    files = [line for line in listed.splitlines() if not line.endswith("/")]
    assert sorted(files) == [
        "::/EFI/BOOT/BOOTX64.EFI",
        "::/bulkhead/attacker.bin",
        "::/bulkhead/bulkhead.conf",
    ]


def test_files_are_copied_as_they_are(disk, config):
    for path, source in (
        ("EFI/BOOT/BOOTX64.EFI", image.BUILD / "bulkhead.efi"),
        ("bulkhead/bulkhead.conf", config),
        ("bulkhead/attacker.bin", image.ATTACKER),
    ):
        done = subprocess.run(
            ["mtype", "-i", f"{disk}@@1M", f"::/{path}"], capture_output=True, check=True
        )
        assert done.stdout == source.read_bytes(), path


def test_same_input_same_image(disk, config, tmp_path):
    assert image.mkimage(config, tmp_path / "again.img").returncode == 0
    assert (tmp_path / "again.img").read_bytes() == disk.read_bytes()


def test_bad_config_makes_no_image(files, tmp_path):
    config = image.write_config(files, "bad", "[guest web]\nmemroy = 64M\n")
    made = image.mkimage(config, tmp_path / "no.img")
    assert made.returncode == 1
    assert made.stderr == (
        f'{config}:2:1: [guest] knows no key "memroy"\n  hint: did you mean "memory"?\n'
        f"mkimage: {config} is refused, no image made\n"
    )
    assert list(tmp_path.iterdir()) == []


# ---- run ----------------------------------------------------------------------------------------


def descendants(pid):
    """Processes that a process started, and those that these started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    children = [int(word) for word in listed.stdout.split()]
    return children + [below for child in children for below in descendants(child)]


def gone(pid):
    deadline = time.monotonic() + STEP
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.05)
    return not os.path.exists(f"/proc/{pid}")


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_leaves_nothing_behind(disk, lab, tmp_path, number, status):
    lab.close()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Machine(disk, "signal", cpus=1, scratch=scratch) as machine:
        machine.expect("Bulkhead", BOOT)
        emulators = descendants(machine.process.pid)
        assert emulators and list(scratch.iterdir())
        machine.process.send_signal(number)
        assert machine.wait() == status
        assert all(gone(pid) for pid in emulators)
    assert list(scratch.iterdir()) == []
    assert sorted(disk.parent.iterdir()) == [disk, scratch]  # no lock file


def test_emulator_goes_with_a_killed_run(disk, lab):
    lab.close()
    with Machine(disk, "killed", cpus=1) as machine:
        machine.expect("BdsDxe", BOOT)
        emulators = descendants(machine.process.pid)
        machine.process.kill()
        machine.wait()
        assert emulators and all(gone(pid) for pid in emulators)


def test_ctrl_a_x_ends_it(disk, lab):
    lab.close()
    with Machine(disk, "quit", cpus=1) as machine:
        machine.expect("BdsDxe", BOOT)
        machine.command("x")
        assert machine.wait() == 0


def test_until_and_time_out(disk, lab):
    """Exit status 1, and it names what was not seen alone."""
    lab.close()
    command = [*place.HERE.command, "--cpus", "1", "--timeout", "30"]
    command += ["--until", "BdsDxe: starting", "--until", "no such line", disk]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stderr.endswith("run: timed out after 30 s; not seen:\n  no such line\n")


def test_users_image_stays_as_it_is(disk, lab):
    """A run writes to a copy."""
    lab.close()
    before = disk.read_bytes()
    with Machine(disk, "copy", cpus=1) as machine:
        machine.expect(r"^bulkhead\| guest a: start 1 at tsc", BOOT)
    assert disk.read_bytes() == before

# SPDX-License-Identifier: MIT
"""The machines that tests share, and where they run. README.md explains."""

import pytest

import image
import place
from machine import Machine, closed_on_failure

# Tests that use the same machine come one after another, in this order.
MACHINES = ["pair", "quartet", "fighters", "endings", "besieged", "crashing", "refusing"]

# These boot nothing: wherever they run, it is the same.
WITHOUT_MACHINE = ["test_check.py", "test_guest_acpi.py"]

# How often stress.py does what.
STRESS = {
    "--reboots": 500,
    "--bring-ups": 200,
    "--hot-plugs": 200,
    "--device-reboots": 20,
    "--transfer": 100,
}


def pytest_addoption(parser):
    parser.addoption("--machine", choices=list(place.PLACES), default="bochs",
                     help="where to boot: see tests/system/place.py (default: bochs)")
    for option, number in STRESS.items():
        parser.addoption(option, type=int, default=number, metavar="N",
                         help=f"stress.py: how often, how many MiB (default: {number})")


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(what...): skip where that is not to be had")
    place.choose(config.getoption("--machine"))


def pytest_runtest_setup(item):
    for mark in item.iter_markers("needs"):
        for what in mark.args:
            assert what in place.NEEDS, f"{what}: place.py knows no such need"
            if reason := place.HERE.lacks.get(what):
                pytest.skip(reason)


def pytest_collection_modifyitems(items):
    def machine_of(item):
        used = [MACHINES.index(name) for name in MACHINES if name in item.fixturenames]
        return used[0] if used else len(MACHINES)

    items.sort(key=machine_of)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that failed may leave its machine in any state: the next one gets a fresh one."""
    report = (yield).get_result()
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab:
        lab.close()


class Lab:
    """At most one machine, kept for the next test that wants the same."""

    def __init__(self, folder):
        self.folder = folder
        self.machine = None
        self.name = None
        self.boots = {}

    def get(self, name, boot):
        if self.name != name or not self.machine.running:
            self.start(name, boot)
        return self.machine

    def start(self, name, boot):
        self.close()
        self.boots[name] = self.boots.get(name, 0) + 1
        self.name = name
        self.machine = boot(self.folder)

    def close(self):
        if self.machine:
            self.machine.close()
        self.machine, self.name = None, None


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with kernels and initramfs for configs."""
    image.build()
    return image.folder_with_guests(tmp_path_factory.mktemp("guests"))


@pytest.fixture(scope="session")
def lab(files):
    lab = Lab(files)
    yield lab
    lab.close()


def boot_pair(folder):
    config = image.write_config(
        folder,
        "pair",
        image.linux("web", "128M", "panic=1"),
        image.linux("rt", "192M", "panic=1"),
    )
    machine = Machine(config, "pair")
    with closed_on_failure(machine):
        machine.shells("web", "rt")
    return machine


@pytest.fixture
def pair(lab):
    """Two Linux guests, `web` and `rt`, each at its shell."""
    return lab.get("pair", boot_pair)

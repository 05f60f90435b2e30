# SPDX-License-Identifier: MIT
"""The tools around the emulator, proved with the stock kernel alone, without Bulkhead."""

import subprocess

import place


def run(*arguments):
    return subprocess.run([*place.HERE.command, *arguments], capture_output=True,
                          text=True, errors="replace", stdin=subprocess.DEVNULL)


def test_stock_kernel_finds_what_the_tables_say():
    result = run("--native", "--timeout", "240", "--cpus", "2", "--cmdline",
                 "console=ttyS0,115200 bulkhead.name=native bulkhead.run=poweroff",
                 "--until", "init done name=native .* cpus=2 ",
                 "--until", f"ACPI: PM-Timer IO Port: {place.HERE.pm_timer:#x}",
                 "--until", "hpet0: at MMIO 0xfed00000",
                 "--until", "IOAPIC.*address 0xfec00000, GSI 0-23",
                 "--until", "reboot: Power down")
    assert result.returncode == 0, result.stderr
    assert "ACPI BIOS Error" not in result.stdout
    assert "ACPI Error" not in result.stdout


def test_time_out_names_what_was_not_seen():
    result = run("--native", "--timeout", "1", "--until", "never this", "--until", "nor (that)")
    assert result.returncode == 1
    assert "run: timed out after 1 s; not seen:\n  never this\n  nor (that)\n" in result.stderr


def test_refusals_have_a_reason(tmp_path):
    text = tmp_path / "no.conf"
    for arguments, status, message in (
        (["--native", "--cpus", "0"], 2, "run: '0' processors: expected a number"),
        (["--native", "--until", "("], 2, "'(' is no regular expression"),
        (["--native", "--kernel", "/nowhere"], 2, "run: /nowhere is missing: run 'tools/"),
        ([str(text)], 2, f"run: cannot read {text}: No such file"),
        ([], 2, "give a CONFIG or an IMAGE, or --native"),
    ):
        result = run("--timeout", "1", *arguments)
        assert result.returncode == status, arguments
        assert message in result.stderr, arguments

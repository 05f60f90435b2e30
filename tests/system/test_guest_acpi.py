# SPDX-License-Identifier: MIT
"""A guest's ACPI tables as somebody else reads them: the ACPI compiler takes them apart and puts
them together again, and finds in them what kernel/acpi/guest.h promises. No emulator."""

import pathlib
import re
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE = 0xE0000
SOURCES = [
    "tests/system/guest_acpi.c",
    "kernel/acpi/guest.c",
    "kernel/acpi/guest_dsdt.c",
    "kernel/acpi/guest_prt.c",
    "kernel/acpi/tables.c",
]


def constants():
    """The numbers that guest.h defines, by name."""
    text = (ROOT / "kernel/acpi/guest.h").read_text()
    found = re.findall(r"^#define (GUEST_\w+)\s+(0x[0-9a-f]+|\d+)u?\b", text, re.MULTILINE)
    return {name: int(value, 0) for name, value in found}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guest-acpi")
    generated = folder / "kernel/acpi"
    generated.mkdir(parents=True)
    for name, options in {"guest_dsdt": [], "guest_dsdt_pcie": ["-D", "PCI_EXPRESS"]}.items():
        compile_dsdt = ["iasl", "-vs", "-va", *options, "-tc", "-p", generated / name]
        done = subprocess.run(
            [*compile_dsdt, ROOT / "kernel/acpi/guest_dsdt.asl"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 Errors, 0 Warnings, 0 Remarks" in done.stdout
    binary = folder / "guest_acpi"
    compile_all = ["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-I.", f"-I{folder}"]
    subprocess.run([*compile_all, *SOURCES, "-o", binary], cwd=ROOT, check=True)
    return binary


def tables(program, vcpus, routes=0, pci=False):
    """Signature -> bytes of each table, found by way of the RSDP."""
    words = [program, str(vcpus), str(routes), *(["pci"] if pci else [])]
    memory = subprocess.run(words, capture_output=True, check=True).stdout

    def table(address):
        start = address - BASE
        length = struct.unpack_from("<I", memory, start + 4)[0]
        return memory[start : start + length]

    xsdt = table(struct.unpack_from("<Q", memory, 24)[0])
    listed = [table(entry) for (entry,) in struct.iter_unpack("<Q", xsdt[36:])]
    fadt = next(t for t in listed if t[:4] == b"FACP")
    dsdt = table(struct.unpack_from("<Q", fadt, 140)[0])
    found = {t[:4].decode(): t for t in [xsdt, *listed, dsdt]}
    found["RSDP"] = memory[:36]
    return found


def decode(table, name, folder):
    """The table in the ACPI compiler's words, after it made the same bytes out of them again."""
    binary = folder / f"{name}.dat"
    binary.write_bytes(table)
    taken_apart = subprocess.run(
        ["iasl", "-vs", "-d", binary.name], cwd=folder, capture_output=True, text=True
    )
    assert taken_apart.returncode == 0, taken_apart.stdout + taken_apart.stderr
    text = (folder / f"{name}.dsl").read_text()
    assert "ncorrect checksum" not in taken_apart.stderr + text
    together = subprocess.run(
        ["iasl", "-vs", "-p", f"{name}-again", f"{name}.dsl"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert together.returncode == 0, together.stdout + together.stderr
    # The compiler puts its own name and version into a table's header.
    again = (folder / f"{name}-again.aml").read_bytes()
    assert again[36:] == table[36:]
    return text


def field(text, name):
    """The values of all fields of that name, as the compiler prints them."""
    return re.findall(rf"{re.escape(name)}.* : (.*)$", text, re.MULTILINE)


def register(text, name):
    """Space, width and address of a generic address structure."""
    found = re.search(
        rf"{re.escape(name)} : \[Generic Address Structure\]\n.*Space ID : (\w+) .*\n"
        r".*Bit Width : (\w+)\n.*Bit Offset : 00\n.*Encoded Access Width : 01 .*\n"
        r".*Address : (\w+)\n",
        text,
    )
    assert found, text
    return tuple(int(value, 16) for value in found.groups())


def test_root(program, tmp_path):
    found = tables(program, 1)
    assert sorted(found) == ["APIC", "DSDT", "FACP", "RSDP", "XSDT"]
    rsdp = found["RSDP"]  # which the compiler does not take
    assert rsdp[:8] == b"RSD PTR " and rsdp[15] == 2
    assert sum(rsdp[:20]) % 256 == 0 and sum(rsdp) % 256 == 0
    for table in found.values():
        assert sum(table) % 256 == 0
    assert len(field(decode(found["XSDT"], "XSDT", tmp_path), "ACPI Table Address")) == 2


def test_fadt(program, tmp_path):
    numbers = constants()
    text = decode(tables(program, 1)["FACP"], "FACP", tmp_path)
    for name, value in [
        ("Hardware Reduced (V5)", "1"),
        ("Reset Register Supported (V2)", "1"),
        ("Control Method Power Button (V1)", "1"),
        ("Control Method Sleep Button (V1)", "1"),
        ("8042 Present on ports 60/64 (V2)", "0"),
        ("VGA Not Present (V4)", "1"),
        ("MSI Not Supported (V4)", "0"),
        ("CMOS RTC Not Present (V5)", "0"),
        ("Value to cause reset", f"{numbers['GUEST_RESET_VALUE']:02X}"),
        ("RTC Century Index", f"{numbers['GUEST_RTC_CENTURY']:02X}"),
    ]:
        assert field(text, name) == [value], name
    assert register(text, "Reset Register") == (1, 8, numbers["GUEST_RESET"])
    assert register(text, "Sleep Control Register") == (1, 8, numbers["GUEST_SLEEP_CONTROL"])
    assert register(text, "Sleep Status Register") == (1, 8, numbers["GUEST_SLEEP_STATUS"])


@pytest.mark.parametrize("vcpus", [1, 4, 255, 257])
def test_madt(program, tmp_path, vcpus):
    numbers = constants()
    text = decode(tables(program, vcpus)["APIC"], "APIC", tmp_path)
    assert field(text, "Local Apic Address") == [f"{numbers['GUEST_LAPIC_BASE']:08X}"]
    assert field(text, "PC-AT Compatibility") == ["0"]
    assert field(text, "Local Apic ID") == [f"{n:02X}" for n in range(min(vcpus, 255))]
    assert field(text, "Processor x2Apic ID") == [f"{n:08X}" for n in range(255, vcpus)]
    assert field(text, "Processor Enabled") == ["1"] * vcpus
    # The first "Address" is that of the local APIC.
    assert f" : {numbers['GUEST_IOAPIC_BASE']:08X}\n" in text
    assert field(text, "I/O Apic ID") == [f"{numbers['GUEST_IOAPIC_ID']:02X}"]
    assert field(text, "Interrupt") == ["00000000"]


def device(text, name):
    """The text of one device, up to the next."""
    return text.split(f"Device ({name})")[1].split("Device (")[0]


def squeezed(text):
    """Without comments and blanks, for comparing what is printed over many lines."""
    return re.sub(r"\s+", "", re.sub(r"//.*", "", text))


def test_dsdt(program, tmp_path):
    numbers = constants()
    text = decode(tables(program, 1)["DSDT"], "DSDT", tmp_path)
    assert "Name(_S5,Package(0x02){0x05,Zero})" in squeezed(text)
    assert numbers["GUEST_SLEEP_TYPE_S5"] == 5

    com1 = squeezed(device(text, "COM1"))
    port = f"0x{numbers['GUEST_COM1']:04X}"
    assert 'EisaId("PNP0501")' in com1
    assert f"IO(Decode16,{port},{port},0x01,0x08,)" in com1
    gsi = f"0x{numbers['GUEST_COM1_GSI']:08X}"
    assert f"Interrupt(ResourceConsumer,Edge,ActiveHigh,Exclusive,,,){{{gsi},}}" in com1

    rtc = squeezed(device(text, "RTC"))
    port = f"0x{numbers['GUEST_RTC']:04X}"
    assert 'EisaId("PNP0B00")' in rtc
    assert f"IO(Decode16,{port},{port},0x01,0x02,)" in rtc
    assert "Interrupt" not in rtc and "IRQ" not in rtc

    pci = squeezed(device(text, "PCI0"))
    start, end = numbers["GUEST_PCI_MEMORY_START"], numbers["GUEST_PCI_MEMORY_END"]
    assert 'EisaId("PNP0A03")' in pci
    assert f"0x00000000,0x{start:08X},0x{end - 1:08X},0x00000000,0x{end - start:08X}" in pci
    assert "PNP0C02" not in text and "_PRT" not in text


def test_pci_express(program, tmp_path):
    """MCFG and what reserves its window, which is not the host bridge's to give away."""
    numbers = constants()
    found = tables(program, 1, pci=True)
    assert sorted(found) == ["APIC", "DSDT", "FACP", "MCFG", "RSDP", "XSDT"]
    base, size = numbers["GUEST_ECAM_BASE"], numbers["GUEST_ECAM_SIZE"]
    text = decode(found["MCFG"], "MCFG", tmp_path)
    assert field(text, "Base Address") == [f"{base:016X}"]
    assert field(text, "Segment Group Number") == ["0000"]
    assert field(text, "Start Bus Number") == ["00"]
    assert field(text, "End Bus Number") == [f"{(size >> 20) - 1:02X}"]

    text = decode(found["DSDT"], "DSDT", tmp_path)
    ecam, pci = squeezed(device(text, "ECAM")), squeezed(device(text, "PCI0"))
    assert 'EisaId("PNP0C02")' in ecam
    assert f"Memory32Fixed(ReadWrite,0x{base:08X},0x{size:08X},)" in ecam
    assert 'Name(_HID,EisaId("PNP0A08")' in pci and 'Name(_CID,EisaId("PNP0A03")' in pci
    start = numbers["GUEST_PCI_MEMORY_START"]
    assert f"0x00000000,0x{start:08X},0x{base - 1:08X},0x00000000,0x{base - start:08X}" in pci


@pytest.mark.parametrize("routes", [1, 3, 4, 64, 124])
def test_interrupt_routes(program, tmp_path, routes):
    """As guest_acpi.c chooses them."""
    text = decode(tables(program, 1, routes)["DSDT"], "DSDT", tmp_path)
    prt = squeezed(text).split("Scope(_SB.PCI0){Name(_PRT,Package(")[1]
    found = re.findall(r"Package\(0x04\)\{0x(\w{8}),(\w+),Zero,(\w+)\}", prt)
    numbers = {"Zero": 0, "One": 1}
    assert [
        (int(address, 16), numbers.get(pin) if pin in numbers else int(pin, 16), int(gsi, 16))
        for address, pin, gsi in found
    ] == [((1 + i % 31) << 16 | 0xFFFF, i // 31, 16 + i % 8) for i in range(routes)]

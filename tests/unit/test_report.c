/* SPDX-License-Identifier: MIT */
/* Hardware reports: what is written is read back, and plans the same; what is broken is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/plan_devices.h"
#include "tests/unit/report_text.h"

/* A machine with a card for each guest, one of them with MSI-X, behind ports with ACS. */
static void make_machine(void)
{
    start();
    struct fake *disk = card(1);
    fake_put(disk, PCI_REVISION, 4, 0x01080201);
    fake_bar(disk, BAR(2), 0x8000000000, GIB(1), WIDE | PCI_BAR_PREFETCH);
    fake_msix(disk, 33, 0x2000, 0x3000);
    struct fake *lan = card(2);
    fake_bar(lan, BAR(1), 0xc040, 32, PCI_BAR_IS_IO);
    fake_put(lan, BAR(3), 4, 0); /* none */
    fake_sriov(fake_port(0, 9, 9, 10, PCI_PORT_ROOT), 0, 1, 1);
    fake_sriov(fake_endpoint(9, 0, 0), 3, 0x10, 1);
    fake_bridge(0, 0x1e, 0, 5, 5);
    fake_endpoint(5, 3, 0);
    fake_access.segments[fake_access.segment_count++] =
        (struct pci_segment){.ecam = {0xa0000000}, .number = 0xfffe, .last_bus = 3};
    fake_add_at(pci_address(0xfffe, 3, 31, 7), 0x80861234, 0x0c0330);
    wish(0, "nvme");
    wish(1, "02:00.0");
}

static void fill(struct report *report)
{
    memset(report, 0, sizeof(*report));
    fake_inventory();
    strcpy(report->firmware, "Maker \xe4, 1.0");
    strcpy(report->processor, "A processor");
    strcpy(report->virtualization, "AMD-V: nested paging, 1 GiB pages");
    report->console_port = 0x2f8;
    report->hardware = machine;
    assert_true(hardware_own(&report->hardware, 0xfee00000, 4096, false));
    assert_true(hardware_own(&report->hardware, 0x3f8, 8, true));
    assert_true(hardware_tie(&report->hardware, pci_address(0, 5, 3, 0)));
    report->hardware.ioapics[report->hardware.ioapic_count++] = (struct hardware_ioapic){24, 120};
    report->hardware.lines[report->hardware.line_count++] = (struct hardware_line){9, LINE_SCI};
    report->pci = inventory;
    for (uint32_t i = 0; i < inventory.count; i++)
        report->pci.functions[i].kept = (struct pci_kept){0}; /* nothing of the plan rests on it */
    report->acpi.dmar = (struct acpi_dmar){.present = machine.iommu == HARDWARE_VTD,
                                           .address_width = 39,
                                           .unit_count = machine.iommu == HARDWARE_VTD,
                                           .units = {{.base = 0xfed90000, .size = PAGE_4K}}};
}

static void read_back(void)
{
    if (!report_read(text, length, &again, &diag))
        fail_msg("%u:%u: %s\n%s", diag.line, diag.column, diag.message, text);
    assert_int_equal(again.unknown_lines, 0);
}

static bool plan_of(const struct report *report, struct plan *to)
{
    const struct plan_inputs inputs = {.config = &wishes,
                                       .hardware = &report->hardware,
                                       .needs = &small_needs,
                                       .pci = &report->pci};

    memset(to, 0, sizeof(*to));
    memset(&diag, 0, sizeof(diag));
    return plan_build(&inputs, to, &diag);
}

static void test_round_trip(void **state)
{
    static struct plan first, second;

    (void)state;
    make_machine();
    fill(&written);
    write_to(text, &written);
    read_back();
    assert_memory_equal(&again.hardware, &written.hardware, sizeof(again.hardware));
    assert_int_equal(again.pci.count, written.pci.count);
    assert_memory_equal(again.pci.functions, written.pci.functions,
                        written.pci.count * sizeof(struct pci_function));
    assert_int_equal(again.console_port, 0x2f8);
    assert_string_equal(again.firmware, "Maker ?, 1.0");
    assert_string_equal(again.virtualization, written.virtualization);
    assert_string_equal(again.unfit, "");
    strcpy(written.firmware, again.firmware);
    size_t size = length;
    write_to(text_again, &again);
    assert_int_equal(length, size);
    assert_string_equal(text_again, text);

    if (!plan_of(&written, &first))
        fail_msg("%s", diag.message);
    assert_true(plan_of(&again, &second));
    assert_int_equal(first.device_count, 2);
    assert_memory_equal(&first, &second, sizeof(first));
}

/* Functions that had no room are missing in the report, but it says so. */
static void test_functions_left_out(void **state)
{
    static struct plan ignored;

    (void)state;
    make_machine();
    fill(&written);
    written.pci.lost = 3;
    write_to(text, &written);
    assert_non_null(strstr(text, " functions-left-out=3"));
    read_back();
    assert_int_equal(again.pci.lost, 3);
    assert_false(plan_of(&again, &ignored));
    assert_non_null(strstr(diag.message, "more than 2048 PCI functions"));
}

/* The same refusals, too. */
static void test_refusal_of_both(void **state)
{
    static struct plan ignored;
    static const char *const names[] = {"05:03.0", "09:00.0", "03:00.0", "09:02.1", "ethernet#4"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        make_machine();
        wishes.device_count = 0;
        wishes.guests[0].device_count = 0;
        wishes.guests[1].device_count = 0;
        wish(1, names[i]);
        fill(&written);
        write_to(text, &written);
        read_back();
        bool good = plan_of(&written, &ignored);
        struct diag said = diag;
        assert_int_equal(plan_of(&again, &ignored), good);
        assert_memory_equal(&diag, &said, sizeof(diag));
    }
}

/* ---- broken reports ---- */

static const char head[] = "bulkhead hardware report 1\n"
                           "machine physical-bits=40 smt-shift=0 iommu=vtd console=0x3f8\n";
static const char body[] =
    "processor apic=0 node=0\nmemory base=0x0 size=0x1000 kind=free node=0\n";

#define FUNCTION(at, more)                                                                         \
    "function at=" at " vendor=0x8086 device=0x1 class=0x20000 header=0 port=conventional "        \
    "group=0 alias=0x8 reset=none flags=none" more "\n"

struct bad {
    const char *line; /* the third one */
    uint32_t column;
    const char *message;
};

static const struct bad bads[] = {
    {"processor apic=0", 1, "processor without node"},
    {"processor apic=x node=0", 16, "apic must be a number such as 12, not \"x\""},
    {"processor apic= node=0", 16, "apic must be a number such as 12, not \"\""},
    {"processor apic=4294967296 node=0", 16, "apic = 4294967296 is more than 0xffffffff"},
    {"processor apic=0 apic=1 node=0", 18, "a second apic in one line"},
    {"processor apic=0 node=0 color=red", 25, "processor has nothing called \"color=red\""},
    {"processor apic", 11, "processor has nothing called \"apic\""},
    {"machine physical-bits=40", 1, "a second line machine"},
    {"memory base=4096 size=0x1000 kind=free node=0", 13,
     "base must be a number such as 0x1f, not \"4096\""},
    {"memory base=0x800 size=0x1000 kind=free node=0", 13,
     "memory: base: these are not whole pages of 4 KiB below 4 PiB"},
    {"memory base=0x0 size=0x0 kind=free node=0", 13,
     "memory: base: these are not whole pages of 4 KiB below 4 PiB"},
    {"memory base=0xfffffffffffff000 size=0x2000 kind=free node=0", 13,
     "memory: base: these are not whole pages of 4 KiB below 4 PiB"},
    {"memory base=0x0 size=0x1000 kind=mine node=0", 34,
     "kind must be one of its words, not \"mine\""},
    {"memory base=0x2000 size=0x1000 kind=free node=0\n"
     "memory base=0x2000 size=0x1000 kind=free node=0",
     13, "memory: base: memory must be in the order of addresses, without overlaps"},
    {"processor apic=7 node=0\nprocessor apic=7 node=1", 16,
     "processor: apic: another processor has this number"},
    {"owned base=0xfff8 size=0x10 io=yes", 12, "owned: base: there are no such addresses"},
    {"ioapic first-gsi=24 pins=241", 26, "pins = 241 is more than 0xf0"},
    {"line gsi=4 use=usb", 16, "use must be one of its words, not \"usb\""},
    {"owned base=0x0 size=0x10 io=perhaps", 29, "io must be yes or no, not \"perhaps\""},
    {"mcfg base=0x1000 segment=0 first-bus=9 last-bus=8", 49,
     "mcfg: last-bus: it lies before the first"},
    {"dmar-unit base=0x1000 size=0x1000 segment=0", 1, "dmar-unit: there is no line dmar above it"},
    {"dmar-scope type=endpoint id=0 bus=0 path=1c.0", 1,
     "dmar-scope: there is no dmar-unit above it"},
    {"dmar-scope type=endpoint id=0 bus=0 path=1c.0/", 42,
     "path must be a path such as 1c.0/00.0, not \"1c.0/\""},
    {"dmar-scope type=endpoint id=0 bus=0 path=20.0", 42,
     "path must be a path such as 1c.0/00.0, not \"20.0\""},
    {"dmar-scope type=endpoint id=0 bus=0 path=1c.0/1.08", 42,
     "path must be a path such as 1c.0/00.0, not \"1c.0/1.08\""},
    {"ivrs-range first=0x0 last=0x8", 1, "ivrs-range: there is no ivrs-unit above it"},
    {"bar number=0 kind=mem32 base=0xf0000000 size=0x1000", 1,
     "bar: there is no function above it"},
    {FUNCTION("00:01.0", " group=1"), 127, "a second group in one line"},
    {FUNCTION("00:01.8", ""), 13, "at must be an address such as 00:1f.2, not \"00:01.8\""},
    {FUNCTION("nvme", ""), 13, "at must be an address such as 00:1f.2, not \"nvme\""},
    {FUNCTION("00:01.0", " parent=00:02.0"), 134,
     "parent must be a function above it, not \"00:02.0\""},
    {FUNCTION("00:01.0", "") FUNCTION("00:01.0", ""), 13,
     "function: at: this function stands above already"},
    {FUNCTION("00:01.0", "") FUNCTION("00:02.0", " parent=00:01.0"), 134,
     "function: parent: that function is no bridge to it"},
    {FUNCTION("00:01.0", "") FUNCTION("00:02.0", " physical=00:01.0"), 136,
     "function: physical: a virtual function has a physical one, and nothing else has"},
    {FUNCTION("00:01.0", ",flr,flr"), 122, "flags must be words with commas, not \"none,flr,flr\""},
    {FUNCTION("00:01.0", "") "bar number=7 kind=mem32 base=0xf0000000 size=0x1000", 12,
     "number = 7 is more than 0x6"},
    {FUNCTION("00:01.0", "") "bar number=0 kind=mem32 base=0xf0000800 size=0x1000", 30,
     "bar: base: nothing of that size can be there"},
    {FUNCTION("00:01.0", "") "bar number=0 kind=mem32 base=0xf0000000 size=0x1800", 46,
     "size must be a power of two such as 0x4000, not \"0x1800\""},
    {FUNCTION("00:01.0", "") "bar number=0 kind=mem64 base=0x10000000000 size=0x1000", 30,
     "bar: base: nothing of that size can be there"},
    {FUNCTION("00:01.0", "") "bar number=5 kind=mem64 base=0xf0000000 size=0x1000", 19,
     "bar: kind: this BAR cannot be of that kind"},
    {FUNCTION("00:01.0", "") "bar number=0 kind=mem64 base=0xf0000000 size=0x1000\n"
                             "bar number=1 kind=mem32 base=0xf0000000 size=0x1000",
     12, "bar: number: it is the upper half of the BAR before it"},
    {FUNCTION("00:01.0", "") "capabilities msix=0xb0", 19,
     "capabilities: msix: MSI-X and its vectors go together"},
    {FUNCTION("00:01.0", "") "capabilities\ncapabilities", 1, "a second line capabilities"},
    {"windows", 1, "windows: there is no function above it"},
    {FUNCTION("00:01.0", "") "windows io=0x1000 io-size=0x1000", 1,
     "windows: the function above it is no PCI bridge"},
    {"tied at=0", 9, "at must be an address such as 00:1f.2, not \"0\""},
    {"Processor apic=0 node=0", 1, "\"Processor\" begins no line of a report"},
    {"processor apic=0 n\xc3\xb6"
     "de=0",
     19, "byte 0xc3 is not ASCII text"},
};

/* A report whose third line (and what follows it) is that, and the line in which it ends. */
static uint32_t with_line(const char *line)
{
    uint32_t lines = 2;

    length = (size_t)snprintf(text, sizeof(text), "%s%s", head, line);
    if (text[length - 1] != '\n')
        text[length++] = '\n';
    text[length] = '\0';
    for (const char *at = text + strlen(head); *at != '\0'; at++)
        lines += *at == '\n';
    length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", body, "end\n");
    return lines;
}

static void test_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bads); i++) {
        uint32_t line = with_line(bads[i].line);
        if (report_read(text, length, &again, &diag))
            fail_msg("taken: %s", bads[i].line);
        assert_string_equal(diag.message, bads[i].message);
        assert_int_equal(diag.line, line);
        if (diag.column != bads[i].column)
            fail_msg("%s: column %u instead of %u", bads[i].line, diag.column, bads[i].column);
    }
}

static void whole(const char *all, uint32_t line, uint32_t column, const char *message)
{
    if (report_read(all, strlen(all), &again, &diag))
        fail_msg("taken: %s", all);
    assert_string_equal(diag.message, message);
    assert_int_equal(diag.line, line);
    assert_int_equal(diag.column, column);
}

#define TITLE   "bulkhead hardware report 1\n"
#define MACHINE "machine physical-bits=40 smt-shift=0 iommu=none console=0x3f8\n"

static void test_broken_as_a_whole(void **state)
{
    static char long_line[2000] = TITLE;

    (void)state;
    whole("", 1, 1, "this is no hardware report");
    assert_string_equal(diag.hint, "it begins with a line \"bulkhead hardware report 1\"");
    whole("[guest web]\n", 1, 1, "this is no hardware report");
    whole("bulkhead hardware report 2\n", 1, 26, "a report of another version than 1");
    whole("bulkhead hardware report 1x\n", 1, 26, "a report of another version than 1");
    assert_string_equal(diag.hint, "write it with a stick of the same version as this tool");
    whole(TITLE, 1, 1, "the report is cut off: its last line is not \"end\"");
    whole(TITLE MACHINE "processor apic=0 node=0\n", 3, 1,
          "the report is cut off: its last line is not \"end\"");
    whole(TITLE "end\n", 2, 1, "the report has no line machine");
    whole(TITLE MACHINE "end\n", 3, 1, "the report has no line processor");
    whole(TITLE "machine physical-bits=40 smt-shift=0 iommu=vtd console=0x3f8\n"
                "processor apic=0 node=0\nend\n",
          4, 1, "the machine has vtd, but the report no line dmar");
    whole(TITLE "machine physical-bits=40 smt-shift=0 iommu=amdvi console=0x3f8\n"
                "processor apic=0 node=0\nend\n",
          4, 1, "the machine has amdvi, but the report no line ivrs");
    whole(TITLE MACHINE "processor apic=0 node=0\ndmar address-width=39\nend\n", 5, 1,
          "the report has a line dmar, but no dmar-unit");
    whole(TITLE MACHINE "processor apic=0 node=0\n" FUNCTION("00:01.0", ",") "end\n", 4, 122,
          "flags must be words with commas, not \"none,\"");
    whole(TITLE MACHINE
          "processor apic=0 node=0\nfunction at=00:01.0 vendor=0x8086 device=0x1 "
          "class=0x20000 header=0 port=conventional group=0 alias=0x8 reset=flr flags=none\nend\n",
          4, 1, "group, alias, reset or flags do not follow from the other lines");
    whole(TITLE MACHINE
          "processor apic=0 node=0\nfunction at=00:01.0 vendor=0x8086 device=0x1 class=0x60400 "
          "header=1 port=conventional group=0 alias=0x8 reset=none flags=bridge-bad\nend\n",
          4, 1, "the bridge has no line windows");
    whole(TITLE FUNCTION("00:01.0", ""), 2, 1, "function: the line machine must come before it");
    memset(long_line + strlen(TITLE), '#', 600);
    whole(long_line, 2, 512, "the line has more than 511 bytes");
}

/* What a later version adds is left out and counted; remarks and line ends do not matter. */
static void test_taken(void **state)
{
    static const char all[] = TITLE "\r\n[a section]\r\n\t # a remark\r\n" MACHINE
                                    "processor apic=0 node=0 # the first\r\n"
                                    "temperature of=everything\nfan-speed\n"
                                    "unfit  it has no fan # at all \n"
                                    "warning \"odd\"\nend\nmemory beyond the end\n";

    (void)state;
    if (!report_read(all, sizeof(all) - 1, &again, &diag))
        fail_msg("%u:%u: %s", diag.line, diag.column, diag.message);
    assert_int_equal(again.unknown_lines, 2);
    assert_int_equal(again.hardware.cpu_count, 1);
    assert_string_equal(again.unfit, "it has no fan # at all ");
    assert_int_equal(again.unfit_line, 9);
}

/* Each table filled up, and one line more. */
static void test_full(void **state)
{
    (void)state;
    length = (size_t)snprintf(text, sizeof(text), "%s", head);
    for (uint32_t i = 0; i <= HARDWARE_MAX_CPUS; i++)
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "processor apic=%u node=0\n", i);
    assert_false(report_read(text, length, &again, &diag));
    assert_string_equal(diag.message, "more than 2048 lines processor");
    assert_int_equal(diag.line, 2 + HARDWARE_MAX_CPUS + 1);
}

/* The largest machine fits the limits of the text. */
static void test_largest(void **state)
{
    (void)state;
    world_reset();
    add_cores(0, HARDWARE_MAX_CPUS, 1);
    for (uint32_t i = 0; i < HARDWARE_MAX_RANGES; i++)
        add_range_of(i % 2 ? MEMORY_FREE : MEMORY_RESERVED, i * GIB(8), GIB(8), i);
    machine.phys_bits = 52;
    fake_reset();
    fake_port(0, 1, 1, 255, PCI_PORT_ROOT);
    for (uint32_t i = 0; i < PCI_MAX_FUNCTIONS - 1; i++) {
        struct fake *f = fake_add(1 + i / 256, 0, 0, 0x808610d3, 0x020000);
        f->at.raw += i % 256;
        for (uint32_t bar = 0; bar < 6; bar += 2)
            fake_bar(f, BAR(bar), 0x8000000000 + i * MIB(1), MIB(1), WIDE);
        fake_msix(f, 2048, 0, 0x8000);
    }
    fill(&written);
    strcpy(written.firmware, "a");
    written.pci.count = PCI_MAX_FUNCTIONS;
    for (uint32_t i = 1; i < PCI_MAX_FUNCTIONS; i++) {
        written.pci.functions[i] = written.pci.functions[1];
        written.pci.functions[i].address.raw = 0x100 + i;
        written.pci.functions[i].alias = (uint16_t)(0x100 + i);
        written.pci.functions[i].parent = PCI_NONE;
        written.pci.functions[i].flags = 0;
        written.pci.functions[i].group = (uint16_t)i;
        written.pci.functions[i].reset = PCI_RESET_NONE;
    }
    written.hardware.tied_count = 0;
    write_to(text, &written);
    read_back();
    assert_int_equal(again.pci.count, PCI_MAX_FUNCTIONS);
    assert_int_equal(again.hardware.cpu_count, HARDWARE_MAX_CPUS);
    assert_true(length < REPORT_MAX_BYTES / 2);
}

/* Cut off anywhere, it is refused. */
static void test_every_truncation(void **state)
{
    (void)state;
    make_machine();
    fill(&written);
    write_to(text, &written);
    for (size_t cut = 0; cut + 4 < length; cut++) {
        assert_false(report_read(text, cut, &again, &diag));
        if (cut >= strlen(TITLE))
            assert_string_equal(diag.message,
                                "the report is cut off: its last line is not \"end\"");
    }
    /* Without the last line's end it is whole. */
    assert_true(report_read(text, length - 1, &again, &diag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_functions_left_out),
        cmocka_unit_test(test_refusal_of_both),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_broken_as_a_whole),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_every_truncation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

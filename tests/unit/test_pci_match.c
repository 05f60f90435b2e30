/* SPDX-License-Identifier: MIT */
/* Names of PCI devices in configs, and devices in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/pci/class.h"
#include "kernel/pci/describe.h"
#include "kernel/pci/match.h"
#include "tests/unit/pci_machine.h"

static struct pci_selector selector;
static struct diag diag;

static bool parse(const char *text, uint32_t *at)
{
    return pci_selector_parse(text, (uint32_t)strlen(text), &selector, at, &diag);
}

static void test_good(void **state)
{
    static const struct {
        const char *text;
        struct pci_selector is;
    } cases[] = {
        {"00:1f.2", {0x00fa, 0, 0, PCI_BY_ADDRESS}},
        {"0:3.0", {0x0018, 0, 0, PCI_BY_ADDRESS}},
        {"ff:1F.7", {0xffff, 0, 0, PCI_BY_ADDRESS}},
        {"0000:00:1f.2", {0x00fa, 0, 0, PCI_BY_ADDRESS}},
        {"10:80:00.1", {0x108001, 0, 0, PCI_BY_ADDRESS}},
        {"03:00.*", {0x0300, 0, 0, PCI_BY_SLOT}},
        {"0001:03:00.*", {0x10300, 0, 0, PCI_BY_SLOT}},
        {"8086:10d3", {0x808610d3, 0, 1, PCI_BY_ID}},
        {"8086:10D3#2", {0x808610d3, 0, 2, PCI_BY_ID}},
        {"nvme", {0x010802, 0xffffff, 1, PCI_BY_CLASS}},
        {"nvme#1", {0x010802, 0xffffff, 1, PCI_BY_CLASS}},
        {"ethernet#999", {0x020000, 0xffff00, 999, PCI_BY_CLASS}},
        {"class:02", {0x020000, 0xff0000, 1, PCI_BY_CLASS}},
        {"class:0200#3", {0x020000, 0xffff00, 3, PCI_BY_CLASS}},
        {"class:0c0330", {0x0c0330, 0xffffff, 1, PCI_BY_CLASS}},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t at;
        assert_true(parse(cases[i].text, &at));
        assert_int_equal(selector.value, cases[i].is.value);
        assert_int_equal(selector.mask, cases[i].is.mask);
        assert_int_equal(selector.number, cases[i].is.number);
        assert_int_equal(selector.kind, cases[i].is.kind);
    }
}

/* Messages are tested in test_config_bad.c. */
static void test_bad(void **state)
{
    static const struct {
        const char *text;
        uint32_t at;
    } cases[] = {
        {"", 0},
        {":", 0},
        {"#1", 0},
        {"00:", 0},
        {"00:1f", 0},
        {"00:1f.", 6},
        {"00:1f.8", 6},
        {"00:1f.10", 6},
        {"00:20.0", 3},
        {"00:001.0", 0},
        {"100:00.0", 0},
        {"00000:00:00.0", 0},
        {"0:100:00.0", 0},
        {"0:0:0:0.0", 0},
        {"00:1f.2#1", 7},
        {"00:1f.2 ", 7},
        {"00:1f.**", 7},
        {"8086:10d", 0},
        {"808:10d3", 0},
        {"8086:10d3#", 10},
        {"8086:10d3#0", 10},
        {"8086:10d3#1000", 10},
        {"8086:10d3x", 9},
        {"class:", 6},
        {"class:020", 6},
        {"class:02000000", 6},
        {"class:zz", 6},
        {"nvme1", 0},
        {"nvme#x", 5},
        {"NVMe", 0},
        {"nvme#1 x", 6},
        {"99999999999:0.0", 0},
        {"0000:00:20.0", 8},
        {"0000::0.0", 0},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t at = 77;
        assert_false(parse(cases[i].text, &at));
        assert_int_equal(at, cases[i].at);
        assert_true(diag.message[0] != '\0' && diag.hint[0] != '\0');
    }
}

static uint16_t select_at(const char *text, uint16_t from, uint32_t *like)
{
    uint32_t at;

    assert_true(parse(text, &at));
    return pci_select_next(&inventory, &selector, from, like);
}

static void test_select(void **state)
{
    uint32_t like = 0;

    (void)state;
    fake_reset();
    fake_bridge(0, 0, 0, 0, 0);
    fake_put(&fakes[0], PCI_REVISION, 4, 0x02000000); /* a bridge that says Ethernet */
    fake_multi(fake_add(0, 3, 0, 0x808610d3, 0x020000));
    fake_add(0, 3, 1, 0x1af41000, 0x020000);
    fake_add(0, 4, 0, 0x808610d3, 0x020000);
    fake_add(0, 5, 0, 0x1b360010, 0x010802);
    fake_scan();

    assert_int_equal(select_at("00:04.0", 0, &like), 3);
    assert_int_equal(like, 1);
    assert_int_equal(select_at("00:00.0", 0, &like), 0); /* by address, a bridge is found */
    like = 0;
    assert_int_equal(select_at("00:03.*", 0, &like), 1);
    assert_int_equal(select_at("00:03.*", 2, &like), 2);
    assert_int_equal(select_at("00:03.*", 3, &like), PCI_NONE);
    like = 0;
    assert_int_equal(select_at("8086:10d3", 0, &like), 1);
    like = 0;
    assert_int_equal(select_at("8086:10d3#2", 0, &like), 3);
    assert_int_equal(pci_select_next(&inventory, &selector, 4, &like), PCI_NONE);
    like = 0;
    assert_int_equal(select_at("8086:10d3#3", 0, &like), PCI_NONE);
    assert_int_equal(like, 2);
    like = 0;
    assert_int_equal(select_at("ethernet#2", 0, &like), 2);
    like = 0;
    assert_int_equal(select_at("class:01", 0, &like), 4);
    like = 0;
    assert_int_equal(select_at("1b36:000c", 0, &like), PCI_NONE); /* by id, it is not */
}

static void test_classes(void **state)
{
    const char *names[PCI_CLASS_NAMES];

    (void)state;
    uint32_t count = pci_class_names(names);
    assert_true(count > 10 && count < PCI_CLASS_NAMES);
    for (uint32_t i = 0; i < count; i++) {
        const struct pci_class *class = pci_class_named(names[i], (uint32_t)strlen(names[i]));
        assert_non_null(class);
        assert_string_equal(class->name, names[i]);
        /* No other entry hides it. */
        if (class->mask == 0xffffff)
            assert_ptr_equal(pci_class_find(class->code), class);
        assert_int_equal(class->code & ~class->mask, 0);
    }
    assert_null(pci_class_named("nvm", 3));
    assert_string_equal(pci_class_find(0x010802)->words, "NVMe disk");
    assert_string_equal(pci_class_find(0x0108ff)->words, "storage controller");
    assert_string_equal(pci_class_find(0xff0000)->words, "device");
    assert_string_equal(pci_class_find(0x060400)->words, "PCI bridge");
}

/* ---- words ---- */

static void test_describe(void **state)
{
    char text[100];

    (void)state;
    fake_reset();
    struct fake *f = fake_endpoint(0, 0x1f, 2);
    fake_multi(fake_add(0, 0x1f, 0, 0x80862918, 0x060100));
    fake_msix(f, 3, 0, 0);
    fake_put(fake_add(0, 3, 0, 0x80861234, 0x0c0330), PCI_PIN, 1, 1);
    fake_cap(fake_add(0, 4, 0, 0x80861234, 0x030000), PCI_CAP_MSI, 10);
    fake_sriov(fake_endpoint(0, 5, 0), 1, 1, 1);
    fake_inventory();
    pci_describe(found(0, 0x1f, 2), text, sizeof(text));
    assert_string_equal(text, "00:1f.2 8086:10d3 Ethernet controller, MSI-X, no reset, group 4");
    pci_describe(found(0, 3, 0), text, sizeof(text));
    assert_string_equal(text, "00:03.0 8086:1234 USB controller (xHCI), INTx, no reset, group 0");
    pci_describe(found(0, 4, 0), text, sizeof(text));
    assert_string_equal(text, "00:04.0 8086:1234 VGA controller, MSI, no reset, group 1");
    pci_describe(found(0, 5, 1), text, sizeof(text));
    assert_string_equal(text,
                        "00:05.1 8086:1520 Ethernet controller (VF), no interrupt, FLR, group 3");
    pci_address_text(pci_address(0xffff, 0xff, 0x1f, 7), text);
    assert_string_equal(text, "ffff:ff:1f.7");
}

static void test_describe_bars(void **state)
{
    static const struct {
        struct pci_bar bar;
        const char *text;
    } cases[] = {
        {{.kind = PCI_BAR_NONE}, ""},
        {{.kind = PCI_BAR_BROKEN, .base = 5}, "broken"},
        {{.kind = PCI_BAR_IO, .base = 0xc040, .bits = 5}, "32 ports at 0xc040"},
        {{.kind = PCI_BAR_32, .base = 0xfe000000, .bits = 4}, "16 bytes at 0xfe000000"},
        {{.kind = PCI_BAR_32, .base = 0xfebc0000, .bits = 17}, "128K at 0xfebc0000"},
        {{.kind = PCI_BAR_64, .base = 0x8000000000, .bits = 34}, "16G at 0x8000000000"},
        {{.kind = PCI_BAR_64, .base = 0, .bits = 51}, "2P at 0"},
    };

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[40];
        pci_describe_bar(&cases[i].bar, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

static void test_every_word(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= PCI_FAULT_VTD_UNMASKED; i++)
        assert_true(strlen(pci_fault_text((enum pci_fault)i)) > 10);
    for (uint32_t i = 0; i <= PCI_RESET_PM; i++)
        assert_true(strlen(pci_reset_text((enum pci_reset)i)) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_bad),
        cmocka_unit_test(test_select),     cmocka_unit_test(test_classes),
        cmocka_unit_test(test_describe),   cmocka_unit_test(test_describe_bars),
        cmocka_unit_test(test_every_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

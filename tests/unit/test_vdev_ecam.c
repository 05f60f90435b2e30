/* SPDX-License-Identifier: MIT */
/* Configuration space in memory: its extended capabilities, and the window of a guest's PCI host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/acpi/guest.h"
#include "kernel/vdev/vplatform.h"
#include "tests/unit/pci_machine.h"

enum { AER = 0x01, SERIAL = 0x03, VENDOR = 0x0b, ATS = 0x0f, LTR = 0x18, PTM = 0x1f };

#define FUNCTION_1 0x8000u /* device 1 of the window */

static struct fake *device;
static struct vfunction v;
static uint32_t at_aer, at_ats, at_serial, at_vendor, at_ltr, at_msi;

static uint32_t get(uint32_t reg, unsigned size)
{
    return vfunction_read(&v, &fake_access, reg, size);
}

static void init(void)
{
    static const uint64_t none[PCI_BAR_COUNT];
    struct pci_function function = *found(0, 3, 0);
    vfunction_init(&v, &function, none, &fake_access);
}

static void make_device(void)
{
    fake_reset();
    device = fake_add(0, 3, 0, 0x808610d3, 0x020000);
    at_msi = fake_cap(device, PCI_CAP_MSI, 16);
    fake_put(device, at_msi + PCI_MSI_CONTROL, 2, PCI_MSI_64);
    fake_let_write(device, at_msi + PCI_MSI_CONTROL, 2, 1);
    fake_pcie(device, PCI_PORT_ENDPOINT);
    fake_inventory();
}

/* A header at `at`; not linked from anywhere. */
static void header(uint32_t at, uint32_t id, uint32_t next)
{
    fake_put(device, at, 4, id | 1 << 16 | next << 20);
}

static int setup(void **state)
{
    (void)state;
    make_device();
    at_aer = fake_ext(device, AER, 0x48);
    fake_put(device, at_aer + 4, 4, 0x00100000);
    fake_put(device, at_aer + 0x28, 4, 0x12345678);
    fake_put(device, at_aer + 0x44, 4, UINT32_MAX); /* behind what the guest sees */
    at_ats = fake_ext(device, ATS, 8);
    fake_put(device, at_ats + 4, 4, 0x00800060);
    at_serial = fake_ext(device, SERIAL, 12);
    fake_put(device, at_serial + 4, 4, 0xff123456);
    fake_ext(device, PCI_EXT_SRIOV, 0x40);
    at_vendor = fake_ext(device, VENDOR, 16);
    fake_put(device, at_vendor + 4, 4, 16u << 20 | 0x10077);
    fake_put(device, at_vendor + 12, 4, 0xabcdef01);
    at_ltr = fake_ext(device, LTR, 8);
    fake_put(device, at_ltr + 4, 4, 0x10031003);
    memset(device->writable + PCI_EXT_FIRST, 0xff, PCI_EXTENDED_SIZE - PCI_EXT_FIRST);
    init();
    return 0;
}

/* The guest's list has these ids, in this order. */
static void assert_list(const uint16_t *ids, uint32_t count)
{
    uint32_t at = PCI_EXT_FIRST;
    for (uint32_t i = 0; i < count; i++) {
        assert_in_range(at, PCI_EXT_FIRST, PCI_EXTENDED_SIZE - 4);
        assert_int_equal(get(at, 2), ids[i]);
        at = get(at, 4) >> 20;
    }
    assert_int_equal(count == 0 ? get(at, 4) : at, 0);
}

static void list_is_shorter(void **state)
{
    static const uint16_t expected[] = {AER, SERIAL, VENDOR, LTR};
    (void)state;
    assert_list(expected, ARRAY_COUNT(expected));
    assert_int_equal(get(at_aer, 4), AER | 1 << 16 | at_serial << 20);
    assert_int_equal(get(at_aer + 3, 1), at_serial >> 4);
    assert_int_equal(get(at_serial + 4, 4), 0xff123456);
    assert_int_equal(get(at_serial + 6, 2), 0xff12);
    assert_int_equal(get(at_aer + 0x28, 4), 0x12345678);
    assert_int_equal(get(at_vendor + 12, 4), 0xabcdef01);
    assert_int_equal(get(at_ltr, 4), LTR | 1 << 16);
}

/* What is hidden, what is behind the end of a capability, what is in none. */
static void rest_is_zero(void **state)
{
    (void)state;
    assert_int_equal(get(at_ats, 4), 0);
    assert_int_equal(get(at_ats + 4, 4), 0);
    assert_int_equal(get(at_aer + 0x44, 4), 0);
    fake_put(device, 0x800, 4, UINT32_MAX);
    assert_int_equal(get(0x800, 4), 0);
    assert_int_equal(get(0xfff, 1), 0);
}

static void nothing_is_written(void **state)
{
    uint8_t before[PCI_EXTENDED_SIZE];
    (void)state;
    memcpy(before, device->space, sizeof(before));
    for (uint32_t reg = PCI_EXT_FIRST; reg < PCI_EXTENDED_SIZE; reg += 4)
        for (unsigned size = 1; size <= 4; size *= 2)
            assert_int_equal(vfunction_write(&v, &fake_access, reg, size, UINT32_MAX),
                             VFUNCTION_NOTHING);
    assert_memory_equal(device->space, before, sizeof(before));
}

/* Of all ids that there are, these alone. */
static void rights_of_each_id(void **state)
{
    (void)state;
    for (uint32_t id = 1; id < UINT16_MAX; id++) {
        bool shown = id == AER || id == SERIAL || id == VENDOR || id == LTR || id == PTM;
        header(PCI_EXT_FIRST, id, 0);
        fake_put(device, PCI_EXT_FIRST + 4, 4, 0x00812345); /* for VSEC: eight bytes */
        init();
        assert_int_equal(get(PCI_EXT_FIRST, 2), shown ? id : 0);
        assert_int_equal(get(PCI_EXT_FIRST + 4, 4), shown ? 0x00812345 : 0);
    }
}

/* Then there is a header without an id in its place. */
static void hidden_one_is_first(void **state)
{
    static const uint16_t expected[] = {0, SERIAL, VENDOR, LTR};
    (void)state;
    header(at_aer, ATS, at_ats);
    init();
    assert_list(expected, ARRAY_COUNT(expected));
    assert_int_equal(get(at_aer, 4), at_serial << 20);
    assert_int_equal(get(at_aer + 4, 4), 0);
}

static void no_capabilities(void **state)
{
    (void)state;
    make_device();
    init();
    assert_list(NULL, 0);
    fake_put(device, PCI_EXT_FIRST, 4, UINT32_MAX); /* nobody answers there */
    init();
    assert_list(NULL, 0);
}

static void broken_lists_end(void **state)
{
    static const uint16_t expected[] = {AER, SERIAL};
    static const uint32_t wrong[] = {0x100, 0x140, 0x0fc, 0x004, 0x300};
    (void)state;
    fake_put(device, 0x300, 4, UINT32_MAX);
    header(at_aer, AER, 0x140);
    for (uint32_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        header(0x140, SERIAL, wrong[i]);
        fake_reads = 0;
        init();
        assert_list(expected, ARRAY_COUNT(expected));
        assert_in_range(fake_reads, 1, 100);
    }
}

/* Every doubleword is a header that leads to the next one, and the last to the first. */
static void longest_list_ends(void **state)
{
    (void)state;
    for (uint32_t at = PCI_EXT_FIRST; at < PCI_EXTENDED_SIZE; at += 4)
        header(at, ATS, at + 4 < PCI_EXTENDED_SIZE ? at + 4 : PCI_EXT_FIRST);
    fake_reads = 0;
    init();
    assert_in_range(fake_reads, VFUNCTION_EXTENDED, VFUNCTION_EXTENDED + 100);
    assert_list(NULL, 0);
}

static void too_many_are_left_out(void **state)
{
    static const uint16_t expected[] = {LTR, LTR, LTR, LTR, LTR, LTR, LTR, LTR};
    (void)state;
    make_device();
    for (uint32_t i = 0; i < VFUNCTION_LINKS + 3; i++)
        fake_ext(device, LTR, 8);
    init();
    assert_list(expected, ARRAY_COUNT(expected));
    assert_int_equal(get(PCI_EXT_FIRST + 8 * VFUNCTION_LINKS, 4), 0);
}

/* A capability that ends beyond the space is none, one that says how long it is among them. */
static void those_at_the_end(void **state)
{
    static const uint16_t expected[] = {LTR, VENDOR};
    (void)state;
    header(0x100, LTR, 0xff4);
    header(0xff4, VENDOR, 0xff8);
    header(0xff8, PTM, 0xffc);
    header(0xffc, VENDOR, 0);
    fake_put(device, 0xff8, 4, fake_get(device, 0xff8, 4) | 12u << 20); /* it is both */
    init();
    assert_list(expected, 1); /* 0xffc is the length of the one at 0xff4: too long */
    header(0xff8, PTM, 12);
    init();
    assert_list(expected, ARRAY_COUNT(expected));
    assert_int_equal(get(0xffc, 4), fake_get(device, 0xffc, 4));
}

static void who_has_none(void **state)
{
    (void)state;
    v.caps.pcie = 0;
    assert_int_equal(get(PCI_EXT_FIRST, 4), UINT32_MAX);
    assert_int_equal(get(0xffe, 2), UINT16_MAX);
    init();
    vfunction_remove(&v, &fake_access);
    assert_int_equal(get(PCI_EXT_FIRST, 4), UINT32_MAX);
    assert_int_equal(get(0xfff, 1), UINT8_MAX);
}

/* ---- the window ---- */

static struct vplatform p;

static int setup_window(void **state)
{
    setup(state);
    p = (struct vplatform){0};
    vpci_connect(&p.pci, &v, 1, &fake_access);
    vplatform_reset(&p, 0, MIB(64));
    return 0;
}

static uint64_t window_get(uint32_t offset, unsigned size)
{
    return vplatform_memory_read(&p, gpa(GUEST_ECAM_BASE + offset), size, 0);
}

static enum vplatform_action window_put(uint32_t offset, unsigned size, uint64_t value)
{
    return vplatform_memory_write(&p, gpa(GUEST_ECAM_BASE + offset), size, value, 0);
}

static void window_shows_functions(void **state)
{
    (void)state;
    assert_int_equal(window_get(FUNCTION_1, 4), 0x10d38086);
    assert_int_equal(window_get(FUNCTION_1 + 2, 2), 0x10d3);
    assert_int_equal(window_get(FUNCTION_1 + 11, 1), 0x02);
    assert_int_equal(window_get(FUNCTION_1 + at_serial + 4, 4), 0xff123456);
    assert_int_equal(window_get(0, 4), UINT32_MAX); /* 00:00.0 */
    assert_int_equal(window_get(8, 4), UINT32_MAX);
    assert_int_equal(window_get(FUNCTION_1 + 0x1000, 4), UINT32_MAX);
    assert_int_equal(window_get(2 * FUNCTION_1, 4), UINT32_MAX);
    assert_int_equal(window_get(GUEST_ECAM_SIZE - 4, 4), UINT32_MAX);
}

/* By both ways the same. */
static void ports_agree(void **state)
{
    (void)state;
    for (uint32_t reg = 0; reg < PCI_CONFIG_SIZE; reg += 4) {
        vpci_write(&p.pci, VPCI_ADDRESS, 4, 0x80000800 + reg);
        assert_int_equal(window_get(FUNCTION_1 + reg, 4), vpci_read(&p.pci, VPCI_DATA, 4));
    }
}

static void what_is_no_access(void **state)
{
    (void)state;
    assert_true(window_get(FUNCTION_1, 8) == UINT64_MAX);
    assert_int_equal(window_get(FUNCTION_1 + 2, 4), UINT32_MAX);
    assert_int_equal(window_get(FUNCTION_1 + 3, 2), UINT16_MAX);
    assert_int_equal(window_put(FUNCTION_1 + PCI_COMMAND, 8, 0x7), PLATFORM_NOTHING);
    assert_int_equal(window_put(FUNCTION_1 + PCI_COMMAND - 1, 2, 0x7ff), PLATFORM_NOTHING);
    assert_int_equal(window_put(0x1000 + PCI_COMMAND, 2, 0x7), PLATFORM_NOTHING);
    assert_int_equal(get(PCI_COMMAND, 2), 0);
}

static void writes_tell_news(void **state)
{
    (void)state;
    assert_int_equal(window_put(FUNCTION_1 + PCI_COMMAND, 2, 0x6), PLATFORM_NOTHING);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2) & 0x7, 0x6);
    assert_int_equal(window_put(FUNCTION_1 + at_msi + PCI_MSI_CONTROL, 2, 1), PLATFORM_PCI);
    assert_int_equal(p.pci.news, VFUNCTION_NEW_MSI);
    assert_int_equal(p.pci.changed, 0);
    assert_int_equal(vfunction_msi_vectors(&v), 1);
}

static void window_with_several(void **state)
{
    static struct vfunction many[33];
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(many); i++) {
        many[i] = v;
        many[i].rules[0].fixed = i << 16 | 0x8086;
    }
    vpci_connect(&p.pci, many, ARRAY_COUNT(many), &fake_access);
    assert_int_equal(window_get(FUNCTION_1 + 0x1000 + 2, 2), 31);
    assert_int_equal(window_get(FUNCTION_1 + PCI_HEADER, 1), PCI_HEADER_MULTI);
    assert_int_equal(window_get(0xf8002, 2), 30);
    assert_int_equal(window_get(FUNCTION_1 + at_serial + 4, 4), 0xff123456);
}

/* Without functions it is a hole like any other. */
static void no_window(void **state)
{
    (void)state;
    p = (struct vplatform){0};
    vplatform_reset(&p, 0, MIB(64));
    for (uint32_t offset = 0; offset < GUEST_ECAM_SIZE; offset += 0x1000) {
        assert_int_equal(window_get(offset, 4), UINT32_MAX);
        assert_int_equal(window_put(offset + PCI_COMMAND, 2, 7), PLATFORM_NOTHING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(list_is_shorter, setup),
        cmocka_unit_test_setup(rest_is_zero, setup),
        cmocka_unit_test_setup(nothing_is_written, setup),
        cmocka_unit_test_setup(rights_of_each_id, setup),
        cmocka_unit_test_setup(hidden_one_is_first, setup),
        cmocka_unit_test_setup(no_capabilities, setup),
        cmocka_unit_test_setup(broken_lists_end, setup),
        cmocka_unit_test_setup(longest_list_ends, setup),
        cmocka_unit_test_setup(too_many_are_left_out, setup),
        cmocka_unit_test_setup(those_at_the_end, setup),
        cmocka_unit_test_setup(who_has_none, setup),
        cmocka_unit_test_setup(window_shows_functions, setup_window),
        cmocka_unit_test_setup(ports_agree, setup_window),
        cmocka_unit_test_setup(what_is_no_access, setup_window),
        cmocka_unit_test_setup(writes_tell_news, setup_window),
        cmocka_unit_test_setup(window_with_several, setup_window),
        cmocka_unit_test(no_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

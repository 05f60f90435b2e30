/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/vdev/vfunction.h"
#include "kernel/vdev/vmsix.h"
#include "kernel/vdev/vpci.h"
#include "tests/unit/pci_machine.h"

#define ROM_GUEST  UINT64_C(0xc0080000)
#define ROM_HOST   0xfea00000
#define BAR1_GUEST UINT64_C(0x1040)
#define BAR0_GUEST UINT64_C(0xc0000000)
#define BAR2_GUEST UINT64_C(0x8000000000)

#define CAP_VENDOR 0x09
#define CAP_VPD    0x03

static struct fake *device;
static struct vfunction v;
static uint32_t at_pm, at_msi, at_vpd, at_pcie, at_vendor;

static uint32_t get(uint32_t reg, unsigned size)
{
    return vfunction_read(&v, &fake_access, reg, size);
}

static enum vfunction_news put(uint32_t reg, unsigned size, uint32_t value)
{
    return vfunction_write(&v, &fake_access, reg, size, value);
}

/* An Ethernet controller with all sorts of capabilities, some of which are nobody's business. */
static int setup(void **state)
{
    static const uint64_t bases[PCI_BAR_COUNT] = {
        [0] = BAR0_GUEST, [1] = BAR1_GUEST, [2] = BAR2_GUEST, [PCI_ROM] = ROM_GUEST};
    (void)state;
    fake_reset();
    device = fake_add(0, 3, 0, 0x808610d3, 0x020000);
    fake_multi(device);
    fake_bar(device, PCI_BAR0, 0xfeb00000, 0x20000, 0);
    fake_bar(device, PCI_BAR0 + 4, 0xc040, 32, PCI_BAR_IS_IO);
    fake_bar(device, PCI_BAR0 + 8, 0x800000000, 0x4000, PCI_BAR_TYPE_64 << 1 | PCI_BAR_PREFETCH);
    fake_put(device, PCI_ROM_BAR, 4, ROM_HOST | (uint32_t)PCI_ROM_ON);
    fake_let_write(device, PCI_ROM_BAR, 4, 0xffff0001);
    fake_put(device, PCI_PIN, 1, 1);
    fake_put(device, PCI_SUBVENDOR_ID, 4, 0x00a0abcd);
    at_pm = fake_cap(device, PCI_CAP_PM, 8);
    at_vpd = fake_cap(device, CAP_VPD, 8);
    at_msi = fake_cap(device, PCI_CAP_MSI, 24);
    fake_put(device, at_msi + PCI_MSI_CONTROL, 2, PCI_MSI_64 | PCI_MSI_MASKABLE | 2 << 1);
    fake_let_write(device, at_msi + PCI_MSI_CONTROL, 2, 0x71);
    fake_let_write(device, at_msi + 4, 4, UINT32_MAX);
    fake_let_write(device, at_msi + 8, 4, UINT32_MAX);
    fake_let_write(device, at_msi + 12, 2, UINT16_MAX);
    fake_let_write(device, at_msi + 16, 4, UINT32_MAX);
    at_pcie = fake_pcie(device, PCI_PORT_ENDPOINT);
    fake_put(device, at_pcie + PCI_PCIE_DEVICE_CAPS, 4, (uint32_t)PCI_PCIE_FLR | 1);
    fake_let_write(device, at_pcie + 8, 4, UINT32_MAX);
    fake_msix(device, 5, 3, 0x2003);
    fake_let_write(device, device->last_cap + PCI_MSIX_CONTROL, 2, 0xc000);
    at_vendor = fake_cap(device, CAP_VENDOR, 8);
    fake_put(device, at_vendor + 4, 4, 0x11223344);
    fake_inventory();
    vfunction_init(&v, found(0, 3, 0), bases, &fake_access);
    return 0;
}

static void header_is_shown(void **state)
{
    (void)state;
    assert_int_equal(get(PCI_VENDOR_ID, 4), 0x10d38086);
    assert_int_equal(get(PCI_DEVICE_ID, 2), 0x10d3);
    assert_int_equal(get(PCI_REVISION, 4) >> 8, 0x020000);
    assert_int_equal(get(PCI_SUBVENDOR_ID, 4), 0x00a0abcd);
    assert_int_equal(get(PCI_HEADER, 1), 0); /* one function, whatever the device is */
    assert_int_equal(get(PCI_PIN, 1), 0);
    assert_int_equal(get(PCI_STATUS, 2) & PCI_STATUS_CAPS, PCI_STATUS_CAPS);
}

static void virtual_function_has_ids(void **state)
{
    static const uint64_t none[PCI_BAR_COUNT];
    (void)state;
    struct pci_function function = *found(0, 3, 0);
    fake_put(device, PCI_VENDOR_ID, 4, UINT32_MAX);
    function.device = 0x1520;
    vfunction_init(&v, &function, none, &fake_access);
    assert_int_equal(get(PCI_VENDOR_ID, 4), 0x15208086);
    assert_int_equal(get(PCI_BAR0, 4), 0);
}

static void bars_are_the_plans(void **state)
{
    (void)state;
    assert_int_equal(get(PCI_BAR0, 4), BAR0_GUEST);
    assert_int_equal(get(PCI_BAR0 + 4, 4), BAR1_GUEST | PCI_BAR_IS_IO);
    assert_int_equal(get(PCI_BAR0 + 8, 4), 0xc);
    assert_int_equal(get(PCI_BAR0 + 12, 4), BAR2_GUEST >> 32);

    put(PCI_BAR0, 4, UINT32_MAX);
    put(PCI_BAR0 + 4, 4, UINT32_MAX);
    put(PCI_BAR0 + 8, 4, UINT32_MAX);
    put(PCI_BAR0 + 12, 4, UINT32_MAX);
    assert_int_equal(get(PCI_BAR0, 4), ~UINT32_C(0x1ffff));
    assert_int_equal(get(PCI_BAR0 + 4, 4), ~UINT32_C(31) | PCI_BAR_IS_IO);
    assert_int_equal(get(PCI_BAR0 + 8, 4), ~UINT32_C(0x3fff) | 0xc);
    assert_int_equal(get(PCI_BAR0 + 12, 4), UINT32_MAX);
    put(PCI_BAR0 + 2, 1, 0x12);
    assert_int_equal(get(PCI_BAR0, 4), 0xff120000);

    assert_int_equal(fake_get(device, PCI_BAR0, 4), 0xfeb00000); /* the machine's did not move */
    vfunction_reset(&v);
    assert_int_equal(get(PCI_BAR0, 4), BAR0_GUEST);
}

/* Address and lowest bit are the guest's note: the device's is on as long as the guest runs. */
static void rom_stays_on(void **state)
{
    (void)state;
    fake_put(device, PCI_ROM_BAR, 4, ROM_HOST); /* after a reset */
    vfunction_start(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_ROM_BAR, 4), ROM_HOST | 1);
    assert_int_equal(get(PCI_ROM_BAR, 4), ROM_GUEST);
    put(PCI_ROM_BAR, 4, 0xfffff800);
    assert_int_equal(get(PCI_ROM_BAR, 4), 0xffff0000);
    put(PCI_ROM_BAR, 4, (uint32_t)ROM_GUEST | 1);
    assert_int_equal(get(PCI_ROM_BAR, 4), ROM_GUEST | 1);
    put(PCI_ROM_BAR, 2, 0);
    assert_int_equal(get(PCI_ROM_BAR, 4), ROM_GUEST);
    assert_int_equal(fake_get(device, PCI_ROM_BAR, 4), ROM_HOST | 1);
    vfunction_reset(&v);
    assert_int_equal(get(PCI_ROM_BAR, 4), ROM_GUEST);
}

/* One without an address is not turned on. */
static void missing_rom_stays_off(void **state)
{
    static const uint64_t bases[PCI_BAR_COUNT] = {[0] = BAR0_GUEST, [2] = BAR2_GUEST};
    (void)state;
    vfunction_init(&v, found(0, 3, 0), bases, &fake_access);
    fake_put(device, PCI_ROM_BAR, 4, 0);
    vfunction_start(&v, &fake_access);
    put(PCI_ROM_BAR, 4, (uint32_t)ROM_GUEST | 1);
    assert_int_equal(fake_get(device, PCI_ROM_BAR, 4), 0);
    assert_int_equal(get(PCI_ROM_BAR, 4), 0);
}

/* What is mapped is answered for, whatever the guest writes; it reads what it wrote. Bus mastering
 * is the device's at once. */
static void decoding_stays_on(void **state)
{
    uint32_t on = (uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    (void)state;
    fake_put(device, PCI_COMMAND, 2, PCI_COMMAND_NO_INTX);
    vfunction_start(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), on | PCI_COMMAND_NO_INTX);
    assert_int_equal(get(PCI_COMMAND, 2), 0);
    for (uint32_t command = 0; command < 8; command++) {
        put(PCI_COMMAND, 2, command);
        assert_int_equal(fake_get(device, PCI_COMMAND, 2), command | on | PCI_COMMAND_NO_INTX);
        assert_int_equal(get(PCI_COMMAND, 2), command);
    }
    vfunction_remove(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), on | PCI_COMMAND_NO_INTX);
}

/* Where nothing is mapped, what else the function may answer for is the guest's choice. */
static void decoding_of_nothing(void **state)
{
    static const uint64_t none[PCI_BAR_COUNT];
    (void)state;
    struct pci_function function = *found(0, 3, 0);
    memset(function.bars, 0, sizeof(function.bars));
    vfunction_init(&v, &function, none, &fake_access);
    vfunction_start(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_NO_INTX);
    put(PCI_COMMAND, 2, PCI_COMMAND_IO);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_NO_INTX);
}

/* Ports that the guest has not got are not answered at: some may be another's. */
static void ports_stay_off(void **state)
{
    static const uint64_t bases[PCI_BAR_COUNT] = {[0] = BAR0_GUEST, [2] = BAR2_GUEST};
    (void)state;
    vfunction_init(&v, found(0, 3, 0), bases, &fake_access);
    vfunction_start(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX);
    put(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX);
    assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_MEMORY);

    /* All of its ports or none. */
    struct pci_function function = *found(0, 3, 0);
    uint64_t some[PCI_BAR_COUNT] = {[0] = BAR0_GUEST, [1] = BAR1_GUEST, [2] = BAR2_GUEST};
    function.bars[5] = (struct pci_bar){.kind = PCI_BAR_IO, .bits = 5};
    vfunction_init(&v, &function, some, &fake_access);
    vfunction_start(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX);
}

static void command_keeps_intx_off(void **state)
{
    (void)state;
    put(PCI_COMMAND, 2, 0xffff & ~PCI_COMMAND_NO_INTX);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
                                                           PCI_COMMAND_MASTER |
                                                           PCI_COMMAND_NO_INTX);
    assert_int_equal(get(PCI_COMMAND, 2), 0x47);
    put(PCI_COMMAND, 1, 0);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2),
                     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX);
    put(PCI_COMMAND + 1, 1, 0xff);
    assert_int_equal(get(PCI_COMMAND, 2), PCI_COMMAND_NO_INTX);
}

static void list_is_shorter(void **state)
{
    static const uint8_t expected[] = {PCI_CAP_PM, PCI_CAP_MSI, PCI_CAP_PCIE, PCI_CAP_MSIX,
                                       CAP_VENDOR};
    uint32_t at = get(PCI_CAPS, 1);
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_int_equal(get(at, 1), expected[i]);
        at = get(at + 1, 1);
    }
    assert_int_equal(at, 0);
    assert_int_equal(get(at_vpd, 4), 0);
    assert_int_equal(get(at_vendor + 4, 4), 0x11223344);
    assert_int_equal(get(at_pm + PCI_PM_CONTROL, 2), PCI_PM_NO_SOFT_RESET);
}

static void looping_list_ends(void **state)
{
    static const uint64_t none[PCI_BAR_COUNT];
    (void)state;
    struct pci_function function = *found(0, 3, 0);
    device->space[at_vendor + 1] = (uint8_t)at_pm;
    vfunction_init(&v, &function, none, &fake_access);
    list_is_shorter(NULL);
}

static void default_is_read_only(void **state)
{
    (void)state;
    memset(device->writable, 0xff, sizeof(device->writable));
    uint8_t before[PCI_CONFIG_SIZE];
    memcpy(before, device->space, sizeof(before));
    for (uint32_t reg = 0; reg < PCI_CONFIG_SIZE; reg += 4)
        put(reg, 4, 0);
    for (uint32_t reg = 0; reg < PCI_CONFIG_SIZE; reg++) {
        bool command = reg / 4 == PCI_COMMAND / 4, cache = reg == 0x0c;
        bool control = reg / 4 == (at_pcie + 8) / 4;
        if (!command && !cache && !control)
            assert_int_equal(device->space[reg], before[reg]);
    }
}

static void device_control(void **state)
{
    (void)state;
    assert_int_equal(get(at_pcie + PCI_PCIE_DEVICE_CAPS, 4), 1); /* no FLR */
    fake_put(device, at_pcie + 8, 4, 0x000f2010);
    put(at_pcie + 8, 2, 0xffff);
    /* payload size and error reporting stay, no FLR; what a 1 clears is not touched */
    assert_int_equal(fake_get(device, at_pcie + 8, 4), 0x000f7910);
    memset(device->space + at_pcie + 10, 0, 2);
    put(at_pcie + 10, 2, 5);
    assert_int_equal(fake_get(device, at_pcie + 10, 2), 5);
}

/* Its reset left the bit on, as the specification has it. */
static void no_snoop_stays_off(void **state)
{
    (void)state;
    fake_put(device, at_pcie + 8, 4, 0x000f2810);
    vfunction_coherent(&v, &fake_access);
    assert_int_equal(fake_get(device, at_pcie + 8, 4), 0x000f2010);
    assert_int_equal(get(at_pcie + 8, 2), 0x2010);
    put(at_pcie + 8, 2, 0xffff);
    assert_int_equal(fake_get(device, at_pcie + 8, 4), 0x000f7110);
    vfunction_reset(&v);
    put(at_pcie + 9, 1, 0xff);
    assert_int_equal(fake_get(device, at_pcie + 8, 4), 0x000f7110);

    fake_put(device, at_pcie + 8, 2, 0xffff); /* it does not answer */
    vfunction_coherent(&v, &fake_access);
    assert_int_equal(fake_get(device, at_pcie + 8, 2), 0xffff);
    v.caps.pcie = 0; /* conventional PCI has no such thing */
    vfunction_coherent(&v, &fake_access);
}

static void msi_is_virtual(void **state)
{
    struct vfunction_message first = {UINT64_C(0x1fee00018), 0x40};
    (void)state;
    assert_int_equal(vfunction_msi_vectors(&v), 0);
    assert_int_equal(put(at_msi + 4, 4, 0xfee01003), VFUNCTION_NEW_MSI);
    put(at_msi + 8, 4, 0);
    put(at_msi + 12, 2, 0x4031);
    put(at_msi + 16, 4, 0xe);
    put(at_msi + PCI_MSI_CONTROL, 2, 0x71);
    assert_int_equal(fake_get(device, at_msi + PCI_MSI_CONTROL, 2) & 1, 0);
    assert_int_equal(get(at_msi + 4, 4), 0xfee01000);
    assert_int_equal(get(at_msi + 12, 2), 0x4031);
    assert_int_equal(get(at_msi, 1), PCI_CAP_MSI);

    /* It asked for 128, the device has four. */
    assert_int_equal(vfunction_msi_vectors(&v), 4);
    assert_int_equal(get(at_msi + PCI_MSI_CONTROL, 2),
                     PCI_MSI_64 | PCI_MSI_MASKABLE | 2 << 1 | 0x21);
    assert_int_equal(vfunction_msi_message(&v, 2).data, 0x4032);
    assert_int_equal(vfunction_msi_message(&v, 2).address, 0xfee01000);

    vfunction_msi_program(&v, &fake_access, &first);
    assert_int_equal(fake_get(device, at_msi + 4, 4), 0xfee00018);
    assert_int_equal(fake_get(device, at_msi + 8, 4), 1);
    assert_int_equal(fake_get(device, at_msi + 12, 2), 0x40);
    assert_int_equal(fake_get(device, at_msi + 16, 4), 0xe);
    assert_int_equal(fake_get(device, at_msi + PCI_MSI_CONTROL, 2) & 0x71, 0x21);

    put(at_msi + PCI_MSI_CONTROL, 2, 0);
    vfunction_msi_program(&v, &fake_access, &first);
    assert_int_equal(fake_get(device, at_msi + PCI_MSI_CONTROL, 2) & 1, 0);
}

static unsigned times_off;

static void write_counted(void *context, pci_address_t at, uint32_t reg, unsigned size,
                          uint32_t value)
{
    times_off += reg == at_msi + PCI_MSI_CONTROL && (value & 1) == 0;
    fake_write(context, at, reg, size, value);
}

/* It would lose what it raises meanwhile. */
static void msi_stays_on(void **state)
{
    struct vfunction_message first = {0xfee00018, 0x40}, other = {0xfee00038, 0x40};
    struct pci_access counted = fake_access;
    (void)state;
    counted.write = write_counted;
    put(at_msi + 16, 4, 0xe);
    put(at_msi + PCI_MSI_CONTROL, 2, 1);
    vfunction_msi_program(&v, &counted, &first);
    times_off = 0;
    put(at_msi + 4, 4, 0xfee02000);
    put(at_msi + 16, 4, 0x6);
    vfunction_msi_program(&v, &counted, &first);
    assert_int_equal(times_off, 0);
    assert_int_equal(fake_get(device, at_msi + 16, 4), 0x6);
    vfunction_msi_program(&v, &counted, &other);
    assert_int_equal(times_off, 1);
    assert_int_equal(fake_get(device, at_msi + 4, 4), 0xfee00038);
    put(at_msi + PCI_MSI_CONTROL, 2, 0x11);
    vfunction_msi_program(&v, &counted, &other);
    assert_int_equal(times_off, 2);
    assert_int_equal(fake_get(device, at_msi + PCI_MSI_CONTROL, 2) & 0x71, 0x11);
}

/* Without 64-bit addresses the data is four bytes further down. */
static void short_msi(void **state)
{
    static const uint64_t none[PCI_BAR_COUNT];
    struct vfunction_message first = {0xfee00018, 0x40};
    struct pci_function function = *found(0, 3, 0);
    (void)state;
    function.flags &= (uint16_t)~(PCI_MSI_WIDE | PCI_MSI_MASKS);
    vfunction_init(&v, &function, none, &fake_access);
    fake_let_write(device, at_msi + 8, 2, UINT16_MAX);
    put(at_msi + 4, 4, 0xfee01000);
    put(at_msi + 8, 2, 0x31);
    put(at_msi + PCI_MSI_CONTROL, 2, 1);
    assert_int_equal(vfunction_msi_message(&v, 0).data, 0x31);
    vfunction_msi_program(&v, &fake_access, &first);
    assert_int_equal(fake_get(device, at_msi + 8, 2), 0x40);
    assert_int_equal(fake_get(device, at_msi + 12, 2), 0);
}

static void msix_control_is_virtual(void **state)
{
    uint32_t at = found(0, 3, 0)->caps.msix;
    (void)state;
    assert_int_equal(put(at + PCI_MSIX_CONTROL, 2, 0xffff), VFUNCTION_NEW_MSIX);
    assert_int_equal(fake_get(device, at + PCI_MSIX_CONTROL, 2), 4);
    assert_int_equal(get(at + PCI_MSIX_CONTROL, 2), 0xc004);
    assert_true(vfunction_msix_on(&v));
    vfunction_msix_program(&v, &fake_access);
    assert_int_equal(fake_get(device, at + PCI_MSIX_CONTROL, 2) & 0xc000, 0xc000);
    vfunction_reset(&v);
    assert_false(vfunction_msix_on(&v));
}

static void table_entries(void **state)
{
    struct vmsix_entry entries[3];
    struct vmsix table = {.count = 3, .entries = entries};
    (void)state;
    memset(entries, 0xa5, sizeof(entries));
    vmsix_reset(&table);
    assert_true(vmsix_masked(&table, 2));
    assert_int_equal(vmsix_write(&table, 16, 8, UINT64_C(0x1fee03000)), 1);
    assert_int_equal(vmsix_write(&table, 24, 4, 0x55), 1);
    assert_int_equal(vmsix_write(&table, 28, 4, 0), 1);
    assert_false(vmsix_masked(&table, 1));
    assert_int_equal(vmsix_message(&table, 1).address, UINT64_C(0x1fee03000));
    assert_int_equal(vmsix_message(&table, 1).data, 0x55);
    assert_int_equal(vmsix_read(&table, 24, 8), 0x55);
    assert_int_equal(vmsix_read(&table, 20, 4), 1);
}

static void what_is_no_entry(void **state)
{
    static const struct {
        uint64_t offset;
        unsigned size;
    } cases[] = {{48, 4}, {UINT64_MAX - 3, 4},   {2, 4}, {4, 8}, {0, 1},
                 {0, 2},  {UINT64_C(1) << 40, 8}};
    struct vmsix_entry entries[3] = {{{0}}};
    struct vmsix table = {.count = 3, .entries = entries};
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(vmsix_write(&table, cases[i].offset, cases[i].size, 0), VMSIX_NONE);
        assert_true(vmsix_read(&table, cases[i].offset, cases[i].size) == UINT64_MAX);
    }
}

static uint32_t port_get(struct vpci *bus, uint32_t address, uint16_t port, int size)
{
    vpci_write(bus, VPCI_ADDRESS, 4, address);
    return vpci_read(bus, port, size);
}

/* The function is device 1 of bus 0; nobody else is there. */
/* Nothing that a guest does brings it back, and nothing reaches the device. */
static void removed_is_not_there(void **state)
{
    (void)state;
    put(PCI_COMMAND, 2, 0x6);
    put(at_msi + PCI_MSI_CONTROL, 2, 1);
    vfunction_msi_program(&v, &fake_access, &(struct vfunction_message){0xfee00000, 0});
    assert_int_equal(fake_get(device, PCI_COMMAND, 2) & 0x6, 0x6);
    assert_int_equal(fake_get(device, at_msi + PCI_MSI_CONTROL, 2) & 1, 1);
    vfunction_remove(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2) & 0x7, 0x3);
    assert_int_equal(fake_get(device, at_msi + PCI_MSI_CONTROL, 2) & 1, 0);
    for (uint32_t reg = 0; reg < PCI_CONFIG_SIZE; reg += 2) {
        assert_int_equal(put(reg, 2, UINT16_MAX), VFUNCTION_NOTHING);
        assert_int_equal(get(reg, 2), UINT16_MAX);
    }
    assert_int_equal(get(0, 4), UINT32_MAX);
    assert_int_equal(get(3, 1), UINT8_MAX);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2) & 0x7, 0x3);
    assert_int_equal(vfunction_msi_vectors(&v), 0);
    vfunction_reset(&v);
    assert_int_equal(get(PCI_VENDOR_ID, 4), 0x10d38086);
}

static void bus_shows_functions(void **state)
{
    struct vpci bus = {0};
    (void)state;
    vpci_connect(&bus, &v, 1, &fake_access);
    vpci_reset(&bus);
    assert_int_equal(port_get(&bus, 0x80000800, VPCI_DATA, 4), 0x10d38086);
    assert_int_equal(port_get(&bus, 0x80000800, VPCI_DATA + 2, 2), 0x10d3);
    assert_int_equal(port_get(&bus, 0x80000808, VPCI_DATA + 3, 1), 0x02);
    assert_int_equal(port_get(&bus, 0x80000800, VPCI_DATA + 3, 2), 0xffff);
    assert_int_equal(port_get(&bus, 0x00000800, VPCI_DATA, 4), UINT32_MAX);
    assert_int_equal(port_get(&bus, 0x80000000, VPCI_DATA, 4), UINT32_MAX);
    assert_int_equal(port_get(&bus, 0x80000008, VPCI_DATA, 4), 0x06000000);
    assert_int_equal(port_get(&bus, 0x80001000, VPCI_DATA, 4), UINT32_MAX);
    assert_int_equal(port_get(&bus, 0x80000900, VPCI_DATA, 4), UINT32_MAX);
    assert_int_equal(port_get(&bus, 0x80010800, VPCI_DATA, 4), UINT32_MAX);
}

/* The thirty-second is function 1 of device 1, which says that it has several. */
static void bus_with_many(void **state)
{
    static struct vfunction many[33];
    struct vpci bus = {0};
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(many); i++) {
        many[i] = v;
        many[i].rules[0].fixed = i << 16 | 0x8086;
    }
    vpci_connect(&bus, many, ARRAY_COUNT(many), &fake_access);
    vpci_reset(&bus);
    assert_int_equal(port_get(&bus, 0x80000800, VPCI_DATA + 2, 2), 0);
    assert_int_equal(port_get(&bus, 0x8000f800, VPCI_DATA + 2, 2), 30);
    assert_int_equal(port_get(&bus, 0x80000900, VPCI_DATA + 2, 2), 31);
    assert_int_equal(port_get(&bus, 0x80001100, VPCI_DATA + 2, 2), 32);
    assert_int_equal(port_get(&bus, 0x80001900, VPCI_DATA + 2, 2), 0xffff);
    assert_int_equal(port_get(&bus, 0x8000080c, VPCI_DATA + 2, 1), PCI_HEADER_MULTI);
    assert_int_equal(port_get(&bus, 0x8000080c, VPCI_DATA, 4) >> 16 & 0xff, PCI_HEADER_MULTI);
    assert_int_equal(port_get(&bus, 0x8000080c, VPCI_DATA + 1, 1), 0);
    assert_int_equal(port_get(&bus, 0x8000180c, VPCI_DATA + 2, 1), 0);
}

static void bus_tells_news(void **state)
{
    struct vpci bus = {0};
    (void)state;
    vpci_connect(&bus, &v, 1, &fake_access);
    vpci_reset(&bus);
    vpci_write(&bus, VPCI_ADDRESS, 4, 0x80000804);
    vpci_write(&bus, VPCI_DATA, 2, 7);
    assert_int_equal(bus.news, VFUNCTION_NOTHING);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2) & 7, 7);
    vpci_write(&bus, VPCI_ADDRESS, 4, 0x80000800 + at_msi);
    vpci_write(&bus, VPCI_DATA + PCI_MSI_CONTROL, 2, 1);
    assert_int_equal(bus.news, VFUNCTION_NEW_MSI);
    assert_int_equal(bus.changed, 0);
}

/* Where INTx goes somewhere: its pin, the guest's choice whether it is raised, its status. */
static void intx_is_shown(void **state)
{
    (void)state;
    vfunction_wire(&v, 2, 21);
    assert_int_equal(get(PCI_PIN, 1), 2);
    assert_int_equal(get(0x3c, 1), 21);
    put(0x3c, 1, 5);
    put(PCI_PIN, 1, 7);
    assert_int_equal(get(0x3c, 2), 0x0205);
    fake_let_write(device, PCI_COMMAND, 2, UINT16_MAX);
    put(PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2),
                     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    put(PCI_COMMAND, 2, 0xffff);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2), get(PCI_COMMAND, 2));
    assert_true(get(PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX);
    fake_put(device, PCI_STATUS, 2, PCI_STATUS_CAPS | 8);
    assert_int_equal(get(PCI_STATUS, 2), PCI_STATUS_CAPS | 8);
    vfunction_reset(&v);
    assert_int_equal(get(0x3c, 2), 0x0215);
    vfunction_remove(&v, &fake_access);
    assert_int_equal(fake_get(device, PCI_COMMAND, 2),
                     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTX);
    vfunction_start(&v, &fake_access); /* off until the guest says otherwise */
    assert_true(fake_get(device, PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(header_is_shown, setup),
        cmocka_unit_test_setup(virtual_function_has_ids, setup),
        cmocka_unit_test_setup(bars_are_the_plans, setup),
        cmocka_unit_test_setup(rom_stays_on, setup),
        cmocka_unit_test_setup(missing_rom_stays_off, setup),
        cmocka_unit_test_setup(decoding_stays_on, setup),
        cmocka_unit_test_setup(decoding_of_nothing, setup),
        cmocka_unit_test_setup(command_keeps_intx_off, setup),
        cmocka_unit_test_setup(intx_is_shown, setup),
        cmocka_unit_test_setup(ports_stay_off, setup),
        cmocka_unit_test_setup(list_is_shorter, setup),
        cmocka_unit_test_setup(looping_list_ends, setup),
        cmocka_unit_test_setup(default_is_read_only, setup),
        cmocka_unit_test_setup(device_control, setup),
        cmocka_unit_test_setup(no_snoop_stays_off, setup),
        cmocka_unit_test_setup(msi_is_virtual, setup),
        cmocka_unit_test_setup(msi_stays_on, setup),
        cmocka_unit_test_setup(short_msi, setup),
        cmocka_unit_test_setup(msix_control_is_virtual, setup),
        cmocka_unit_test_setup(removed_is_not_there, setup),
        cmocka_unit_test_setup(bus_shows_functions, setup),
        cmocka_unit_test_setup(bus_with_many, setup),
        cmocka_unit_test_setup(bus_tells_news, setup),
        cmocka_unit_test(table_entries),
        cmocka_unit_test(what_is_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

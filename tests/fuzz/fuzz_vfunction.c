/* SPDX-License-Identifier: MIT */
/*
 * Any configuration space, and any traffic of the guest that the function belongs to: what a guest
 * must not write is never written, and the work of an access is bounded. The bytes: flags (1), the
 * function's registers (256) and with EXTENDED those of its extended space (256, again and again),
 * which addresses its BARs have for the guest (1), then steps of eight:
 *
 *   what    port or memory, read or write; the size of the access
 *   where   three bytes: CONFIG_ADDRESS, an offset in the MSI-X table or in the window of ECAM
 *   value   four bytes
 */
#include <string.h>

#include "kernel/lib/cursor.h"
#include "kernel/vdev/ports.h"
#include "kernel/vdev/vmsix.h"
#include "kernel/vdev/vpci.h"
#include "tests/fuzz/fuzz.h"

enum { GOES_AWAY = 1, FORGETS = 2, HAS_INTX = 4, EXTENDED = 8 };
enum phase { STARTING, RUNNING, PROGRAMMING };
enum { STEPS_MAX = 512, STEP_WORK = 12, INIT_WORK = 4 * PCI_CONFIG_SIZE, ALIVE_READS = 3000 };
enum { EXTENDED_WORK = 2 * VFUNCTION_EXTENDED };

#define COMMAND_GUEST                                                                              \
    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX | BIT(6))
#define STATUS_CLEARED BITS(15, 8)
#define DEVICE_CONTROL 8
#define DEVICE_STATUS  10
#define DEVICE_GUEST   (BITS(14, 11) | BIT(8) | BIT(4))
#define DEVICE_CLEARED BITS(3, 0)
#define MSI_END        24

static uint8_t space[PCI_EXTENDED_SIZE];
static uint8_t flags;
static uint32_t reads, work;
static uint32_t rom; /* the machine's address of it, 0: the guest has none */
static enum phase phase;
static struct pci_inventory inventory;
static struct vfunction function;
static struct vpci bus;
static struct vmsix table;

static uint32_t read_config(void *context, pci_address_t at, uint32_t reg, unsigned size)
{
    uint32_t value = 0;

    (void)context;
    work++;
    PROMISE(reg % size == 0 && reg + size <= sizeof(space));
    if (at.raw != 0 || (flags & GOES_AWAY && ++reads > ALIVE_READS))
        return bytes_of_ones(size);
    memcpy(&value, &space[reg], size);
    return value;
}

/* A write of the guest that has gone through to the function; what was there before. */
static void check_guest_write(uint32_t reg, unsigned size, uint32_t before, uint32_t value)
{
    uint32_t pcie = function.caps.pcie, changed = before ^ value;

    PROMISE(size == (reg == PCI_ROM_BAR ? 4 : 2));
    if (reg == PCI_ROM_BAR)
        PROMISE(rom != 0 && value == (rom | (uint32_t)PCI_ROM_ON)); /* it starts */
    else if (reg == PCI_COMMAND)
        PROMISE((flags & HAS_INTX || value & PCI_COMMAND_NO_INTX) &&
                !(value & (uint32_t)~COMMAND_GUEST) && !(~value & function.decoding));
    else if (reg == PCI_STATUS)
        PROMISE(!(value & (uint32_t)~STATUS_CLEARED));
    else if (reg == 0x0c)
        PROMISE(changed <= UINT8_MAX); /* the cache line's size */
    else if (pcie != 0 && reg == pcie + DEVICE_CONTROL)
        PROMISE(!(changed & (uint32_t)~DEVICE_GUEST));
    else
        PROMISE(pcie != 0 && reg == pcie + DEVICE_STATUS && !(changed & (uint32_t)~DEVICE_CLEARED));
}

static void check_message_write(uint32_t reg, unsigned size)
{
    const struct pci_caps *caps = &function.caps;
    bool msi = caps->msi != 0 && reg >= caps->msi + 2u && reg + size <= caps->msi + MSI_END;
    bool msix = caps->msix != 0 && reg == caps->msix + 2u && size == 2;

    PROMISE(msi || msix);
}

static void write_config(void *context, pci_address_t at, uint32_t reg, unsigned size,
                         uint32_t value)
{
    uint32_t before = 0;

    (void)context;
    work++;
    PROMISE(at.raw == 0 && reg % size == 0 && reg + size <= PCI_CONFIG_SIZE);
    memcpy(&before, &space[reg], size);
    switch (phase) {
    case STARTING:
        break;
    case RUNNING:
        check_guest_write(reg, size, before, value);
        break;
    case PROGRAMMING:
        check_message_write(reg, size);
        break;
    }
    if (!(flags & FORGETS))
        memcpy(&space[reg], &value, size);
}

static struct pci_access access = {
    .read = read_config,
    .write = write_config,
    .address_end = UINT64_C(1) << 40,
    .segment_count = 1,
    .segments = {{.number = 0, .first_bus = 0, .last_bus = 0}},
};

/* As the kernel finds it and gives it to a guest; false: there is nothing that it would give. */
static bool make_function(uint8_t bases)
{
    uint64_t guest[PCI_BAR_COUNT] = {0};

    phase = STARTING;
    pci_scan(&access, &inventory);
    if (inventory.count == 0)
        return false;
    pci_silence(&access, &inventory);
    pci_size_bars(&access, &inventory);
    const struct pci_function *found = &inventory.functions[0];
    if (found->address.raw != 0 || found->header != PCI_HEADER_DEVICE)
        return false;
    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++)
        if (bases & BIT(i) && found->bars[i].base != 0)
            guest[i] = pci_bar_size(&found->bars[i]) << (bases >> 7);
    rom = guest[PCI_ROM] ? (uint32_t)found->bars[PCI_ROM].base : 0;
    work = 0;
    phase = RUNNING;
    vfunction_init(&function, found, guest, &access);
    if (flags & HAS_INTX)
        vfunction_wire(&function, 1, 21);
    PROMISE(work <= INIT_WORK + EXTENDED_WORK);
    return true;
}

static void program(enum vfunction_news news)
{
    struct vfunction_message first = {0};
    uint32_t count = vfunction_msi_vectors(&function);

    phase = PROGRAMMING;
    PROMISE(count <= 32 && (count == 0 || count <= function.caps.msi_vectors));
    for (uint32_t n = 0; n < count; n++) {
        struct vfunction_message message = vfunction_msi_message(&function, n);
        PROMISE(message.data <= UINT16_MAX && message.data % count == n);
        first = n == 0 ? message : first;
    }
    switch (news) {
    case VFUNCTION_NOTHING:
        break;
    case VFUNCTION_NEW_MSI:
        PROMISE(function.caps.msi != 0);
        vfunction_msi_program(&function, &access, &first);
        break;
    case VFUNCTION_NEW_MSIX:
        PROMISE(function.caps.msix != 0);
        vfunction_msix_program(&function, &access);
        break;
    }
    phase = RUNNING;
}

static void check_bars(void)
{
    for (uint32_t i = 0; i < PCI_BARS; i++) {
        uint32_t bar = vfunction_read(&function, &access, PCI_BAR0 + 4 * i, 4);
        PROMISE((bar & ~(function.bar_mask[i] | function.bar_flags[i])) == 0);
    }
    PROMISE(rom != 0 || vfunction_read(&function, &access, PCI_ROM_BAR, 4) == 0);
    PROMISE(vfunction_read(&function, &access, PCI_PIN, 1) == (flags & HAS_INTX ? 1 : 0));
}

/* The guest's list of extended capabilities ends, and has none that must be hidden. */
static void check_extended(void)
{
    uint32_t at = PCI_EXT_FIRST, left = VFUNCTION_LINKS;

    while (function.caps.pcie != 0 && at != 0) {
        PROMISE(left-- > 0 && at >= PCI_EXT_FIRST);
        at = vfunction_read(&function, &access, at, 4) >> 20;
    }
}

/* Anywhere in the window's first two devices, or beyond the bus. */
static void window_step(uint32_t where, unsigned size, uint32_t value)
{
    uint32_t offset = where & BIT(23) ? where : where & 0xffff;

    bus.news = VFUNCTION_NOTHING;
    vpci_ecam_write(&bus, offset, size, value * UINT64_C(0x100000001));
    PROMISE(bus.news == VFUNCTION_NOTHING || (bus.changed == 0 && size <= 4));
    program(bus.news);
    PROMISE(work <= STEP_WORK);
    work = 0; /* another access */
    uint64_t seen = vpci_ecam_read(&bus, offset, size);
    PROMISE(seen <= UINT64_MAX >> (64 - 8 * size));
}

static void step(struct cursor *from)
{
    uint8_t what = cursor_u8(from);
    uint32_t where = cursor_u16(from) | (uint32_t)cursor_u8(from) << 16;
    uint32_t value = cursor_u32(from);
    int size = 1 << what % 4 % 3;
    uint16_t data_port = (uint16_t)(VPCI_DATA + (where & 3));

    work = 0;
    switch (what >> 2 & 7) {
    case 0:
    case 1:
        vpci_write(&bus, VPCI_ADDRESS, 4, where | 0x80000000);
        bus.news = VFUNCTION_NOTHING;
        vpci_write(&bus, data_port, size, value);
        PROMISE(bus.news == VFUNCTION_NOTHING || bus.changed == 0);
        program(bus.news);
        break;
    case 2:
        vpci_write(&bus, VPCI_ADDRESS, 4, where | 0x80000000);
        PROMISE(vpci_read(&bus, data_port, size) <= bytes_of_ones((unsigned)size));
        break;
    case 3: /* any port, any address */
        vpci_write(&bus, (uint16_t)where, size, value);
        PROMISE(vpci_read(&bus, (uint16_t)where, size) <= bytes_of_ones((unsigned)size));
        break;
    case 4: {
        uint32_t n = vmsix_write(&table, where, 1u << what % 4, value * UINT64_C(0x100000001));
        PROMISE(n == VMSIX_NONE || n < table.count);
        break;
    }
    case 5:
        vmsix_read(&table, where, 1u << what % 4);
        break;
    case 6:
        vfunction_start(&function, &access);
        vmsix_reset(&table);
        break;
    default: /* the device's own mind, or a reset that came to nothing; or ECAM */
        if (what & 0x20)
            window_step(where, 1u << what % 4, value);
        else
            space[where % sizeof(space)] = (uint8_t)value;
        break;
    }
    PROMISE(work <= STEP_WORK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor from = cursor_over(data, size);

    flags = cursor_u8(&from);
    const uint8_t *registers = cursor_bytes(&from, PCI_CONFIG_SIZE);
    if (!registers)
        return 0;
    memcpy(space, registers, PCI_CONFIG_SIZE);
    memset(space + PCI_CONFIG_SIZE, 0, sizeof(space) - PCI_CONFIG_SIZE);
    access.segments[0].ecam = hpa(flags & EXTENDED ? GIB(3) : 0);
    const uint8_t *extended = flags & EXTENDED ? cursor_bytes(&from, PCI_CONFIG_SIZE) : NULL;
    for (uint32_t at = PCI_CONFIG_SIZE; extended && at < sizeof(space); at += PCI_CONFIG_SIZE)
        memcpy(space + at, extended, PCI_CONFIG_SIZE);
    reads = 0;
    if (!make_function(cursor_u8(&from)))
        return 0;
    vpci_connect(&bus, &function, 1, &access);
    vpci_reset(&bus);
    table.count = function.caps.msix_vectors;
    table.entries = calloc(table.count ? table.count : 1, sizeof(*table.entries));
    vmsix_reset(&table);
    for (uint32_t i = 0; i < STEPS_MAX && cursor_left(&from) >= 8; i++) {
        step(&from);
        check_bars();
        check_extended();
    }
    free(table.entries);
    return 0;
}

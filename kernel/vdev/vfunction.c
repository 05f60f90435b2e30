/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vfunction.h"

#include "kernel/lib/mem.h"
#include "kernel/vdev/vfunction_msi.h"

#define DWORD(reg)  ((reg) / 4)
#define HALF        BITS(15, 0)
#define CAP_NEXT    BITS(15, 8)
#define COMMAND_OWN (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | COMMAND_PARITY)

#define COMMAND_PARITY    BIT(6)       /* Parity Error Response */
#define STATUS_ERRORS     BITS(31, 27) /* a 1 clears */
#define STATUS_MASTER_ERR BIT(24)
#define STATUS_INTX       BIT(19)
#define CACHE_LINE        BITS(7, 0)
#define HEADER_TYPE       BITS(22, 16)
#define LINE              BITS(7, 0)
#define PIN               BITS(15, 8)

#define REG_CACHE_LINE 0x0c
#define REG_CIS        0x28
#define REG_RESERVED   0x38
#define REG_LINE       0x3c
#define CAP_VENDOR     0x09

/* Device Control and Device Status of the PCI Express capability, one doubleword. */
#define DEVICE_RELAXED BIT(4)
#define DEVICE_TAGS    BIT(8)
#define DEVICE_READ    BITS(14, 12) /* Max_Read_Request_Size */
#define DEVICE_FLR     BIT(15)
#define DEVICE_ERRORS  BITS(19, 16) /* a 1 clears */

/* A doubleword of which the guest sees these bits of the device, and `fixed` for the rest. */
static void show(struct vfunction *v, uint32_t reg, uint64_t shown, uint64_t fixed)
{
    struct vfunction_rule *rule = &v->rules[DWORD(reg)];
    rule->shown = (uint32_t)shown;
    rule->fixed = (uint32_t)fixed;
}

static void header_rules(struct vfunction *v, const struct pci_function *function)
{
    show(v, PCI_VENDOR_ID, 0, function->vendor | (uint32_t)function->device << 16);
    show(v, PCI_COMMAND, ~(HALF | STATUS_INTX), 0);
    v->rules[DWORD(PCI_COMMAND)].kind = VFUNCTION_COMMAND;
    show(v, REG_CACHE_LINE, CACHE_LINE | HEADER_TYPE, 0); /* a device of one function */
    v->rules[DWORD(REG_CACHE_LINE)].writable = (uint32_t)CACHE_LINE;
    for (uint32_t i = 0; i < PCI_BARS; i++) {
        show(v, PCI_BAR0 + 4 * i, 0, 0);
        v->rules[DWORD(PCI_BAR0) + i].kind = VFUNCTION_BAR;
    }
    show(v, REG_CIS, 0, 0);
    show(v, PCI_SUBVENDOR_ID, 0, function->subvendor | (uint32_t)function->subdevice << 16);
    show(v, PCI_ROM_BAR, 0, 0);
    v->rules[DWORD(PCI_ROM_BAR)].kind = VFUNCTION_BAR;
    show(v, PCI_CAPS, 0, 0);
    show(v, REG_RESERVED, 0, 0);
    show(v, REG_LINE, ~HALF, 0); /* no interrupt pin */
    v->rules[DWORD(REG_LINE)].kind = VFUNCTION_LATCH;
}

static uint32_t bar_flags(const struct pci_bar *bar)
{
    if (bar->kind == PCI_BAR_IO)
        return (uint32_t)PCI_BAR_IS_IO;
    return (uint32_t)((bar->prefetchable ? PCI_BAR_PREFETCH : 0) |
                      (bar->kind == PCI_BAR_64 ? field_put(PCI_BAR_TYPE, PCI_BAR_TYPE_64) : 0));
}

static void bar_rules(struct vfunction *v, const struct pci_function *function,
                      const uint64_t bases[PCI_BAR_COUNT])
{
    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++) {
        const struct pci_bar *bar = &function->bars[i];
        if (bar->kind == PCI_BAR_IO && bases[i] == 0)
            v->decodes_io = false;
        if (pci_bar_size(bar) == 0 || bases[i] == 0)
            continue;
        v->decoding |= bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
        uint64_t mask = ~(pci_bar_size(bar) - 1);
        v->bar_mask[i] = (uint32_t)mask;
        v->bar_first[i] = (uint32_t)bases[i];
        v->bar_flags[i] = i == PCI_ROM ? 0 : bar_flags(bar);
        if (bar->kind != PCI_BAR_64 || i + 1 >= PCI_BARS)
            continue;
        v->bar_mask[i + 1] = (uint32_t)(mask >> 32);
        v->bar_first[i + 1] = (uint32_t)(bases[i] >> 32);
        i++;
    }
    if (!v->decodes_io)
        v->decoding &= (uint16_t)~PCI_COMMAND_IO;
    v->rom = (uint32_t)function->bars[PCI_ROM].base;
}

/* No power states: D3hot would lose what the BARs are. */
static void pm_rules(struct vfunction *v, uint32_t at)
{
    show(v, at + PCI_PM_CONTROL, 0, PCI_PM_NO_SOFT_RESET);
}

static void pcie_rules(struct vfunction *v, uint32_t at)
{
    struct vfunction_rule *control = &v->rules[DWORD(at + PCI_PCIE_CONTROL)];
    show(v, at + PCI_PCIE_DEVICE_CAPS, ~PCI_PCIE_FLR, 0);
    control->shown = (uint32_t)~DEVICE_FLR;
    control->writable =
        (uint32_t)(DEVICE_RELAXED | DEVICE_TAGS | PCI_PCIE_NO_SNOOP | DEVICE_READ | DEVICE_ERRORS);
    control->cleared = (uint32_t)DEVICE_ERRORS;
}

static void msi_rules(struct vfunction *v, uint32_t at)
{
    uint32_t size = pci_msi_size(v->flags);
    for (uint32_t reg = at; reg < at + size; reg += 4)
        v->rules[DWORD(reg)].kind = VFUNCTION_MSI;
}

static void msix_rules(struct vfunction *v, uint32_t at)
{
    v->rules[DWORD(at)].kind = VFUNCTION_MSIX;
}

/* Capabilities that a guest sees; `size`: bytes that the rules are about. */
static const struct {
    uint8_t id, size;
    void (*rules)(struct vfunction *v, uint32_t at);
} visible[] = {
    {PCI_CAP_PM, 8, pm_rules},      {PCI_CAP_MSI, 12, msi_rules},   {CAP_VENDOR, 4, NULL},
    {PCI_CAP_PCIE, 12, pcie_rules}, {PCI_CAP_MSIX, 12, msix_rules},
};

/* The inventory took the first of these for the function's: another one is hidden. */
static bool is_second(const struct vfunction *v, uint8_t id, uint32_t at)
{
    return (id == PCI_CAP_MSI && at != v->caps.msi) || (id == PCI_CAP_MSIX && at != v->caps.msix) ||
           (id == PCI_CAP_PCIE && at != v->caps.pcie) || (id == PCI_CAP_PM && at != v->caps.pm);
}

static bool show_cap(struct vfunction *v, uint8_t id, uint32_t at)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(visible); i++) {
        if (visible[i].id != id || is_second(v, id, at) || at + visible[i].size > PCI_CONFIG_SIZE)
            continue;
        if (visible[i].rules)
            visible[i].rules(v, at);
        return true;
    }
    return false;
}

/* The device's list, and a shorter one out of it. It was walked before, but may have changed. */
static void cap_rules(struct vfunction *v, const struct pci_access *access)
{
    struct vfunction_rule *last = &v->rules[DWORD(PCI_CAPS)];
    uint32_t place = 0; /* of the link in it */
    uint32_t at = pci_read8(access, v->address, PCI_CAPS) & ~3u;
    for (uint32_t left = VFUNCTION_RULES; left > 0 && at >= PCI_CAP_FIRST; left--) {
        uint32_t header = pci_read16(access, v->address, at);
        struct vfunction_rule *rule = &v->rules[DWORD(at)];
        if (rule->shown != UINT32_MAX) /* seen already */
            break;
        if (show_cap(v, (uint8_t)header, at)) {
            last->fixed |= at << place;
            rule->shown = (uint32_t)~CAP_NEXT;
            last = rule;
            place = 8;
        } else {
            rule->shown = 0;
        }
        at = (uint32_t)field_get(PCI_CAP_NEXT, header) * 4;
    }
}

void vfunction_init(struct vfunction *v, const struct pci_function *function,
                    const uint64_t bases[PCI_BAR_COUNT], const struct pci_access *access)
{
    *v = (struct vfunction){
        .address = function->address, .caps = function->caps, .flags = function->flags};
    for (uint32_t i = 0; i < VFUNCTION_RULES; i++)
        v->rules[i].shown = UINT32_MAX;
    header_rules(v, function);
    v->decodes_io = true;
    bar_rules(v, function, bases);
    if (pci_read16(access, v->address, PCI_STATUS) & PCI_STATUS_CAPS)
        cap_rules(v, access);
    if (v->caps.pcie != 0)
        vfunction_extended_init(&v->extended, v->address, access);
    vfunction_reset(v);
}

void vfunction_wire(struct vfunction *v, uint8_t pin, uint8_t line)
{
    v->intx = pin != 0;
    v->first_line = line;
    v->line = line;
    v->rules[DWORD(REG_LINE)].fixed |= (uint32_t)field_put(PIN, pin);
    v->rules[DWORD(PCI_COMMAND)].shown |= (uint32_t)STATUS_INTX;
}

void vfunction_reset(struct vfunction *v)
{
    memcpy(v->bars, v->bar_first, sizeof(v->bars));
    v->command = 0;
    v->rom_on = 0;
    v->removed = false;
    v->line = v->intx ? v->first_line : UINT8_MAX; /* unknown, no connection */
    v->msi = (struct vfunction_msi){0};
    v->msix_control = 0;
}

/* The device's Command when the guest's is that. INTx stays off where it goes nowhere, and the
 * device has all its ports or none. */
static void program_command(const struct vfunction *v, const struct pci_access *access,
                            uint32_t command)
{
    uint64_t value = v->decodes_io ? command : command & ~PCI_COMMAND_IO;
    value |= v->decoding | (v->intx ? 0 : PCI_COMMAND_NO_INTX);
    pci_write16(access, v->address, PCI_COMMAND, (uint16_t)value);
}

void vfunction_start(struct vfunction *v, const struct pci_access *access)
{
    vfunction_reset(v);
    if (v->bar_mask[PCI_ROM] != 0)
        pci_write32(access, v->address, PCI_ROM_BAR, v->rom | (uint32_t)PCI_ROM_ON);
    program_command(v, access, (uint32_t)PCI_COMMAND_NO_INTX);
}

void vfunction_coherent(struct vfunction *v, const struct pci_access *access)
{
    uint32_t reg = (uint32_t)v->caps.pcie + PCI_PCIE_CONTROL;
    if (v->caps.pcie == 0 || reg >= PCI_CONFIG_SIZE)
        return;
    v->rules[DWORD(reg)].writable &= (uint32_t)~PCI_PCIE_NO_SNOOP;
    pci_snoop(access, v->address, v->caps.pcie);
}

/* Which BAR a register is; only for rules of that kind. */
static uint32_t bar_at(uint32_t reg)
{
    return reg == PCI_ROM_BAR ? PCI_ROM : DWORD(reg - PCI_BAR0);
}

void vfunction_remove(struct vfunction *v, const struct pci_access *access)
{
    vfunction_reset(v);
    v->removed = true;
    program_command(v, access, (uint32_t)PCI_COMMAND_NO_INTX);
    vfunction_msi_program(v, access, &(struct vfunction_message){0});
    vfunction_msix_program(v, access);
}

static uint32_t virtual_part(const struct vfunction *v, enum vfunction_kind kind, uint32_t reg)
{
    switch (kind) {
    case VFUNCTION_COMMAND:
        return v->command;
    case VFUNCTION_BAR:
        return v->bars[bar_at(reg)] | v->bar_flags[bar_at(reg)] |
               (reg == PCI_ROM_BAR ? v->rom_on : 0);
    case VFUNCTION_LATCH:
        return v->line;
    case VFUNCTION_MSI:
    case VFUNCTION_MSIX:
    case VFUNCTION_PLAIN:
        break;
    }
    return 0;
}

/* A doubleword of the first 256 bytes. */
static uint32_t read_plain(const struct vfunction *v, const struct pci_access *access,
                           uint32_t from)
{
    const struct vfunction_rule *rule = &v->rules[DWORD(from) % VFUNCTION_RULES];
    enum vfunction_kind kind = (enum vfunction_kind)rule->kind;
    uint32_t value = rule->fixed | virtual_part(v, kind, from);
    if (rule->shown != 0)
        value |= pci_read32(access, v->address, from) & rule->shown;
    if (kind == VFUNCTION_MSI)
        value = vfunction_msi_read(v, from, value);
    if (kind == VFUNCTION_MSIX)
        value = vfunction_msix_read(v, value);
    return value;
}

uint32_t vfunction_read(const struct vfunction *v, const struct pci_access *access, uint32_t reg,
                        unsigned size)
{
    uint32_t from = reg & ~3u, value = UINT32_MAX;
    if (!v->removed && from < PCI_CONFIG_SIZE)
        value = read_plain(v, access, from);
    else if (!v->removed && from < PCI_EXTENDED_SIZE && v->caps.pcie != 0)
        value = vfunction_extended_read(&v->extended, v->address, access, from);
    value >>= 8 * (reg - from);
    return value & bytes_of_ones(size);
}

/* Each half that has something for the device. */
static void write_through(const struct vfunction *v, const struct pci_access *access, uint32_t reg,
                          uint32_t value, uint32_t mask)
{
    const struct vfunction_rule *rule = &v->rules[DWORD(reg)];
    mask &= rule->writable;
    for (unsigned half = 0; half < 2; half++) {
        unsigned shift = 16 * half;
        if (!(mask >> shift & HALF))
            continue;
        uint32_t old = pci_read16(access, v->address, reg + 2 * half);
        old &= ~((mask | rule->cleared) >> shift);
        pci_write16(access, v->address, reg + 2 * half, (uint16_t)(old | (value & mask) >> shift));
    }
}

static void write_command(struct vfunction *v, const struct pci_access *access, uint32_t value,
                          uint32_t mask)
{
    uint64_t own = COMMAND_OWN | PCI_COMMAND_NO_INTX;
    uint64_t errors = value & mask & (STATUS_ERRORS | STATUS_MASTER_ERR);
    if (mask & HALF) {
        v->command = (uint16_t)(((v->command & ~mask) | (value & mask)) & own);
        program_command(v, access, v->command);
    }
    if (errors)
        pci_write16(access, v->address, PCI_STATUS, (uint16_t)(errors >> 16));
}

/* The guest's note alone: address, and whether the ROM is on. */
static void write_bar(struct vfunction *v, uint32_t reg, uint32_t value, uint32_t mask)
{
    uint32_t bar = bar_at(reg);
    v->bars[bar] = ((v->bars[bar] & ~mask) | (value & mask)) & v->bar_mask[bar];
    if (bar == PCI_ROM && v->bar_mask[bar] != 0 && mask & PCI_ROM_ON)
        v->rom_on = value & (uint32_t)PCI_ROM_ON;
}

enum vfunction_news vfunction_write(struct vfunction *v, const struct pci_access *access,
                                    uint32_t reg, unsigned size, uint32_t value)
{
    uint32_t to = reg & ~3u, shift = 8 * (reg - to);
    uint32_t mask = bytes_of_ones(size) << shift;
    value <<= shift;
    if (v->removed || to >= PCI_CONFIG_SIZE)
        return VFUNCTION_NOTHING;
    switch ((enum vfunction_kind)v->rules[DWORD(to) % VFUNCTION_RULES].kind) {
    case VFUNCTION_PLAIN:
        write_through(v, access, to, value, mask);
        break;
    case VFUNCTION_COMMAND:
        write_command(v, access, value, mask);
        break;
    case VFUNCTION_BAR:
        write_bar(v, to, value, mask);
        break;
    case VFUNCTION_LATCH:
        v->line = (uint8_t)((v->line & ~mask) | (value & mask));
        break;
    case VFUNCTION_MSI:
        return vfunction_msi_write(v, to, value, mask);
    case VFUNCTION_MSIX:
        return vfunction_msix_write(v, value, mask);
    }
    return VFUNCTION_NOTHING;
}

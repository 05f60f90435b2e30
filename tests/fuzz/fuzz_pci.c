/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as configuration space: the inventory is bounded and makes sense, firmware's registers
 * are as before, the work ends, and two guests that want some of the functions get a plan that
 * keeps the rules, or a sentence. The bytes are functions: address (2), flags, length of what
 * follows (2), then its registers from 0 on; and at the start how many segments there are (1) and
 * which functions go to which guest (4).
 */
#include <string.h>

#include "kernel/lib/cursor.h"
#include "kernel/pci/describe.h"
#include "kernel/pci/match.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wishes.h"
#include "tests/unit/plan_rules.h"

#define MAX_FUNCTIONS 24
enum { GOES_AWAY = 1, NOT_WRITABLE = 2 };

struct function {
    uint16_t at;
    uint8_t flags;
    uint32_t reads;
    uint8_t space[PCI_EXTENDED_SIZE];
    uint8_t before[PCI_EXTENDED_SIZE];
};

static struct function functions[MAX_FUNCTIONS];
static uint32_t function_count;
static uint64_t work;
static struct pci_inventory inventory;

/* Each bus and device may be asked for: a table instead of a search. */
static uint8_t index_of[65536];

static uint32_t read_config(void *context, pci_address_t at, uint32_t reg, unsigned size)
{
    uint32_t value = 0;
    uint8_t index = index_of[pci_requester_of(at)];

    (void)context;
    work++;
    PROMISE(reg % size == 0 && reg + size <= PCI_EXTENDED_SIZE);
    PROMISE(pci_segment_of(at) != 1 || reg + size <= PCI_CONFIG_SIZE);
    if (index == 0)
        return bytes_of_ones(size);
    struct function *function = &functions[index - 1];
    if (function->flags & GOES_AWAY && ++function->reads > 64)
        return bytes_of_ones(size);
    memcpy(&value, &function->space[reg], size);
    return value;
}

static void write_config(void *context, pci_address_t at, uint32_t reg, unsigned size,
                         uint32_t value)
{
    uint8_t index = index_of[pci_requester_of(at)];

    (void)context;
    work++;
    PROMISE(reg % size == 0 && reg + size <= PCI_EXTENDED_SIZE);
    PROMISE(reg >= 4 && (reg < 8 || reg >= PCI_BAR0));
    if (index != 0 && !(functions[index - 1].flags & NOT_WRITABLE))
        memcpy(&functions[index - 1].space[reg], &value, size);
}

static void read_functions(struct cursor *from)
{
    function_count = 0;
    memset(index_of, 0, sizeof(index_of));
    while (cursor_left(from) > 0 && function_count < MAX_FUNCTIONS) {
        struct function *function = &functions[function_count++];
        memset(function, 0, sizeof(*function));
        function->at = cursor_u16(from);
        function->flags = cursor_u8(from);
        size_t length = cursor_u16(from) % (PCI_EXTENDED_SIZE + 1);
        length = length < cursor_left(from) ? length : cursor_left(from);
        const uint8_t *bytes = length > 0 ? cursor_bytes(from, length) : NULL;
        if (bytes)
            memcpy(function->space, bytes, length);
        memcpy(function->before, function->space, sizeof(function->before));
        index_of[function->at] = (uint8_t)function_count;
    }
}

static void check_bar(const struct pci_access *access, const struct pci_bar *bar)
{
    uint64_t size = pci_bar_size(bar);

    if (size == 0)
        return;
    PROMISE(bar->kind <= PCI_BAR_64);
    PROMISE(is_aligned(bar->base, size));
    uint64_t end = bar->kind == PCI_BAR_IO   ? 0x10000
                   : bar->kind == PCI_BAR_32 ? BIT(32)
                                             : access->address_end;
    PROMISE(bar->base < end && size <= end - bar->base);
}

static void check_msix(const struct pci_function *function)
{
    const struct pci_caps *caps = &function->caps;

    if (caps->msix == 0 || function->flags & PCI_MSIX_BAD)
        return;
    PROMISE(caps->msix_bar < PCI_BARS && caps->pba_bar < PCI_BARS);
    PROMISE(caps->msix_vectors >= 1 && caps->msix_vectors <= 2048);
    PROMISE(caps->msix_offset + 16ull * caps->msix_vectors <=
            pci_bar_size(&function->bars[caps->msix_bar]));
}

static void check_function(const struct pci_access *access, uint16_t index)
{
    const struct pci_function *function = &inventory.functions[index];
    uint16_t ids[PCI_MAX_REQUESTERS];
    char text[128];

    PROMISE(pci_find(&inventory, function->address) == index); /* no address twice */
    PROMISE(function->parent == PCI_NONE || function->parent < index);
    PROMISE(function->physical == PCI_NONE || function->physical < index);
    PROMISE(function->group <= index);
    PROMISE(inventory.functions[function->group].group == function->group);
    PROMISE(function->reset <= PCI_RESET_PM);
    if (function->parent != PCI_NONE) {
        const struct pci_function *parent = &inventory.functions[function->parent];
        PROMISE(pci_is_bridge(parent));
        /* What is below an open bridge is one group with it. */
        PROMISE(!(parent->flags & PCI_OPEN) || parent->group == function->group);
    }
    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++)
        check_bar(access, &function->bars[i]);
    check_msix(function);
    uint32_t count = pci_requesters(&inventory, index, ids);
    PROMISE(count >= 1 && count <= PCI_MAX_REQUESTERS);
    PROMISE(ids[0] == pci_requester_of(function->address));
    pci_describe(function, text, sizeof(text));
    PROMISE(strlen(text) > 20 && strlen(text) < 100);
}

#define DEVICE_CONTROL 8     /* No Snoop of physical functions */
#define VTUNCERRMSK    0x1ac /* of some chipsets */

static void as_before(struct function *function, uint32_t reg, uint32_t size)
{
    memcpy(&function->space[reg], &function->before[reg], size);
}

/* Only these may have changed. */
static void restore(const struct pci_function *found, struct function *function)
{
    const struct pci_caps *caps = &found->caps;

    as_before(function, PCI_COMMAND, 2);
    if (caps->acs)
        as_before(function, caps->acs + PCI_ACS_CONTROL, 2);
    if (pci_is_bridge(found) && caps->msi)
        as_before(function, caps->msi + PCI_MSI_CONTROL, 2);
    if (pci_is_bridge(found) && caps->msix)
        as_before(function, caps->msix + PCI_MSIX_CONTROL, 2);
    if (caps->sriov && caps->pcie)
        as_before(function, caps->pcie + DEVICE_CONTROL, 2);
    if (found->vendor == 0x8086 && (found->device == 0x342e || found->device == 0x3c28))
        as_before(function, VTUNCERRMSK, 4);
}

static void check_restored(void)
{
    for (uint32_t i = 0; i < inventory.count; i++) {
        const struct pci_function *found = &inventory.functions[i];
        uint8_t index = index_of[pci_requester_of(found->address)];
        struct function *function = &functions[index - 1];
        PROMISE(index != 0);
        if (pci_segment_of(found->address) != 0 || function->flags & GOES_AWAY)
            continue;
        restore(found, function);
        PROMISE(memcmp(function->space, function->before, sizeof(function->space)) == 0);
    }
}

static void check_names(const uint8_t *data, size_t size)
{
    struct pci_selector selector;
    struct diag diag;
    uint32_t at, like = 0;
    uint32_t length = size < 40 ? (uint32_t)size : 40;

    if (!pci_selector_parse((const char *)data, length, &selector, &at, &diag)) {
        PROMISE(at <= length && diag.message[0] != '\0');
        PROMISE(strlen(diag.message) + 1 < sizeof(diag.message));
        return;
    }
    PROMISE(at == length);
    uint16_t found = pci_select_next(&inventory, &selector, 0, &like);
    PROMISE(found == PCI_NONE || pci_selector_fits(&selector, &inventory.functions[found]));
}

/* Guests get the functions whose bits are set, by their addresses; the upper half the second one.
 */
static void make_wishes(struct config *wishes, uint32_t bits)
{
    memset(wishes, 0, sizeof(*wishes));
    for (uint32_t i = 0; i < 2; i++) {
        wish_guest(wishes, i == 0 ? MIB(64) : GIB(4));
        for (uint32_t n = 0; n < 16 && n < inventory.count; n++, bits >>= 1)
            if (bits & 1)
                wish_device(wishes, inventory.functions[n].address, 0);
    }
}

static void check_plan(const struct pci_access *access, uint32_t bits)
{
    static struct hardware machine = {
        .cpu_count = 2,
        .cpus = {{.apic_id = 0}, {.apic_id = 1}},
        .range_count = 2,
        .ranges = {{.base = {MIB(1)}, .size = GIB(2), .kind = MEMORY_FREE},
                   {.base = {GIB(4)}, .size = GIB(4), .kind = MEMORY_FREE}},
        .iommu = HARDWARE_VTD,
    };
    static const struct plan_needs needs = {.fixed = KIB(64)};
    static struct config wishes;
    static struct plan plan;
    struct diag diag = {0};
    struct plan_inputs inputs = {
        .config = &wishes, .hardware = &machine, .needs = &needs, .pci = &inventory};

    make_wishes(&wishes, bits);
    machine.page_1g = (bits & 1) != 0;
    machine.phys_bits = 0;
    while (BIT(machine.phys_bits) < access->address_end)
        machine.phys_bits++;
    if (!plan_build(&inputs, &plan, &diag)) {
        PROMISE(diag.message[0] != '\0' && strlen(diag.message) + 1 < sizeof(diag.message));
        PROMISE(strlen(diag.hint) + 1 < sizeof(diag.hint));
        PROMISE(diag.line == 1);
        return;
    }
    const char *rule = plan_broken_rule(&plan, &wishes, &machine, &needs);
    if (rule) {
        fprintf(stderr, "broken: %s\n", rule);
        abort();
    }
}

static void make(const struct pci_access *access, struct pci_inventory *to)
{
    pci_scan(access, to);
    pci_find_errata(to);
    pci_mask_errors(access, to);
    PROMISE(pci_silence(access, to) <= to->count);
    pci_size_bars(access, to);
    pci_isolate(access, to);
    pci_group(to);
    pci_find_resets(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor from = cursor_over(data, size);
    uint8_t shape = cursor_u8(&from);
    uint32_t bits = cursor_u32(&from);
    struct pci_access access = {
        .read = read_config,
        .write = write_config,
        .address_end = UINT64_C(1) << (36 + shape % 17),
        .segment_count = shape & 0x80 ? 2 : 1,
        .segments = {{{0x1000}, 0, 0, shape & 0x40 ? 3 : 255}, {{0}, 1, 0, 1}},
    };

    read_functions(&from);
    work = 0;
    make(&access, &inventory);
    PROMISE(inventory.count <= PCI_MAX_FUNCTIONS);
    PROMISE(work < 2 * 8192 + 4000 * (uint64_t)(inventory.count + inventory.warning_count + 48));
    for (uint32_t i = 0; i < inventory.count; i++)
        check_function(&access, (uint16_t)i);
    for (uint32_t i = 0; i < inventory.warning_count && i < PCI_MAX_WARNINGS; i++)
        PROMISE(pci_fault_text((enum pci_fault)inventory.warnings[i].fault) != NULL);
    if (access.segment_count == 1)
        check_restored();
    check_names(data, size);
    check_plan(&access, bits);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Intel Virtualization Technology for Directed I/O, "BIOS Considerations". */
#include "kernel/acpi/dmar.h"

#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

#define DMAR_INTR_REMAP               (1u << 0) /* Flags */
#define DMAR_X2APIC_OPT_OUT           (1u << 1)
#define DMAR_DMA_CTRL_PLATFORM_OPT_IN (1u << 2)
#define DRHD_INCLUDE_PCI_ALL          (1u << 0)  /* Flags */
#define DRHD_SIZE                     BITS(3, 0) /* registers: 4 KiB << n */
#define MIN_ADDRESS_WIDTH             32
#define MAX_ADDRESS_WIDTH             64
#define DEVICE_LAST                   31
#define FUNCTION_LAST                 7

struct dmar_work {
    struct acpi_parse *parse;
    const struct acpi_table *table;
    struct acpi_dmar *dmar;
    struct diag *diag;
};

static bool bad(struct dmar_work *work, uint32_t offset, const char *why)
{
    return diag_set(work->diag, "ACPI DMAR at %#llx: the structure at offset %u %s",
                    acpi_ull(work->table->address), offset, why);
}

static bool bad_scope(struct dmar_work *work, uint32_t offset, const char *why)
{
    return diag_set(work->diag, "ACPI DMAR at %#llx: the device scope at offset %u %s",
                    acpi_ull(work->table->address), offset, why);
}

/* ---- device scopes ---- */

/* NULL: the lengths are possible. */
static const char *wrong_length(const struct dmar_work *work, size_t left, uint8_t length)
{
    if (length > left)
        return "goes beyond its structure";
    if (length < DMAR_SCOPE_SIZE || length % 2 != 0)
        return "has an impossible length";
    if (length == DMAR_SCOPE_SIZE)
        return "has no path";
    if (length > DMAR_SCOPE_SIZE + 2 * DMAR_MAX_PATH)
        return "has a path of more than 6 steps";
    return work->dmar->scope_count == DMAR_MAX_SCOPES ? "is one too many: 1024 can be used" : NULL;
}
_Static_assert(DMAR_MAX_PATH == 6 && DMAR_MAX_SCOPES == 1024, "the sentences say so");

static void unknown_scope(struct dmar_work *work, uint32_t offset, uint8_t type)
{
    struct diag *warning = acpi_warning(work->parse);

    diag_set(warning, "ACPI DMAR at %#llx: the device scope at offset %u has the unknown type %u",
             acpi_ull(work->table->address), offset, type);
    diag_hint(warning, "the device scope is ignored");
}

static bool read_path(struct dmar_work *work, uint32_t offset, struct cursor *data,
                      struct dmar_scope *scope)
{
    while (cursor_left(data) > 0) {
        uint8_t device = cursor_u8(data);
        uint8_t function = cursor_u8(data);

        if (device > DEVICE_LAST || function > FUNCTION_LAST)
            return bad_scope(work, offset, "has an impossible device or function in its path");
        scope->path[scope->path_length++] = (uint8_t)(device << 3 | function);
    }
    return true;
}

static bool read_scope(struct dmar_work *work, struct acpi_block *block)
{
    struct acpi_dmar *dmar = work->dmar;
    size_t left = cursor_left(&block->data);
    uint32_t offset = block->offset + block->length - (uint32_t)left;
    struct dmar_scope scope = {.type = cursor_peek_u8(&block->data, 0)};
    uint8_t length = left >= 2 ? cursor_peek_u8(&block->data, 1) : UINT8_MAX;
    const char *why = wrong_length(work, left, length);
    struct cursor data;

    if (why)
        return bad_scope(work, offset, why);
    data = cursor_sub(&block->data, length);
    cursor_skip(&data, 4);
    scope.enumeration_id = cursor_u8(&data);
    scope.start_bus = cursor_u8(&data);
    if (!read_path(work, offset, &data, &scope))
        return false;
    if (scope.type < DMAR_SCOPE_ENDPOINT || scope.type > DMAR_SCOPE_NAMESPACE)
        unknown_scope(work, offset, scope.type);
    else
        dmar->scopes[dmar->scope_count++] = scope;
    return true;
}

/* The device scopes that the rest of a structure consists of. */
static bool read_scopes(struct dmar_work *work, struct acpi_block *block, uint16_t *count)
{
    uint32_t first = work->dmar->scope_count;

    while (cursor_left(&block->data) > 0)
        if (!read_scope(work, block))
            return false;
    *count = (uint16_t)(work->dmar->scope_count - first);
    return true;
}

/* ---- structures ---- */

static bool check_unit(struct dmar_work *work, uint32_t offset, const struct dmar_unit *unit)
{
    const struct acpi_dmar *dmar = work->dmar;

    if (unit->base == 0 || !is_aligned(unit->base, PAGE_4K) ||
        unit->base > HARDWARE_ADDRESS_END - unit->size)
        return diag_set(work->diag,
                        "ACPI DMAR at %#llx: the unit at offset %u has its registers at %#llx",
                        acpi_ull(work->table->address), offset, acpi_ull(unit->base));
    for (uint32_t i = 0; i < dmar->unit_count; i++) {
        const struct dmar_unit *other = &dmar->units[i];

        if (unit->base < other->base + other->size && other->base < unit->base + unit->size)
            return bad(work, offset, "is a unit that shares registers with an earlier one");
        if (unit->include_all && other->include_all && unit->segment == other->segment)
            return bad(work, offset, "is a segment's second unit for all other devices");
    }
    if (dmar->unit_count == DMAR_MAX_UNITS)
        return bad(work, offset, "is one unit too many: 128 can be used");
    return true;
}
_Static_assert(DMAR_MAX_UNITS == 128 && DMAR_MAX_REGIONS == 64, "the sentences say so");

static bool read_drhd(struct dmar_work *work, struct acpi_block *block)
{
    struct acpi_dmar *dmar = work->dmar;
    struct dmar_unit unit = {.first_scope = (uint16_t)dmar->scope_count};

    unit.include_all = cursor_u8(&block->data) & DRHD_INCLUDE_PCI_ALL;
    unit.size = (uint32_t)PAGE_4K << field_get(DRHD_SIZE, cursor_u8(&block->data));
    unit.segment = cursor_u16(&block->data);
    unit.base = cursor_u64(&block->data);
    if (!check_unit(work, block->offset, &unit) || !read_scopes(work, block, &unit.scope_count))
        return false;
    dmar->units[dmar->unit_count++] = unit;
    return true;
}

static void ignore_region(struct dmar_work *work, uint32_t offset)
{
    struct diag *warning = acpi_warning(work->parse);

    diag_set(warning, "ACPI DMAR at %#llx: the reserved region at offset %u names no device",
             acpi_ull(work->table->address), offset);
    diag_hint(warning, "the region is ignored");
}

/* False, with a warning, when that cannot be memory. `limit` is its last byte. */
static bool check_region(struct dmar_work *work, uint32_t offset, uint64_t base, uint64_t limit)
{
    struct diag *warning;

    if (is_aligned(base, PAGE_4K) && is_aligned(limit + 1, PAGE_4K) && base < limit &&
        limit < HARDWARE_ADDRESS_END)
        return true;
    warning = acpi_warning(work->parse);
    diag_set(warning, "ACPI DMAR at %#llx: the reserved region at offset %u is from %#llx to %#llx",
             acpi_ull(work->table->address), offset, acpi_ull(base), acpi_ull(limit));
    diag_hint(warning, "the region is ignored, its devices cannot be given to a guest");
    return false;
}

static bool read_rmrr(struct dmar_work *work, struct acpi_block *block)
{
    struct acpi_dmar *dmar = work->dmar;
    struct dmar_region region = {.first_scope = (uint16_t)dmar->scope_count};
    uint64_t base, limit;

    if (dmar->region_count == DMAR_MAX_REGIONS)
        return bad(work, block->offset, "is one reserved region too many: 64 can be used");
    cursor_skip(&block->data, 2);
    region.segment = cursor_u16(&block->data);
    base = cursor_u64(&block->data);
    limit = cursor_u64(&block->data);
    if (check_region(work, block->offset, base, limit)) {
        region.base = base;
        region.size = limit + 1 - base;
    }
    if (!read_scopes(work, block, &region.scope_count))
        return false;
    if (region.scope_count == 0)
        ignore_region(work, block->offset);
    else
        dmar->regions[dmar->region_count++] = region;
    return true;
}

static bool read_rhsa(struct dmar_work *work, struct acpi_block *block)
{
    struct acpi_dmar *dmar = work->dmar;
    uint64_t base;

    cursor_skip(&block->data, 4);
    base = cursor_u64(&block->data);
    for (uint32_t i = 0; i < dmar->unit_count; i++)
        if (dmar->units[i].base == base)
            dmar->units[i].node = cursor_u32(&block->data);
    return true;
}

/* ---- the table ---- */

struct dmar_kind {
    uint16_t type, size;
    bool (*read)(struct dmar_work *work, struct acpi_block *block);
};

static const struct dmar_kind first_pass[] = {
    {DMAR_DRHD, DMAR_DRHD_SIZE, read_drhd},
    {DMAR_RMRR, DMAR_RMRR_SIZE, read_rmrr},
};

/* These speak of units that may come later in the table. */
static const struct dmar_kind second_pass[] = {{DMAR_RHSA, DMAR_RHSA_SIZE, read_rhsa}};

static bool read_structures(struct dmar_work *work, const struct dmar_kind *kinds, size_t count)
{
    struct cursor walk = acpi_entries(work->table, DMAR_STRUCTURES);
    struct acpi_block block;

    while (acpi_next_block(work->table, &walk, &block, work->diag)) {
        for (size_t i = 0; i < count; i++)
            if (kinds[i].type == block.type &&
                (!acpi_block_fits(work->table, &block, kinds[i].size, work->diag) ||
                 !kinds[i].read(work, &block)))
                return false;
    }
    return cursor_ok(&walk);
}

static bool read_all(struct dmar_work *work)
{
    struct acpi_dmar *dmar = work->dmar;
    uint32_t flags = (uint32_t)acpi_field(work->table, DMAR_FLAGS, 1);

    dmar->address_width = (uint32_t)acpi_field(work->table, DMAR_HOST_ADDRESS_WIDTH, 1) + 1;
    dmar->intr_remap = flags & DMAR_INTR_REMAP;
    dmar->x2apic_opt_out = flags & DMAR_X2APIC_OPT_OUT;
    dmar->platform_opt_in = flags & DMAR_DMA_CTRL_PLATFORM_OPT_IN;
    if (dmar->address_width < MIN_ADDRESS_WIDTH || dmar->address_width > MAX_ADDRESS_WIDTH)
        return diag_set(work->diag, "ACPI DMAR at %#llx: DMA addresses have %u bits",
                        acpi_ull(work->table->address), dmar->address_width);
    if (!read_structures(work, first_pass, ARRAY_COUNT(first_pass)) ||
        !read_structures(work, second_pass, ARRAY_COUNT(second_pass)))
        return false;
    if (dmar->unit_count == 0)
        return diag_set(work->diag, "ACPI DMAR at %#llx: it has no remapping unit",
                        acpi_ull(work->table->address));
    return true;
}

/* "DMA Remapping Reporting Structure", Flags: the bit counts with INTR_REMAP alone. Firmware that
 * has it knows the APIC's registers in memory, say in its SMI handler, and they are gone then. */
bool dmar_allows_x2apic(const struct acpi_dmar *dmar, bool on, struct diag *diag)
{
    if (on || !dmar->present || !dmar->intr_remap || !dmar->x2apic_opt_out)
        return true;
    diag_set(diag, "the firmware asks to stay out of x2APIC mode (X2APIC_OPT_OUT in its DMAR "
                   "table), which VT-x needs here");
    return diag_hint(diag, "turn on \"x2APIC\", or turn off \"x2APIC Opt Out\", in the firmware "
                           "setup");
}

void acpi_read_dmar(struct acpi_parse *parse)
{
    static const struct acpi_wanted wanted = {"DMAR", "DMAR", DMAR_STRUCTURES};
    struct acpi_dmar *dmar = &parse->host->dmar;
    struct acpi_table table;
    struct diag problem;
    struct dmar_work work = {parse, &table, dmar, &problem};

    if (!acpi_open_optional(parse, &wanted, &table))
        return;
    dmar->present = read_all(&work);
    if (dmar->present)
        return;
    memset(dmar, 0, sizeof(*dmar));
    acpi_drop_remapping(parse, &problem);
}

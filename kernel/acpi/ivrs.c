/* SPDX-License-Identifier: MIT */
/* AMD I/O Virtualization Technology (IOMMU) Specification, "I/O Virtualization ACPI Table". */
#include "kernel/acpi/ivrs.h"

#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

#define IVINFO_EFR_SUP     BIT(0)
#define IVINFO_DMA_REMAP   BIT(1)
#define IVINFO_PA_SIZE     BITS(14, 8)
#define IVINFO_VA_SIZE     BITS(21, 15)
#define BLOCK_TYPE         BITS(7, 0) /* in the first 16 bits of a block */
#define BLOCK_FLAGS        BITS(15, 8)
#define EXTENDED_ATS_OFF   BIT(31) /* "Extended DTE Setting", AtsDisabled */
#define REGISTERS_SIZE     KIB(16)
#define ENTRY_HEADER_SIZE  4
#define DEVICE_ID_LAST     0xffff
#define ENTRY_ODD_SIZES    0xf0 /* from this type on, types have no size in common */
#define ENTRY_SIZE_CLASS   BITS(7, 6)
#define ENTRY_SIZE(class_) (4u << (class_))

struct ivrs_work {
    struct acpi_parse *parse;
    const struct acpi_table *table;
    struct acpi_ivrs *ivrs;
    struct diag *diag;
    uint32_t unit;           /* whose entries are read */
    bool open;               /* a range has begun that did not end yet: */
    struct ivrs_range start; /* its first id, and what holds for all of it */
};

/* One device entry. */
struct ivrs_device {
    uint32_t offset; /* in the table */
    uint8_t type;
    uint16_t device_id;
    uint8_t dte;
    struct cursor data; /* behind these */
};

static bool bad(struct ivrs_work *work, uint32_t offset, const char *why)
{
    return diag_set(work->diag, "ACPI IVRS at %#llx: the structure at offset %u %s",
                    acpi_ull(work->table->address), offset, why);
}

static bool bad_device(struct ivrs_work *work, const struct ivrs_device *device, const char *why)
{
    return diag_set(
        work->diag, "ACPI IVRS at %#llx: the device entry at offset %u (type %#x, id %#x) %s",
        acpi_ull(work->table->address), device->offset, device->type, device->device_id, why);
}

/* ---- device entries ---- */

static bool add_range(struct ivrs_work *work, const struct ivrs_device *device,
                      const struct ivrs_range *range)
{
    struct acpi_ivrs *ivrs = work->ivrs;

    if (ivrs->range_count == IVRS_MAX_RANGES)
        return bad_device(work, device, "is one too many: 512 can be used");
    ivrs->ranges[ivrs->range_count++] = *range;
    ivrs->units[work->unit].range_count++;
    return true;
}
_Static_assert(IVRS_MAX_RANGES == 512, "the sentence says so");

static bool read_all_devices(struct ivrs_work *work, struct ivrs_device *device)
{
    struct ivrs_range range = {.last = DEVICE_ID_LAST, .all = true, .dte = device->dte};

    return add_range(work, device, &range);
}

/* What an entry says of its device, alias and extended setting included. */
static struct ivrs_range about(struct ivrs_device *device)
{
    struct ivrs_range range = {
        .first = device->device_id, .last = device->device_id, .dte = device->dte};

    if (device->type == IVHD_ALIAS_SELECT || device->type == IVHD_ALIAS_START) {
        cursor_skip(&device->data, 1);
        range.alias = cursor_u16(&device->data);
        range.has_alias = true;
    } else if (device->type == IVHD_EXTENDED_SELECT || device->type == IVHD_EXTENDED_START) {
        range.ats_disabled = cursor_u32(&device->data) & EXTENDED_ATS_OFF;
    }
    return range;
}

static bool read_select(struct ivrs_work *work, struct ivrs_device *device)
{
    struct ivrs_range range = about(device);

    return add_range(work, device, &range);
}

static bool read_start(struct ivrs_work *work, struct ivrs_device *device)
{
    if (work->open)
        return bad_device(work, device, "begins a range before the one before has ended");
    work->start = about(device);
    work->open = true;
    return true;
}

static bool read_end(struct ivrs_work *work, struct ivrs_device *device)
{
    if (!work->open)
        return bad_device(work, device, "ends a range that did not begin");
    if (device->device_id < work->start.first)
        return bad_device(work, device, "ends a range before its beginning");
    work->open = false;
    work->start.last = device->device_id;
    return add_range(work, device, &work->start);
}

static bool read_special(struct ivrs_work *work, struct ivrs_device *device)
{
    struct acpi_ivrs *ivrs = work->ivrs;
    struct ivrs_special special = {.unit = (uint8_t)work->unit, .dte = device->dte};

    special.handle = cursor_u8(&device->data);
    special.device_id = cursor_u16(&device->data);
    special.kind = cursor_u8(&device->data);
    if (special.kind != IVRS_SPECIAL_IOAPIC && special.kind != IVRS_SPECIAL_HPET)
        return true;
    if (ivrs->special_count == IVRS_MAX_SPECIALS)
        return bad_device(work, device, "is one special device too many: 128 can be used");
    ivrs->specials[ivrs->special_count++] = special;
    return true;
}
_Static_assert(IVRS_MAX_SPECIALS == 128, "the sentence says so");

static const struct device_kind {
    uint8_t type;
    bool (*read)(struct ivrs_work *work, struct ivrs_device *device);
} device_kinds[] = {
    {IVHD_ALL, read_all_devices},
    {IVHD_SELECT, read_select},
    {IVHD_START, read_start},
    {IVHD_END, read_end},
    {IVHD_ALIAS_SELECT, read_select},
    {IVHD_ALIAS_START, read_start},
    {IVHD_EXTENDED_SELECT, read_select},
    {IVHD_EXTENDED_START, read_start},
    {IVHD_SPECIAL, read_special},
    {IVHD_ACPI_HID, read_select},
};

/* Bytes of the entry that comes next; 0 when there is no telling. */
static size_t device_size(struct cursor *data)
{
    uint8_t type = cursor_peek_u8(data, 0);

    if (type < ENTRY_ODD_SIZES)
        return ENTRY_SIZE(field_get(ENTRY_SIZE_CLASS, type));
    if (type == IVHD_ACPI_HID && cursor_left(data) >= IVHD_HID_SIZE)
        return IVHD_HID_SIZE + (size_t)cursor_peek_u8(data, IVHD_HID_UID_LENGTH);
    return 0;
}

static bool read_device(struct ivrs_work *work, struct acpi_block *block)
{
    size_t left = cursor_left(&block->data);
    size_t size = device_size(&block->data);
    struct ivrs_device device = {.offset = block->offset + block->length - (uint32_t)left};

    device.type = cursor_peek_u8(&block->data, 0);
    if (size == 0 || size > left)
        return diag_set(work->diag,
                        "ACPI IVRS at %#llx: the device entry at offset %u has type %#x, and only "
                        "%u bytes are left",
                        acpi_ull(work->table->address), device.offset, device.type, (unsigned)left);
    device.data = cursor_sub(&block->data, size);
    cursor_skip(&device.data, 1);
    device.device_id = cursor_u16(&device.data);
    device.dte = cursor_u8(&device.data);
    for (size_t i = 0; i < ARRAY_COUNT(device_kinds); i++)
        if (device_kinds[i].type == device.type)
            return device_kinds[i].read(work, &device);
    return true; /* padding, or of a type that came later */
}

/* ---- IVHD: units ---- */

static bool is_ivhd(uint16_t type)
{
    return type == IVRS_IVHD_10 || type == IVRS_IVHD_11 || type == IVRS_IVHD_40;
}

/* What blocks of all types begin with. */
static struct ivrs_unit read_header(struct acpi_block *block)
{
    struct ivrs_unit unit = {.type = (uint8_t)field_get(BLOCK_TYPE, block->type),
                             .flags = (uint8_t)field_get(BLOCK_FLAGS, block->type)};

    unit.device_id = cursor_u16(&block->data);
    unit.capability_offset = cursor_u16(&block->data);
    unit.base = cursor_u64(&block->data);
    unit.segment = cursor_u16(&block->data);
    unit.info = cursor_u16(&block->data);
    unit.attributes = cursor_u32(&block->data);
    if (unit.type != IVRS_IVHD_10) {
        unit.features = cursor_u64(&block->data);
        unit.features_2 = cursor_u64(&block->data);
    }
    return unit;
}

/* Its index, or the number of units when it is a new one. */
static uint32_t find_unit(const struct acpi_ivrs *ivrs, const struct ivrs_unit *unit)
{
    uint32_t i = 0;

    while (i < ivrs->unit_count &&
           (ivrs->units[i].device_id != unit->device_id || ivrs->units[i].segment != unit->segment))
        i++;
    return i;
}

/* First pass: which units there are, and the best type of block that each has. */
static bool survey(struct ivrs_work *work, struct acpi_block *block)
{
    struct acpi_ivrs *ivrs = work->ivrs;
    struct ivrs_unit unit = read_header(block);
    uint32_t i = find_unit(ivrs, &unit);

    if (i == IVRS_MAX_UNITS)
        return bad(work, block->offset, "is one unit too many: 64 can be used");
    if (i == ivrs->unit_count)
        ivrs->unit_count++;
    else if (unit.type == ivrs->units[i].type)
        return bad(work, block->offset, "is a unit's second block of its type");
    if (unit.type > ivrs->units[i].type)
        ivrs->units[i] = unit;
    return true;
}
_Static_assert(IVRS_MAX_UNITS == 64 && IVRS_MAX_REGIONS == 64, "the sentences say so");

static bool check_unit(struct ivrs_work *work, uint32_t offset, uint32_t unit)
{
    const struct acpi_ivrs *ivrs = work->ivrs;
    uint64_t base = ivrs->units[unit].base;

    if (base == 0 || !is_aligned(base, REGISTERS_SIZE) ||
        base > HARDWARE_ADDRESS_END - REGISTERS_SIZE)
        return diag_set(work->diag,
                        "ACPI IVRS at %#llx: the unit at offset %u has its registers at %#llx",
                        acpi_ull(work->table->address), offset, acpi_ull(base));
    for (uint32_t i = 0; i < unit; i++)
        if (ivrs->units[i].base == base)
            return bad(work, offset, "is a unit that shares registers with an earlier one");
    return true;
}

/* Second pass: the entries of the best blocks. */
static bool read_ivhd(struct ivrs_work *work, struct acpi_block *block)
{
    struct acpi_ivrs *ivrs = work->ivrs;
    struct ivrs_unit unit = read_header(block);

    work->unit = find_unit(ivrs, &unit);
    if (ivrs->units[work->unit].type != unit.type)
        return true;
    if (!check_unit(work, block->offset, work->unit))
        return false;
    ivrs->units[work->unit].first_range = (uint16_t)ivrs->range_count;
    work->open = false;
    while (cursor_left(&block->data) > 0)
        if (!read_device(work, block))
            return false;
    return !work->open || bad(work, block->offset, "ends before its last range does");
}

/* ---- IVMD: reserved regions ---- */

/* Memory grows to whole pages: firmware is seen to reserve a single byte. */
static void set_region(struct ivrs_work *work, uint32_t offset, struct ivrs_region *region,
                       uint64_t base, uint64_t size)
{
    struct diag *warning;

    if (size != 0 && base < HARDWARE_ADDRESS_END && size <= HARDWARE_ADDRESS_END - base) {
        region->base = align_down(base, PAGE_4K);
        region->size = align_up(base + size, PAGE_4K) - region->base;
        return;
    }
    warning = acpi_warning(work->parse);
    diag_set(warning,
             "ACPI IVRS at %#llx: the reserved region at offset %u has %#llx bytes at "
             "%#llx",
             acpi_ull(work->table->address), offset, acpi_ull(size), acpi_ull(base));
    diag_hint(warning, "the region is ignored, its devices cannot be given to a guest");
}

static bool read_ivmd(struct ivrs_work *work, struct acpi_block *block)
{
    struct acpi_ivrs *ivrs = work->ivrs;
    uint8_t type = (uint8_t)field_get(BLOCK_TYPE, block->type);
    struct ivrs_region region = {.flags = (uint8_t)field_get(BLOCK_FLAGS, block->type),
                                 .first = cursor_u16(&block->data),
                                 .all_segments = type == IVRS_IVMD_ALL};
    uint16_t last = cursor_u16(&block->data);
    uint64_t base, size;

    region.segment = cursor_u16(&block->data);
    cursor_skip(&block->data, 6);
    base = cursor_u64(&block->data);
    size = cursor_u64(&block->data);
    region.last = type == IVRS_IVMD_RANGE ? last : region.first;
    if (region.all_segments) {
        region.first = 0;
        region.last = DEVICE_ID_LAST;
    }
    if (region.first > region.last)
        return bad(work, block->offset, "has its last device before its first");
    if (ivrs->region_count == IVRS_MAX_REGIONS)
        return bad(work, block->offset, "is one reserved region too many: 64 can be used");
    set_region(work, block->offset, &region, base, size);
    ivrs->regions[ivrs->region_count++] = region;
    return true;
}

/* ---- the table ---- */

static bool is_ivmd(uint16_t type)
{
    return type >= IVRS_IVMD_ALL && type <= IVRS_IVMD_RANGE;
}

static bool read_blocks(struct ivrs_work *work, bool first_pass)
{
    struct cursor walk = acpi_entries(work->table, IVRS_BLOCKS);
    struct acpi_block block;

    while (acpi_next_block(work->table, &walk, &block, work->diag)) {
        uint16_t type = (uint16_t)field_get(BLOCK_TYPE, block.type);
        uint16_t size = type == IVRS_IVHD_10 ? IVRS_IVHD_10_SIZE
                        : is_ivhd(type)      ? IVRS_IVHD_11_SIZE
                                             : IVRS_IVMD_SIZE;

        if (!is_ivhd(type) && !is_ivmd(type))
            continue;
        if (!acpi_block_fits(work->table, &block, size, work->diag))
            return false;
        if (is_ivhd(type) && !(first_pass ? survey : read_ivhd)(work, &block))
            return false;
        if (is_ivmd(type) && !first_pass && !read_ivmd(work, &block))
            return false;
    }
    return cursor_ok(&walk);
}

static bool read_all(struct ivrs_work *work)
{
    struct acpi_ivrs *ivrs = work->ivrs;

    ivrs->info = (uint32_t)acpi_field(work->table, IVRS_IVINFO, 4);
    ivrs->feature_register_images = ivrs->info & IVINFO_EFR_SUP;
    ivrs->dma_remap = ivrs->info & IVINFO_DMA_REMAP;
    ivrs->physical_width = (uint8_t)field_get(IVINFO_PA_SIZE, ivrs->info);
    ivrs->virtual_width = (uint8_t)field_get(IVINFO_VA_SIZE, ivrs->info);
    if (!read_blocks(work, true) || !read_blocks(work, false))
        return false;
    if (ivrs->unit_count == 0)
        return diag_set(work->diag, "ACPI IVRS at %#llx: it has no remapping unit",
                        acpi_ull(work->table->address));
    return true;
}

void acpi_read_ivrs(struct acpi_parse *parse)
{
    static const struct acpi_wanted wanted = {"IVRS", "IVRS", IVRS_BLOCKS};
    struct acpi_ivrs *ivrs = &parse->host->ivrs;
    struct acpi_table table;
    struct diag problem;
    struct ivrs_work work = {.parse = parse, .table = &table, .ivrs = ivrs, .diag = &problem};

    if (!acpi_open_optional(parse, &wanted, &table))
        return;
    ivrs->present = read_all(&work);
    if (ivrs->present)
        return;
    memset(ivrs, 0, sizeof(*ivrs));
    acpi_drop_remapping(parse, &problem);
}

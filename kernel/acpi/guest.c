/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/guest.h"

#include "kernel/acpi/guest_dsdt.h"
#include "kernel/acpi/guest_prt.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

#define OEM_ID        "BLKHD "
#define OEM_TABLE_ID  "GUEST   "
#define CREATOR_ID    "BLKH"
#define HYPERVISOR_ID "Bulkhead"

#define TABLE_ALIGN     16
#define GAS_ACCESS_BYTE 1
#define GAS_SPACE_IO    1

#define FIRST_X2APIC_ID 255 /* 8 bits are not enough from here on */

/* The buffer as it fills up. */
struct builder {
    uint8_t *bytes;
    size_t size;
    size_t used;
    uint64_t base; /* GPA of bytes[0] */
    bool full;     /* something did not fit; nothing is written from then on */
};

/* Where a table is: bytes from the start of the buffer. */
struct table {
    size_t start;
};

/* Room for `count` zero bytes behind what is used. NULL when there is none. */
static uint8_t *take(struct builder *builder, size_t count)
{
    uint8_t *bytes;

    if (builder->full || count > builder->size - builder->used) {
        builder->full = true;
        return NULL;
    }
    bytes = builder->bytes + builder->used;
    memset(bytes, 0, count);
    builder->used += count;
    return bytes;
}

static void put(uint8_t *bytes, size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++)
        bytes[offset + i] = (uint8_t)(value >> 8 * i);
}

static void put_text(uint8_t *bytes, size_t offset, const char *text, size_t length)
{
    memcpy(bytes + offset, text, length);
}

/* One byte in the I/O space. */
static void put_port(uint8_t *bytes, size_t offset, uint16_t port)
{
    put(bytes, offset + GAS_SPACE, 1, GAS_SPACE_IO);
    put(bytes, offset + GAS_BIT_WIDTH, 1, 8);
    put(bytes, offset + GAS_ACCESS_SIZE, 1, GAS_ACCESS_BYTE);
    put(bytes, offset + GAS_ADDRESS, 8, port);
}

static uint64_t address_of(const struct builder *builder, struct table table)
{
    return builder->base + table.start;
}

/* Zero bytes up to the next boundary, then `size` of them for the fixed part of a table. */
static uint8_t *open_table(struct builder *builder, size_t size, struct table *table)
{
    take(builder, (size_t)(align_up(builder->used, TABLE_ALIGN) - builder->used));
    table->start = builder->used;
    return take(builder, size);
}

/* The header and checksum of the table that reaches to the end of what is used. */
static void close_table(struct builder *builder, struct table table, const char *signature,
                        uint8_t revision)
{
    uint8_t *bytes = builder->bytes + table.start;
    size_t length = builder->used - table.start;

    if (builder->full)
        return;
    put_text(bytes, 0, signature, 4);
    put(bytes, HEADER_LENGTH, 4, length);
    put(bytes, HEADER_REVISION, 1, revision);
    put_text(bytes, HEADER_OEM_ID, OEM_ID, 6);
    put_text(bytes, HEADER_OEM_TABLE_ID, OEM_TABLE_ID, 8);
    put(bytes, HEADER_OEM_REVISION, 4, 1);
    put_text(bytes, HEADER_CREATOR_ID, CREATOR_ID, 4);
    put(bytes, HEADER_CREATOR_REVISION, 4, 1);
    put(bytes, HEADER_CHECKSUM, 1, (uint8_t)-acpi_sum(bytes, length));
}

/* ACPI Specification "QWord Address Space Descriptor": minimum, maximum, translation, length. */
#define WINDOW_MINIMUM UINT64_C(0x0000010000000000) /* as guest_dsdt.asl has them */
#define WINDOW_MAXIMUM UINT64_C(0x000001ffffffffff)
#define WINDOW_BYTES   32

static void put_window(uint8_t *bytes, size_t size, const struct acpi_guest_params *params)
{
    uint8_t wanted[16];

    put(wanted, 0, 8, WINDOW_MINIMUM);
    put(wanted, 8, 8, WINDOW_MAXIMUM);
    for (size_t at = 0; at + WINDOW_BYTES <= size; at++) {
        if (memcmp(bytes + at, wanted, sizeof(wanted)) != 0)
            continue;
        put(bytes, at, 8, params->high_start);
        put(bytes, at + 8, 8, params->high_end - 1);
        put(bytes, at + 24, 8, params->high_end - params->high_start);
        break;
    }
}

static struct table build_dsdt(struct builder *builder, const struct acpi_guest_params *params)
{
    struct table dsdt;
    size_t size;
    const uint8_t *compiled = guest_dsdt(params->pci_express, &size);
    size_t more = guest_prt_size(params->routes, params->route_count);
    uint8_t *bytes = open_table(builder, size + more, &dsdt);

    if (bytes) {
        memcpy(bytes, compiled, size);
        guest_prt_put(bytes + size, params->routes, params->route_count);
        put(bytes, HEADER_LENGTH, 4, size + more);
        if (params->high_start != 0)
            put_window(bytes, size, params);
        put(bytes, HEADER_CHECKSUM, 1, 0);
        put(bytes, HEADER_CHECKSUM, 1, (uint8_t)-acpi_sum(bytes, size + more));
    }
    return dsdt;
}

/*
 * Hardware-reduced: the blocks of PM1, PM timer, GPE and FACS stay zero, which says that they are
 * not there. The guest's BIOS era devices are COM1 and the clock; no 8042, no VGA.
 */
static struct table build_fadt(struct builder *builder, struct table dsdt)
{
    uint64_t dsdt_address = address_of(builder, dsdt);
    struct table fadt;
    uint8_t *bytes = open_table(builder, FADT_SIZE_6, &fadt);

    if (bytes) {
        put(bytes, FADT_DSDT, 4, dsdt_address);
        put(bytes, FADT_PREFERRED_PM_PROFILE, 1, FADT_PROFILE_SERVER);
        put(bytes, FADT_CENTURY, 1, GUEST_RTC_CENTURY);
        put(bytes, FADT_IAPC_BOOT_ARCH, 2, FADT_LEGACY_DEVICES | FADT_VGA_NOT_PRESENT);
        put(bytes, FADT_FLAGS, 4,
            FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_RESET_REG_SUP |
                FADT_HW_REDUCED_ACPI);
        put_port(bytes, FADT_RESET_REG, GUEST_RESET);
        put(bytes, FADT_RESET_VALUE, 1, GUEST_RESET_VALUE);
        put(bytes, FADT_X_DSDT, 8, dsdt_address);
        put_port(bytes, FADT_SLEEP_CONTROL_REG, GUEST_SLEEP_CONTROL);
        put_port(bytes, FADT_SLEEP_STATUS_REG, GUEST_SLEEP_STATUS);
        put_text(bytes, FADT_HYPERVISOR_VENDOR, HYPERVISOR_ID, 8);
    }
    close_table(builder, fadt, "FACP", 6);
    return fadt;
}

static void add_processor(struct builder *builder, uint32_t id)
{
    bool wide = id >= FIRST_X2APIC_ID;
    size_t size = wide ? MADT_LOCAL_X2APIC_SIZE : MADT_LOCAL_APIC_SIZE;
    uint8_t *entry = take(builder, size);

    if (!entry)
        return;
    put(entry, 0, 1, wide ? MADT_LOCAL_X2APIC : MADT_LOCAL_APIC);
    put(entry, 1, 1, size);
    if (wide) {
        put(entry, 4, 4, id);
        put(entry, 8, 4, MADT_ENABLED);
        put(entry, 12, 4, id); /* UID */
    } else {
        put(entry, 2, 1, id); /* UID */
        put(entry, 3, 1, id);
        put(entry, 4, 4, MADT_ENABLED);
    }
}

static struct table build_madt(struct builder *builder, uint32_t vcpu_count)
{
    struct table madt;
    uint8_t *bytes = open_table(builder, MADT_ENTRIES, &madt);

    if (bytes)
        put(bytes, MADT_LOCAL_APIC_ADDRESS, 4, GUEST_LAPIC_BASE);
    for (uint32_t id = 0; id < vcpu_count; id++)
        add_processor(builder, id);
    bytes = take(builder, MADT_IO_APIC_SIZE);
    if (bytes) {
        put(bytes, 0, 1, MADT_IO_APIC);
        put(bytes, 1, 1, MADT_IO_APIC_SIZE);
        put(bytes, 2, 1, GUEST_IOAPIC_ID);
        put(bytes, 4, 4, GUEST_IOAPIC_BASE);
    }
    close_table(builder, madt, "APIC", 5);
    return madt;
}

/* One entry: bus 0 of segment 0, and so all numbers but the base are zero. */
static struct table build_mcfg(struct builder *builder)
{
    struct table mcfg;
    uint8_t *bytes = open_table(builder, MCFG_ENTRIES + MCFG_ENTRY_SIZE, &mcfg);

    if (bytes)
        put(bytes, MCFG_ENTRIES, 8, GUEST_ECAM_BASE);
    close_table(builder, mcfg, "MCFG", 1);
    return mcfg;
}

/* What the root lists. */
struct tables {
    uint32_t count;
    struct table all[3];
};

/* The list of tables: an XSDT with addresses of 8 bytes, or of 4 bytes the RSDT for who is old. */
static struct table build_root(struct builder *builder, size_t width, const struct tables *tables)
{
    struct table root;
    uint8_t *bytes = open_table(builder, HEADER_SIZE + tables->count * width, &root);

    for (uint32_t i = 0; bytes && i < tables->count; i++)
        put(bytes, HEADER_SIZE + i * width, width, address_of(builder, tables->all[i]));
    close_table(builder, root, width == 8 ? "XSDT" : "RSDT", 1);
    return root;
}

static void fill_rsdp(struct builder *builder, struct table rsdt, struct table xsdt)
{
    uint8_t *bytes = builder->bytes;

    put_text(bytes, 0, "RSD PTR ", 8);
    put_text(bytes, RSDP_OEM_ID, OEM_ID, 6);
    put(bytes, RSDP_REVISION, 1, 2);
    put(bytes, RSDP_LENGTH, 4, RSDP_SIZE);
    put(bytes, RSDP_RSDT, 4, address_of(builder, rsdt));
    put(bytes, RSDP_XSDT, 8, address_of(builder, xsdt));
    put(bytes, RSDP_CHECKSUM, 1, (uint8_t)-acpi_sum(bytes, RSDP_SIZE_1));
    put(bytes, RSDP_EXTENDED_CHECKSUM, 1, (uint8_t)-acpi_sum(bytes, RSDP_SIZE));
}

static bool is_possible(const struct acpi_guest_params *params)
{
    return params->vcpu_count >= 1 && params->vcpu_count <= GUEST_ACPI_MAX_VCPUS &&
           params->base.raw >= GUEST_RSDP_START && params->base.raw < GUEST_RESET_VECTOR &&
           params->route_count <= GUEST_ACPI_MAX_ROUTES &&
           is_aligned(params->base.raw, TABLE_ALIGN) && params->high_start <= params->high_end &&
           is_aligned(params->high_start | params->high_end, PAGE_4K);
}

bool acpi_guest_build(const struct acpi_guest_params *params, void *buffer, size_t size,
                      size_t *used)
{
    struct builder builder = {.bytes = buffer, .base = params->base.raw};
    struct tables tables = {.count = 2};
    struct table rsdt, xsdt;

    *used = 0;
    if (!is_possible(params))
        return false;
    builder.size = GUEST_RESET_VECTOR - (size_t)params->base.raw;
    if (size < builder.size)
        builder.size = size;
    take(&builder, RSDP_SIZE);
    tables.all[0] = build_fadt(&builder, build_dsdt(&builder, params));
    tables.all[1] = build_madt(&builder, params->vcpu_count);
    if (params->pci_express)
        tables.all[tables.count++] = build_mcfg(&builder);
    rsdt = build_root(&builder, 4, &tables);
    xsdt = build_root(&builder, 8, &tables);
    if (builder.full)
        return false;
    fill_rsdp(&builder, rsdt, xsdt);
    *used = builder.used;
    return true;
}

const uint8_t *guest_reset_code(size_t *size)
{
    /* mov dx, GUEST_RESET; mov al, GUEST_RESET_VALUE; out dx, al; hlt; jmp to the hlt */
    static const uint8_t code[] = {
        0xba, GUEST_RESET & 0xff, GUEST_RESET >> 8, 0xb0, GUEST_RESET_VALUE, 0xee, 0xf4, 0xeb, 0xfd,
    };

    *size = sizeof(code);
    return code;
}

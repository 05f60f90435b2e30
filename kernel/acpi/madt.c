/* SPDX-License-Identifier: MIT */
/* Processors and interrupt controllers. ACPI Specification "Multiple APIC Description Table". */
#include "kernel/acpi/parse.h"
#include "kernel/acpi/tables.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

#define MADT_HINT "the firmware made this table: look for an update of it"

#define ALL_UIDS_8     0xffu /* in NMI entries */
#define ALL_UIDS       UINT32_MAX
#define BROADCAST_ID_8 0xffu
#define BROADCAST_ID   UINT32_MAX
#define LINT_COUNT     2
#define IOAPIC_ALIGN   16
#define POLARITY_LOW   3
#define TRIGGER_LEVEL  3

/* Inputs' flags, "MPS INTI flags". 0 is what the bus does: for ISA, edge and active high. */
#define INTI_POLARITY BITS(1, 0)
#define INTI_TRIGGER  BITS(3, 2)

struct madt_work {
    struct acpi_parse *parse;
    const struct acpi_table *table;
    struct acpi_madt *madt;
    uint32_t processors; /* entries of any, for the message */
};

static void ignore(struct madt_work *work, const struct acpi_entry *entry, const char *why)
{
    struct diag *warning = acpi_warning(work->parse);

    diag_set(warning, "ACPI MADT at %#llx: the entry at offset %u %s",
             acpi_ull(work->table->address), entry->offset, why);
    diag_hint(warning, "the entry is ignored");
}

static struct acpi_irq read_irq(uint32_t gsi, uint16_t flags)
{
    return (struct acpi_irq){
        .gsi = gsi,
        .active_low = field_get(INTI_POLARITY, flags) == POLARITY_LOW,
        .level = field_get(INTI_TRIGGER, flags) == TRIGGER_LEVEL,
    };
}

/* Firmware lists processors twice: by APIC and by x2APIC entry, or simply twice. */
static void add_processor(struct madt_work *work, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
    struct acpi_madt *madt = work->madt;

    work->processors++;
    if (!(flags & MADT_ENABLED)) {
        if (flags & MADT_ONLINE_CAPABLE)
            madt->cpus_offline++;
        return;
    }
    for (uint32_t i = 0; i < madt->cpu_count; i++)
        if (madt->cpus[i].apic_id == apic_id)
            return;
    if (madt->cpu_count == HARDWARE_MAX_CPUS)
        madt->cpus_ignored++;
    else
        madt->cpus[madt->cpu_count++] = (struct acpi_cpu){.apic_id = apic_id, .uid = uid};
}

static void read_local_apic(struct madt_work *work, struct acpi_entry *entry)
{
    uint8_t uid = cursor_u8(&entry->data);
    uint8_t apic_id = cursor_u8(&entry->data);
    uint32_t flags = cursor_u32(&entry->data);

    if (apic_id == BROADCAST_ID_8 && (flags & MADT_ENABLED))
        ignore(work, entry, "is a processor with the broadcast id 0xff");
    else
        add_processor(work, apic_id, uid, flags);
}

static void read_local_x2apic(struct madt_work *work, struct acpi_entry *entry)
{
    uint32_t apic_id, flags;

    cursor_skip(&entry->data, 2);
    apic_id = cursor_u32(&entry->data);
    flags = cursor_u32(&entry->data);
    if (apic_id == BROADCAST_ID && (flags & MADT_ENABLED))
        ignore(work, entry, "is a processor with the broadcast id 0xffffffff");
    else
        add_processor(work, apic_id, cursor_u32(&entry->data), flags);
}

static void read_io_apic(struct madt_work *work, struct acpi_entry *entry)
{
    struct acpi_madt *madt = work->madt;
    struct acpi_ioapic ioapic = {.id = cursor_u8(&entry->data)};

    cursor_skip(&entry->data, 1);
    ioapic.address = cursor_u32(&entry->data);
    ioapic.gsi_base = cursor_u32(&entry->data);
    if (ioapic.address == 0 || !is_aligned(ioapic.address, IOAPIC_ALIGN)) {
        ignore(work, entry, "is an I/O APIC at an impossible address");
        return;
    }
    for (uint32_t i = 0; i < madt->ioapic_count; i++)
        if (madt->ioapics[i].address == ioapic.address)
            return;
    if (madt->ioapic_count == ACPI_MAX_IOAPICS)
        ignore(work, entry, "is one I/O APIC too many");
    else
        madt->ioapics[madt->ioapic_count++] = ioapic;
}

static void read_override(struct madt_work *work, struct acpi_entry *entry)
{
    uint8_t bus = cursor_u8(&entry->data);
    uint8_t irq = cursor_u8(&entry->data);
    uint32_t gsi = cursor_u32(&entry->data);
    uint16_t flags = cursor_u16(&entry->data);

    if (bus != 0 || irq >= ACPI_ISA_IRQS)
        ignore(work, entry, "redirects an interrupt that is not one of ISA");
    else
        work->madt->isa[irq] = read_irq(gsi, flags);
}

static void read_nmi_source(struct madt_work *work, struct acpi_entry *entry)
{
    struct acpi_madt *madt = work->madt;
    uint16_t flags = cursor_u16(&entry->data);
    uint32_t gsi = cursor_u32(&entry->data);

    if (madt->nmi_count == ACPI_MAX_NMIS)
        ignore(work, entry, "is one NMI source too many");
    else
        madt->nmis[madt->nmi_count++] = read_irq(gsi, flags);
}

static void read_address_override(struct madt_work *work, struct acpi_entry *entry)
{
    cursor_skip(&entry->data, 2);
    work->madt->lapic_address = cursor_u64(&entry->data);
}

static void set_nmi(struct madt_work *work, const struct acpi_entry *entry, uint32_t uid,
                    uint8_t lint)
{
    struct acpi_madt *madt = work->madt;

    if (lint >= LINT_COUNT) {
        ignore(work, entry, "makes an NMI of an input that local APICs do not have");
        return;
    }
    for (uint32_t i = 0; i < madt->cpu_count; i++)
        if (uid == ALL_UIDS || madt->cpus[i].uid == uid)
            madt->cpus[i].nmi_lint |= (uint8_t)(1u << lint);
}

static void read_local_apic_nmi(struct madt_work *work, struct acpi_entry *entry)
{
    uint8_t uid = cursor_u8(&entry->data);

    cursor_skip(&entry->data, 2);
    set_nmi(work, entry, uid == ALL_UIDS_8 ? ALL_UIDS : uid, cursor_u8(&entry->data));
}

static void read_local_x2apic_nmi(struct madt_work *work, struct acpi_entry *entry)
{
    uint32_t uid;

    cursor_skip(&entry->data, 2);
    uid = cursor_u32(&entry->data);
    set_nmi(work, entry, uid, cursor_u8(&entry->data));
}

struct madt_kind {
    uint8_t type, size;
    void (*read)(struct madt_work *work, struct acpi_entry *entry);
};

static const struct madt_kind first_pass[] = {
    {MADT_LOCAL_APIC, MADT_LOCAL_APIC_SIZE, read_local_apic},
    {MADT_IO_APIC, MADT_IO_APIC_SIZE, read_io_apic},
    {MADT_SOURCE_OVERRIDE, MADT_SOURCE_OVERRIDE_SIZE, read_override},
    {MADT_NMI_SOURCE, MADT_NMI_SOURCE_SIZE, read_nmi_source},
    {MADT_ADDRESS_OVERRIDE, MADT_ADDRESS_OVERRIDE_SIZE, read_address_override},
    {MADT_LOCAL_X2APIC, MADT_LOCAL_X2APIC_SIZE, read_local_x2apic},
};

/* These speak of processors that may come later in the table. */
static const struct madt_kind second_pass[] = {
    {MADT_LOCAL_APIC_NMI, MADT_LOCAL_APIC_NMI_SIZE, read_local_apic_nmi},
    {MADT_LOCAL_X2APIC_NMI, MADT_LOCAL_X2APIC_NMI_SIZE, read_local_x2apic_nmi},
};

static void read_entries(struct madt_work *work, const struct madt_kind *kinds, size_t count)
{
    struct cursor walk = acpi_entries(work->table, MADT_ENTRIES);
    struct acpi_entry entry;

    /* Only the first pass complains of the walk itself. */
    while (acpi_next_entry(kinds == first_pass ? work->parse : NULL, work->table, &walk, &entry)) {
        for (size_t i = 0; i < count; i++)
            if (kinds[i].type == entry.type &&
                acpi_entry_fits(work->parse, work->table, &entry, kinds[i].size))
                kinds[i].read(work, &entry);
    }
}

bool acpi_read_madt(struct acpi_parse *parse, struct diag *diag)
{
    static const struct acpi_wanted wanted = {"APIC", "MADT", MADT_ENTRIES};
    struct acpi_madt *madt = &parse->host->madt;
    uint64_t address = acpi_find(parse, wanted.signature);
    struct acpi_table table;
    struct madt_work work = {.parse = parse, .table = &table, .madt = madt};

    for (uint32_t irq = 0; irq < ACPI_ISA_IRQS; irq++)
        madt->isa[irq] = (struct acpi_irq){.gsi = irq};
    if (address == 0) {
        diag_set(diag, "ACPI has no MADT, the table that lists the processors");
        return diag_hint(diag,
                         "switch the APIC (I/O APIC, multiprocessor) on in the firmware setup");
    }
    if (!acpi_open(parse, address, &wanted, &table, diag))
        return diag_hint(diag, MADT_HINT);
    madt->lapic_address = acpi_field(&table, MADT_LOCAL_APIC_ADDRESS, 4);
    madt->has_8259 = acpi_field(&table, MADT_FLAGS, 4) & MADT_PCAT_COMPAT;
    read_entries(&work, first_pass, ARRAY_COUNT(first_pass));
    read_entries(&work, second_pass, ARRAY_COUNT(second_pass));
    if (madt->cpu_count > 0)
        return true;
    diag_set(diag, "ACPI MADT at %#llx: none of its %u processor entries can be used",
             acpi_ull(address), work.processors);
    return diag_hint(diag, MADT_HINT);
}

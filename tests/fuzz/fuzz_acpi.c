/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as physical memory with ACPI tables: what comes out, machine or diagnosis, keeps what
 * host.h promises. The input's first byte chooses whether checksums are made right on the way (else
 * nearly every input ends at the first one); the rest lies at BASE, where the RSDP is.
 */
#include <string.h>

#include "kernel/acpi/host.h"
#include "kernel/acpi/remapping.h"
#include "kernel/acpi/tables.h"
#include "tests/fuzz/fuzz.h"

#define BASE      UINT64_C(0xe0000)
#define MAX_INPUT 0x20000
#define MAX_LOANS (2 * (2 * ACPI_MAX_TABLES + 32))

enum { REPAIR_SUMS = 1 };

struct memory {
    const uint8_t *bytes;
    size_t size;
    bool repair;
    size_t loan_count;
    uint8_t *loans[MAX_LOANS];
};

static void repair(uint8_t *bytes, size_t size, size_t checksum)
{
    bytes[checksum] = (uint8_t)(bytes[checksum] - acpi_sum(bytes, size));
}

/* The parser gets a copy of exactly what it asks for. */
static const void *map(void *context, uint64_t at, uint64_t size)
{
    struct memory *memory = context;
    uint8_t *copy;

    PROMISE(at != 0 && size != 0 && at + size > at);
    PROMISE(size <= ACPI_MAX_TABLE_BYTES);
    if (at < BASE || at - BASE > memory->size || size > memory->size - (at - BASE))
        return NULL;
    PROMISE(memory->loan_count < MAX_LOANS); /* the work is bounded */
    copy = malloc(size);
    memcpy(copy, memory->bytes + (at - BASE), size);
    memory->loans[memory->loan_count++] = copy;
    if (memory->repair && at == BASE && size >= RSDP_SIZE_1) {
        repair(copy, RSDP_SIZE_1, RSDP_CHECKSUM);
        if (size >= RSDP_SIZE)
            repair(copy, size, RSDP_EXTENDED_CHECKSUM);
    } else if (memory->repair && size >= HEADER_SIZE) {
        repair(copy, size, HEADER_CHECKSUM);
    }
    return copy;
}

static void check_register(const struct acpi_register *reg)
{
    if (!reg->present) {
        PROMISE(reg->space == 0 && reg->bits == 0 && reg->access == 0 && reg->address == 0);
        return;
    }
    PROMISE(reg->address != 0);
    PROMISE(reg->space <= ACPI_SPACE_PCI);
    PROMISE(reg->access <= 8);
    PROMISE(reg->space != ACPI_SPACE_IO || reg->address <= 0xffff);
    PROMISE(reg->space != ACPI_SPACE_MEMORY || reg->address < HARDWARE_ADDRESS_END);
}

static void check_madt(const struct acpi_madt *madt)
{
    PROMISE(madt->cpu_count >= 1 && madt->cpu_count <= HARDWARE_MAX_CPUS);
    PROMISE(madt->cpus_ignored == 0 || madt->cpu_count == HARDWARE_MAX_CPUS);
    for (uint32_t i = 0; i < madt->cpu_count; i++) {
        PROMISE(madt->cpus[i].apic_id != UINT32_MAX);
        PROMISE(madt->cpus[i].nmi_lint <= 3);
        for (uint32_t j = 0; j < i; j++)
            PROMISE(madt->cpus[i].apic_id != madt->cpus[j].apic_id);
    }
    PROMISE(madt->ioapic_count <= ACPI_MAX_IOAPICS);
    for (uint32_t i = 0; i < madt->ioapic_count; i++) {
        PROMISE(madt->ioapics[i].address != 0 && madt->ioapics[i].address % 16 == 0);
        for (uint32_t j = 0; j < i; j++)
            PROMISE(madt->ioapics[i].address != madt->ioapics[j].address);
    }
    PROMISE(madt->nmi_count <= ACPI_MAX_NMIS);
}

static void check_fadt(const struct acpi_fadt *fadt)
{
    check_register(&fadt->pm1a_control);
    check_register(&fadt->pm1b_control);
    check_register(&fadt->pm_timer);
    check_register(&fadt->reset);
    check_register(&fadt->sleep_control);
    check_register(&fadt->sleep_status);
    PROMISE(fadt->s5_type_a <= 7 && fadt->s5_type_b <= 7);
    PROMISE(fadt->present || !(fadt->has_s5 || fadt->hw_reduced || fadt->reset.present));
    PROMISE(!fadt->hw_reduced || !(fadt->pm1a_control.present || fadt->pm_timer.present));
}

static void check_mcfg(const struct acpi_mcfg *mcfg)
{
    PROMISE(mcfg->count <= ACPI_MAX_ECAMS);
    for (uint32_t i = 0; i < mcfg->count; i++) {
        const struct acpi_ecam *a = &mcfg->ecams[i];

        PROMISE(a->base != 0 && a->base % MIB(1) == 0 && a->first_bus <= a->last_bus);
        PROMISE(a->base <= HARDWARE_ADDRESS_END - MIB(256));
        for (uint32_t j = 0; j < i; j++) {
            const struct acpi_ecam *b = &mcfg->ecams[j];

            PROMISE(a->segment != b->segment || a->last_bus < b->first_bus ||
                    b->last_bus < a->first_bus);
            PROMISE(a->base + MIB(a->last_bus) < b->base + MIB(b->first_bus) ||
                    b->base + MIB(b->last_bus) < a->base + MIB(a->first_bus));
        }
    }
}

static bool all_zero(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    return at[0] == 0 && memcmp(at, at + 1, size - 1) == 0;
}

static void check_pages(uint64_t base, uint64_t size)
{
    PROMISE(base % PAGE_4K == 0 && size % PAGE_4K == 0);
    PROMISE(size <= HARDWARE_ADDRESS_END && base <= HARDWARE_ADDRESS_END - size);
}

static void check_dmar(const struct acpi_dmar *dmar)
{
    PROMISE(dmar->present ? dmar->unit_count >= 1 : all_zero(dmar, sizeof(*dmar)));
    PROMISE(dmar->unit_count <= DMAR_MAX_UNITS && dmar->scope_count <= DMAR_MAX_SCOPES);
    PROMISE(dmar->region_count <= DMAR_MAX_REGIONS);
    for (uint32_t i = 0; i < dmar->unit_count; i++) {
        const struct dmar_unit *unit = &dmar->units[i];

        check_pages(unit->base, unit->size);
        PROMISE(unit->base != 0 && unit->size != 0);
        PROMISE(unit->first_scope + unit->scope_count <= dmar->scope_count);
        for (uint32_t j = 0; j < i; j++)
            PROMISE(unit->base + unit->size <= dmar->units[j].base ||
                    dmar->units[j].base + dmar->units[j].size <= unit->base);
    }
    for (uint32_t i = 0; i < dmar->region_count; i++) {
        check_pages(dmar->regions[i].base, dmar->regions[i].size);
        PROMISE(dmar->regions[i].scope_count > 0);
        PROMISE(dmar->regions[i].first_scope + dmar->regions[i].scope_count <= dmar->scope_count);
    }
    for (uint32_t i = 0; i < dmar->scope_count; i++) {
        PROMISE(dmar->scopes[i].type >= DMAR_SCOPE_ENDPOINT);
        PROMISE(dmar->scopes[i].type <= DMAR_SCOPE_NAMESPACE);
        PROMISE(dmar->scopes[i].path_length >= 1 && dmar->scopes[i].path_length <= DMAR_MAX_PATH);
    }
}

static void check_ivrs(const struct acpi_ivrs *ivrs)
{
    PROMISE(ivrs->present ? ivrs->unit_count >= 1 : all_zero(ivrs, sizeof(*ivrs)));
    PROMISE(ivrs->unit_count <= IVRS_MAX_UNITS && ivrs->range_count <= IVRS_MAX_RANGES);
    PROMISE(ivrs->special_count <= IVRS_MAX_SPECIALS && ivrs->region_count <= IVRS_MAX_REGIONS);
    for (uint32_t i = 0; i < ivrs->unit_count; i++) {
        const struct ivrs_unit *unit = &ivrs->units[i];

        check_pages(unit->base, KIB(16));
        PROMISE(unit->base != 0 && unit->base % KIB(16) == 0);
        PROMISE(unit->first_range + unit->range_count <= ivrs->range_count);
        for (uint32_t j = 0; j < i; j++)
            PROMISE(unit->base != ivrs->units[j].base &&
                    (unit->device_id != ivrs->units[j].device_id ||
                     unit->segment != ivrs->units[j].segment));
    }
    for (uint32_t i = 0; i < ivrs->range_count; i++)
        PROMISE(ivrs->ranges[i].first <= ivrs->ranges[i].last);
    for (uint32_t i = 0; i < ivrs->special_count; i++)
        PROMISE(ivrs->specials[i].unit < ivrs->unit_count);
    for (uint32_t i = 0; i < ivrs->region_count; i++) {
        check_pages(ivrs->regions[i].base, ivrs->regions[i].size);
        PROMISE(ivrs->regions[i].first <= ivrs->regions[i].last);
    }
}

/* Every third place is a bridge, with buses of any numbers. */
static bool bridge(void *context, struct remapping_function at, struct remapping_buses *buses)
{
    (void)context;
    *buses = (struct remapping_buses){(uint8_t)(at.bus + (at.devfn & 7)), (uint8_t)(at.devfn * 5)};
    return at.devfn % 3 == 0;
}

static void check_place(const struct acpi_host *host, const struct remapping_place *place)
{
    if (host->dmar.present) {
        PROMISE(place->unit < host->dmar.unit_count);
        PROMISE(place->segment == host->dmar.units[place->unit].segment);
    } else {
        PROMISE(place->unit < host->ivrs.unit_count);
        PROMISE(place->segment == host->ivrs.units[place->unit].segment);
    }
}

static void check_function(const struct remapping *remapping, struct remapping_function function)
{
    const struct acpi_host *host = remapping->host;
    struct remapping_region region;
    struct remapping_place place;
    uint32_t next = 0, regions = 0;

    if (remapping_of_function(remapping, function, &place)) {
        check_place(host, &place);
        PROMISE(place.segment == function.segment);
    }
    for (; remapping_next_region(remapping, function, &next, &region); regions++)
        check_pages(region.base.raw, region.size);
    PROMISE(regions <= host->dmar.region_count + host->ivrs.region_count);
}

/* Some of all functions, the I/O APICs and HPETs. */
static void check_remapping(const struct acpi_host *host)
{
    struct remapping remapping = {host, {bridge, NULL}};
    struct remapping_place place;

    for (uint32_t i = 0; i < 64; i++) {
        struct remapping_function function = {(uint16_t)(i & 1), (uint8_t)(i * 37),
                                              (uint8_t)(i * 101)};

        check_function(&remapping, function);
        if (remapping_of_ioapic(&remapping, (uint8_t)i, &place))
            check_place(host, &place);
        if (remapping_of_hpet(&remapping, (uint8_t)i, &place))
            check_place(host, &place);
    }
}

static void check_text(const char *text, size_t size)
{
    PROMISE(memchr(text, '\0', size - 1)); /* nothing was cut off */
    for (; *text; text++)
        PROMISE(*text >= ' ' && *text <= '~');
}

static void check_diag(const struct diag *diag)
{
    PROMISE(diag->message[0] && diag->hint[0]);
    PROMISE(diag->line == 0 && diag->column == 0);
    check_text(diag->message, sizeof(diag->message));
    check_text(diag->hint, sizeof(diag->hint));
}

static void check_summary(const struct acpi_host *host)
{
    char text[160];
    bool something = host->mcfg.count > 0 || host->dmar.present || host->ivrs.present;

    PROMISE(acpi_summary(host, text, sizeof(text)) == something);
    PROMISE(something == (text[0] != '\0'));
    check_text(text, sizeof(text));
}

static void check_host(const struct acpi_host *host)
{
    PROMISE(host->rsdp == BASE);
    PROMISE(host->table_count <= ACPI_MAX_TABLES);
    for (uint32_t i = 0; i < host->table_count; i++) {
        PROMISE(host->tables[i].address != 0);
        PROMISE(host->tables[i].length >= HEADER_SIZE);
        PROMISE(host->tables[i].length <= ACPI_MAX_TABLE_BYTES);
    }
    check_madt(&host->madt);
    check_fadt(&host->fadt);
    PROMISE(!host->hpet.present || host->hpet.address != 0);
    check_register(&host->spcr.base);
    PROMISE(host->spcr.present == host->spcr.base.present);
    PROMISE(host->memory_count <= ACPI_MAX_MEMORY);
    for (uint32_t i = 0; i < host->memory_count; i++) {
        PROMISE(host->memory[i].size != 0);
        PROMISE(host->memory[i].base + host->memory[i].size > host->memory[i].base);
    }
    for (uint32_t i = 0; i < host->warning_count && i < ACPI_MAX_WARNINGS; i++)
        check_diag(&host->warnings[i]);
    check_mcfg(&host->mcfg);
    check_dmar(&host->dmar);
    check_ivrs(&host->ivrs);
    check_summary(host);
}

/* Some processor's own id first, then each of the others once. */
static void check_hardware(const struct acpi_host *host)
{
    static struct hardware hardware;
    uint32_t self = host->madt.cpus[host->madt.cpu_count - 1].apic_id;

    acpi_fill_hardware(host, self, &hardware);
    PROMISE(hardware.cpu_count == host->madt.cpu_count);
    PROMISE(hardware.cpus[0].apic_id == self);
    for (uint32_t i = 1; i < hardware.cpu_count; i++)
        PROMISE(hardware.cpus[i].apic_id == host->madt.cpus[i - 1].apic_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct acpi_host host, again;
    static struct memory memory;
    struct acpi_reader reader = {map, &memory};
    struct diag diag, diag_again;
    bool good;

    if (size < 1 || size > MAX_INPUT)
        return 0;
    memory = (struct memory){
        .bytes = data + 1, .size = size - 1, .repair = data[0] & REPAIR_SUMS, .loan_count = 0};
    memset(&host, 0xa5, sizeof(host));
    memset(&again, 0x5a, sizeof(again));
    memset(&diag, 0xa5, sizeof(diag));
    memset(&diag_again, 0x5a, sizeof(diag_again));
    good = acpi_host_parse(&reader, hpa(BASE), &host, &diag);
    PROMISE(acpi_host_parse(&reader, hpa(BASE), &again, &diag_again) == good);
    if (good) {
        check_host(&host);
        check_hardware(&host);
        check_remapping(&host);
        PROMISE(again.madt.cpu_count == host.madt.cpu_count);
        PROMISE(again.warning_count == host.warning_count);
        PROMISE(memcmp(&again.dmar, &host.dmar, sizeof(host.dmar)) == 0);
        PROMISE(memcmp(&again.ivrs, &host.ivrs, sizeof(host.ivrs)) == 0);
    } else {
        check_diag(&diag);
        PROMISE(strcmp(diag.message, diag_again.message) == 0);
    }
    while (memory.loan_count > 0)
        free(memory.loans[--memory.loan_count]);
    return 0;
}

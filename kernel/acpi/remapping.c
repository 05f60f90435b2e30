/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/remapping.h"

#include "kernel/lib/bits.h"

/* A unit that claims somebody, while all units are asked. */
struct claim {
    struct remapping_place place;
    bool found;
    bool disputed; /* another unit claims it as well */
};

/* The same unit may say it again: the last word counts. */
static void claim(struct claim *claim, const struct remapping_place *place)
{
    if (claim->found && claim->place.unit != place->unit)
        claim->disputed = true;
    claim->place = *place;
    claim->found = true;
}

/* Two units that claim the same cannot both be right, and a wrong one would protect nobody. */
static bool settle(const struct claim *claim, struct remapping_place *place)
{
    *place = claim->place;
    return claim->found && !claim->disputed;
}

static uint16_t id_of(struct remapping_function function)
{
    return (uint16_t)(function.bus << 8 | function.devfn);
}

/* ---- Intel: device scopes ---- */

/* A bridge's buses are further down than its own; else it was not set up. */
static bool buses_behind(const struct remapping_pci *pci, struct remapping_function bridge,
                         struct remapping_buses *buses)
{
    return pci->bridge(pci->context, bridge, buses) && buses->secondary > bridge.bus &&
           buses->subordinate >= buses->secondary;
}

/* Where a scope's path leads. False: over something that is no bridge. */
static bool follow(const struct remapping_pci *pci, uint16_t segment,
                   const struct dmar_scope *scope, struct remapping_function *end)
{
    struct remapping_buses buses;

    *end = (struct remapping_function){segment, scope->start_bus, scope->path[0]};
    for (uint32_t i = 1; i < scope->path_length; i++) {
        if (!buses_behind(pci, *end, &buses))
            return false;
        end->bus = buses.secondary;
        end->devfn = scope->path[i];
    }
    return true;
}

static bool scope_has(const struct remapping_pci *pci, const struct dmar_scope *scope,
                      struct remapping_function function)
{
    struct remapping_function end;
    struct remapping_buses buses;

    if ((scope->type != DMAR_SCOPE_ENDPOINT && scope->type != DMAR_SCOPE_BRIDGE) ||
        !follow(pci, function.segment, scope, &end))
        return false;
    if (id_of(end) == id_of(function))
        return true;
    return scope->type == DMAR_SCOPE_BRIDGE && buses_behind(pci, end, &buses) &&
           function.bus >= buses.secondary && function.bus <= buses.subordinate;
}

static bool scopes_have(const struct remapping *remapping, uint32_t first, uint32_t count,
                        struct remapping_function function)
{
    for (uint32_t i = 0; i < count; i++)
        if (scope_has(&remapping->pci, &remapping->host->dmar.scopes[first + i], function))
            return true;
    return false;
}

static bool dmar_function(const struct remapping *remapping, struct remapping_function function,
                          struct remapping_place *place)
{
    const struct acpi_dmar *dmar = &remapping->host->dmar;
    struct claim named = {0}, other = {0};

    for (uint32_t i = 0; i < dmar->unit_count; i++) {
        const struct dmar_unit *unit = &dmar->units[i];
        struct remapping_place here = {
            .unit = i, .segment = unit->segment, .source_id = id_of(function)};

        if (unit->segment != function.segment)
            continue;
        if (scopes_have(remapping, unit->first_scope, unit->scope_count, function))
            claim(&named, &here);
        if (unit->include_all)
            claim(&other, &here);
    }
    return settle(named.found ? &named : &other, place);
}

/* The unit that a scope belongs to. False: it is a region's. */
static bool unit_of(const struct acpi_dmar *dmar, uint32_t scope, uint32_t *unit)
{
    for (*unit = 0; *unit < dmar->unit_count; ++*unit)
        if (scope - dmar->units[*unit].first_scope < dmar->units[*unit].scope_count)
            return true;
    return false;
}

/* Scope number *next of an I/O APIC or HPET, and go on. False: no more. */
static bool dmar_next_special(const struct remapping *remapping, uint32_t *next,
                              const struct dmar_scope **scope, struct remapping_place *place)
{
    const struct acpi_dmar *dmar = &remapping->host->dmar;

    while (*next < dmar->scope_count) {
        uint32_t index = (*next)++, unit;
        struct remapping_function end;

        *scope = &dmar->scopes[index];
        if (((*scope)->type != DMAR_SCOPE_IOAPIC && (*scope)->type != DMAR_SCOPE_HPET) ||
            !unit_of(dmar, index, &unit) ||
            !follow(&remapping->pci, dmar->units[unit].segment, *scope, &end))
            continue;
        *place = (struct remapping_place){
            .unit = unit, .segment = dmar->units[unit].segment, .source_id = id_of(end)};
        return true;
    }
    return false;
}

static bool dmar_special(const struct remapping *remapping, enum dmar_scope_type type, uint8_t id,
                         struct remapping_place *place)
{
    struct claim named = {0};
    struct remapping_place here;
    const struct dmar_scope *scope;
    uint32_t next = 0;

    while (dmar_next_special(remapping, &next, &scope, &here))
        if (scope->type == type && scope->enumeration_id == id)
            claim(&named, &here);
    return settle(&named, place);
}

/* ---- AMD: ranges of device ids ---- */

static bool ivrs_function(const struct remapping *remapping, struct remapping_function function,
                          struct remapping_place *place)
{
    const struct acpi_ivrs *ivrs = &remapping->host->ivrs;
    uint16_t id = id_of(function);
    struct claim named = {0}, other = {0};

    for (uint32_t i = 0; i < ivrs->unit_count; i++) {
        const struct ivrs_unit *unit = &ivrs->units[i];

        for (uint32_t j = 0; unit->segment == function.segment && j < unit->range_count; j++) {
            const struct ivrs_range *range = &ivrs->ranges[unit->first_range + j];

            if (id >= range->first && id <= range->last)
                claim(range->all ? &other : &named,
                      &(struct remapping_place){.unit = i,
                                                .segment = unit->segment,
                                                .source_id = range->has_alias ? range->alias : id,
                                                .dte = range->dte,
                                                .ats_disabled = range->ats_disabled});
        }
    }
    return settle(named.found ? &named : &other, place);
}

static struct remapping_place special_place(const struct acpi_ivrs *ivrs,
                                            const struct ivrs_special *special)
{
    return (struct remapping_place){.unit = special->unit,
                                    .segment = ivrs->units[special->unit].segment,
                                    .source_id = special->device_id,
                                    .dte = special->dte};
}

static bool ivrs_special(const struct remapping *remapping, enum ivrs_special_kind kind,
                         uint8_t handle, struct remapping_place *place)
{
    const struct acpi_ivrs *ivrs = &remapping->host->ivrs;
    struct claim named = {0};

    for (uint32_t i = 0; i < ivrs->special_count; i++) {
        const struct ivrs_special *special = &ivrs->specials[i];
        struct remapping_place here = special_place(ivrs, special);

        if (special->kind == kind && special->handle == handle)
            claim(&named, &here);
    }
    return settle(&named, place);
}

/* ---- both ---- */

bool remapping_of_function(const struct remapping *remapping, struct remapping_function function,
                           struct remapping_place *place)
{
    return remapping->host->dmar.present ? dmar_function(remapping, function, place)
                                         : ivrs_function(remapping, function, place);
}

bool remapping_of_ioapic(const struct remapping *remapping, uint8_t id,
                         struct remapping_place *place)
{
    return remapping->host->dmar.present ? dmar_special(remapping, DMAR_SCOPE_IOAPIC, id, place)
                                         : ivrs_special(remapping, IVRS_SPECIAL_IOAPIC, id, place);
}

bool remapping_of_hpet(const struct remapping *remapping, uint8_t number,
                       struct remapping_place *place)
{
    return remapping->host->dmar.present
               ? dmar_special(remapping, DMAR_SCOPE_HPET, number, place)
               : ivrs_special(remapping, IVRS_SPECIAL_HPET, number, place);
}

bool remapping_next_special(const struct remapping *remapping, uint32_t *next,
                            struct remapping_place *place)
{
    const struct acpi_ivrs *ivrs = &remapping->host->ivrs;
    const struct dmar_scope *scope;

    if (remapping->host->dmar.present)
        return dmar_next_special(remapping, next, &scope, place);
    if (*next >= ivrs->special_count)
        return false;
    *place = special_place(ivrs, &ivrs->specials[(*next)++]);
    return true;
}

static struct remapping_region dmar_region(const struct dmar_region *region)
{
    return (struct remapping_region){
        .base = hpa(region->base), .size = region->size, .readable = true, .writable = true};
}

static struct remapping_region ivrs_region(const struct ivrs_region *region)
{
    bool exclusion = region->flags & IVMD_EXCLUSION;

    return (struct remapping_region){.base = hpa(region->base),
                                     .size = region->size,
                                     .readable = exclusion || (region->flags & IVMD_READ),
                                     .writable = exclusion || (region->flags & IVMD_WRITE)};
}

/* Region number *next of either table, and go on. False: no more. */
static bool next_region(const struct acpi_host *host, uint32_t *next,
                        struct remapping_region *region)
{
    uint32_t index = *next;

    if (index >= (host->dmar.present ? host->dmar.region_count : host->ivrs.region_count))
        return false;
    *region = host->dmar.present ? dmar_region(&host->dmar.regions[index])
                                 : ivrs_region(&host->ivrs.regions[index]);
    *next = index + 1;
    return true;
}

static bool belongs(const struct remapping *remapping, uint32_t index,
                    struct remapping_function function)
{
    const struct acpi_host *host = remapping->host;
    const struct dmar_region *intel = &host->dmar.regions[index];
    const struct ivrs_region *amd = &host->ivrs.regions[index];
    uint16_t id = id_of(function);

    if (host->dmar.present)
        return intel->segment == function.segment &&
               scopes_have(remapping, intel->first_scope, intel->scope_count, function);
    return (amd->all_segments || amd->segment == function.segment) && id >= amd->first &&
           id <= amd->last;
}

bool remapping_next_region(const struct remapping *remapping, struct remapping_function function,
                           uint32_t *next, struct remapping_region *region)
{
    while (next_region(remapping->host, next, region))
        if (belongs(remapping, *next - 1, function))
            return true;
    return false;
}

static bool is_free(const struct hardware *hardware, const struct remapping_region *region)
{
    for (uint32_t i = 0; i < hardware->range_count; i++) {
        const struct hardware_range *range = &hardware->ranges[i];

        if (range->kind == MEMORY_FREE && region->base.raw < range->base.raw + range->size &&
            range->base.raw < region->base.raw + region->size)
            return true;
    }
    return false;
}

bool remapping_next_in_free_memory(const struct acpi_host *host, const struct hardware *hardware,
                                   uint32_t *next, struct remapping_region *region)
{
    while (next_region(host, next, region))
        if (region->size > 0 && is_free(hardware, region))
            return true;
    return false;
}

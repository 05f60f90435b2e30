/* SPDX-License-Identifier: MIT */
/* Guests out of the plan: memory tables, vCPUs, devices. */
#include "kernel/vm/guest.h"

#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/cpu/tsc.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/model/msr_policy.h"
#include "kernel/lib/mem.h"
#include "kernel/mm/pagetable.h"
#include "kernel/panic.h"
#include "kernel/vm/exits.h"

static struct {
    struct guest *first;
    uint32_t count;
} guests;

struct guest *guest_at(uint32_t index)
{
    return index < guests.count ? &guests.first[index] : NULL;
}

uint32_t guest_count(void)
{
    return guests.count;
}

void guest_needs(struct plan_needs *needs)
{
    needs->per_guest += sizeof(struct guest);
    needs->per_vcpu += sizeof(struct vcpu) + PAGE_4K /* the control page */;
    needs->fixed += 2 * PAGE_4K; /* alignment between the two */
}

static uint64_t *table_at(void *context, hpa_t table)
{
    (void)context;
    return host_pointer(table);
}

static bool take_page(void *context, hpa_t *page)
{
    (void)context;
    *page = host_hpa(host_alloc(PAGE_4K, PAGE_4K));
    return true;
}

/* RAM, and the registers of passed-through devices. */
static void map_memory(struct guest *guest, const struct plan *plan, bool page_1g)
{
    const struct plan_guest *planned = &plan->guests[guest->index];
    const struct plan_range *mmio = &plan->mmio[planned->first_mmio];
    struct pagetable table = {.format = rights.ops->tables,
                              .page_1g = page_1g,
                              .table_at = table_at,
                              .take_page = take_page};
    bool mapped = pagetable_init(&table);
    for (uint32_t i = 0; i < guest->range_count && mapped; i++) {
        const struct plan_range *range = &guest->ranges[i];
        mapped = pagetable_map(&table, range->gpa.raw, range->hpa.raw, range->size,
                               MAP_READ | MAP_WRITE | MAP_EXEC | rights.ops->tables_flags);
    }
    for (uint32_t i = 0; i < planned->mmio_count && mapped; i++)
        mapped = pagetable_map(&table, mmio[i].gpa.raw, mmio[i].hpa.raw, mmio[i].size,
                               MAP_READ | MAP_WRITE | MAP_UNCACHED | rights.ops->tables_flags);
    assert(mapped);
    guest->tables = table.root;
}

static void vcpu_create(struct guest *guest, uint32_t id, struct cpu *cpu,
                        uint32_t threads_per_core)
{
    struct vcpu *vcpu = &guest->vcpus[id];
    struct cpuid_guest shown = {
        .vcpu = id,
        .vcpu_count = guest->vcpu_count,
        .threads_per_core = threads_per_core,
        .tsc_khz = (uint32_t)tsc_khz(),
        .phys_bits = rights.phys_bits,
        .counter_kinds = STAT_KINDS,
    };
    vcpu->guest = guest;
    vcpu->id = id;
    vcpu->cpu = cpu;
    cpu->vcpu = vcpu;
    rights.ops->offer(&shown);
    cpuid_policy_build(&cpuid_machine, &shown, &vcpu->cpuid);
    /* Every guest gets the same rights: they follow from the processor alone. */
    rights.ops->rights(&vcpu->cpuid, &rights.cr);
    rights.msr_features = msr_features(&vcpu->cpuid);

    vcpu->virt.tables = guest->tables;
    vcpu->virt.tag = (uint16_t)(cpu->index + 1);
    vcpu->virt.cr0_owned = rights.cr.cr0_mask;
    vcpu->virt.cr4_owned = rights.cr.cr4_mask;
    rights.ops->vcpu_create(&vcpu->virt);
}

static bool guest_create(struct guest *guest, const struct guest_sources *from, struct diag *diag)
{
    const struct plan *plan = from->plan;
    const struct plan_guest *planned = &plan->guests[guest->index];
    guest->config = &from->config->guests[guest->index];
    memcpy(guest->name, guest->config->name.start, guest->config->name.length);
    guest->ranges = &plan->ranges[planned->first_range];
    guest->range_count = planned->range_count;
    guest->files = from->files[guest->index];
    ring_init(&guest->input, guest->input_bytes, GUEST_INPUT_BYTES);
    ring_init(&guest->output, guest->output_bytes, GUEST_OUTPUT_BYTES);
    map_memory(guest, plan, from->page_1g);
    guest->vcpu_count = planned->cpu_count;
    guest->vcpus = host_alloc(guest->vcpu_count * sizeof(struct vcpu), 64);
    for (uint32_t i = 0; i < guest->vcpu_count; i++)
        vcpu_create(guest, i, cpu_at(plan->cpus[planned->first_cpu + i]),
                    planned->threads_per_core);
    return passthrough_create(guest, plan, diag);
}

bool guests_create(const struct guest_sources *sources, struct diag *diag)
{
    guests.count = sources->plan->guest_count;
    guests.first = host_alloc(guests.count * sizeof(struct guest), 64);
    for (uint32_t i = 0; i < guests.count; i++) {
        guests.first[i].index = i;
        if (!guest_create(&guests.first[i], sources, diag))
            return false;
    }
    return true;
}

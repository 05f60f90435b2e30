/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/cpuid_policy.h"

#include "arch/x86/model/cpuid_masks.h"
#include "arch/x86/model/cpuid_table.h"
#include "arch/x86/regs/cpuid.h"
#include "kernel/lib/mem.h"

#define KVM_FEATURES                                                                               \
    (KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_CLOCKSOURCE_STABLE | KVM_FEATURE_NOP_IODELAY)

#define MAX_BASIC    (CPUID_BASIC_LEAVES - 1)
#define MAX_EXTENDED CPUID_ADDRESS
#define MAX_AMD      (CPUID_AMD_MAX + CPUID_EXTENDED_LEAVES - 1)
#define MAX_CACHES   8u
#define XSTATE_LAST  9u /* highest state component in ALLOW_XCR0 */

struct builder {
    const struct cpuid_source *host;
    const struct cpuid_guest *guest;
    struct cpuid_table *out;
    uint32_t host_basic; /* highest leaves of the host */
    uint32_t host_extended;
    bool amd;
};

static struct cpuid_regs host_read(const struct builder *b, uint32_t leaf, uint32_t subleaf)
{
    uint32_t last = leaf >= CPUID_AMD_MAX ? b->host_extended : b->host_basic;
    if (leaf > last)
        return (struct cpuid_regs){0};
    return b->host->read(b->host->context, leaf, subleaf);
}

static struct cpuid_row *row_of(struct cpuid_table *table, uint32_t leaf)
{
    return leaf >= CPUID_AMD_MAX ? &table->extended[leaf - CPUID_AMD_MAX] : &table->basic[leaf];
}

/* Append one more subleaf of `leaf`. The table has room for all that is built here. */
static void add(const struct builder *b, uint32_t leaf, struct cpuid_regs regs, uint32_t fixup)
{
    struct cpuid_table *out = b->out;
    struct cpuid_row *row = row_of(out, leaf);
    if (out->used >= CPUID_MAX_ENTRIES)
        return;
    if (row->count == 0)
        row->first = (uint8_t)out->used;
    row->count++;
    out->entries[out->used++] = (struct cpuid_entry){regs, fixup};
}

/* A leaf for which ECX means nothing. */
static void add_plain(const struct builder *b, uint32_t leaf, struct cpuid_regs regs)
{
    add(b, leaf, regs, CPUID_STATIC);
    row_of(b->out, leaf)->every_subleaf = 1;
}

static uint32_t log2_up(uint32_t value)
{
    uint32_t shift = 0;
    while (shift < 31 && UINT32_C(1) << shift < value)
        shift++;
    return shift;
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

static struct cpuid_regs masked_read(const struct builder *b, unsigned index)
{
    const struct leaf_mask *mask = &cpuid_masks[index];
    struct cpuid_regs r = host_read(b, mask->leaf, mask->subleaf);
    r.eax &= mask->allowed.eax;
    r.ebx &= mask->allowed.ebx;
    r.ecx &= mask->allowed.ecx;
    r.edx &= mask->allowed.edx;
    return r;
}

static void build_features(const struct builder *b)
{
    const struct cpuid_guest *guest = b->guest;
    struct cpuid_regs r = masked_read(b, MASK_1);
    uint32_t logical = at_most(UINT32_C(1) << log2_up(guest->vcpu_count), 255);
    r.ebx |= (uint32_t)(field_put(CPUID_1_EBX_LOGICAL, logical) |
                        field_put(CPUID_1_EBX_APIC_ID, guest->vcpu));
    r.ecx |= (uint32_t)(CPUID_1_ECX_X2APIC | CPUID_1_ECX_HYPERVISOR);
    if (guest->vcpu_count > 1)
        r.edx |= (uint32_t)CPUID_1_EDX_HTT;
    add_plain(b, CPUID_FEATURES, r);
    b->out->entries[b->out->used - 1].fixup = CPUID_FIX_OSXSAVE;
    if ((r.ecx & CPUID_1_ECX_MONITOR) == 0)
        return;
    /* Line sizes, but no extensions: MWAIT for C1 only, and Linux's intel_idle stays away. */
    r = host_read(b, CPUID_MWAIT, 0);
    r.ecx = 0;
    r.edx = 0;
    add_plain(b, CPUID_MWAIT, r);
}

/* Leaf 4, and 0x8000001D in the same form but for the cores. */
static void build_caches(const struct builder *b, uint32_t leaf)
{
    const struct cpuid_guest *guest = b->guest;
    uint32_t threads = UINT32_C(1) << log2_up(guest->threads_per_core);
    uint32_t all = UINT32_C(1) << log2_up(guest->vcpu_count);
    uint32_t cores = at_most(all > threads ? all / threads : 1, 64);
    for (uint32_t i = 0; i < MAX_CACHES; i++) {
        struct cpuid_regs r = host_read(b, leaf, i);
        if (field_get(CPUID_4_EAX_TYPE, r.eax) == 0)
            return;
        uint32_t sharing = field_get(CPUID_4_EAX_LEVEL, r.eax) <= 2 ? threads : all;
        r.eax &= (uint32_t)~(CPUID_4_EAX_SHARING | CPUID_4_EAX_CORES);
        r.eax |= (uint32_t)field_put(CPUID_4_EAX_SHARING, at_most(sharing, 4096) - 1);
        if (leaf == CPUID_CACHE_PARAM)
            r.eax |= (uint32_t)field_put(CPUID_4_EAX_CORES, cores - 1);
        add(b, leaf, r, CPUID_STATIC);
    }
}

static void build_extended_features(const struct builder *b)
{
    struct cpuid_regs r = masked_read(b, MASK_7_0);
    uint32_t last = at_most(r.eax, 2);
    r.eax = last;
    if (!b->guest->invpcid)
        r.ebx &= (uint32_t)~CPUID_7_EBX_INVPCID;
    if (!b->guest->rdtscp)
        r.ecx &= (uint32_t)~CPUID_7_ECX_RDPID;
    add(b, CPUID_EXTENDED, r, CPUID_FIX_OSPKE);
    for (uint32_t i = 0; i < last; i++)
        add(b, CPUID_EXTENDED, masked_read(b, MASK_7_1 + i), CPUID_STATIC);
}

/* Leaves 0xB and 0x1F: threads, then cores; APIC ids are the vCPU numbers. */
static void build_topology(const struct builder *b, uint32_t leaf)
{
    const struct cpuid_guest *guest = b->guest;
    struct cpuid_regs smt = {
        .eax = log2_up(guest->threads_per_core),
        .ebx = guest->threads_per_core,
        .ecx = (uint32_t)field_put(CPUID_B_ECX_TYPE, CPUID_LEVEL_SMT),
        .edx = guest->vcpu,
    };
    uint32_t shift = log2_up(guest->vcpu_count);
    struct cpuid_regs core = {
        .eax = shift > smt.eax ? shift : smt.eax,
        .ebx = guest->vcpu_count,
        .ecx = (uint32_t)field_put(CPUID_B_ECX_TYPE, CPUID_LEVEL_CORE) | 1,
        .edx = guest->vcpu,
    };
    add(b, leaf, smt, CPUID_STATIC);
    add(b, leaf, core, CPUID_STATIC);
    add(b, leaf, (struct cpuid_regs){.edx = guest->vcpu}, CPUID_FIX_TOPOLOGY);
    struct cpuid_row *row = row_of(b->out, leaf);
    row->count--;
    row->beyond = (uint8_t)(row->first + row->count);
}

static void build_xstate(const struct builder *b)
{
    struct cpuid_regs sizes[XSTATE_LAST + 1];
    struct cpuid_regs r = host_read(b, CPUID_FEATURES, 0);
    if ((r.ecx & CPUID_1_ECX_XSAVE) == 0)
        return;
    r = host_read(b, CPUID_XSTATE, 0);
    uint32_t mask = r.eax & (uint32_t)ALLOW_XCR0;
    uint32_t end = 512 + 64; /* legacy area and header */
    for (uint32_t i = 2; i <= XSTATE_LAST; i++) {
        sizes[i] = (struct cpuid_regs){0};
        if ((mask & BIT(i)) == 0)
            continue;
        sizes[i] = host_read(b, CPUID_XSTATE, i);
        sizes[i].edx = 0;
        if (sizes[i].ebx + sizes[i].eax > end)
            end = sizes[i].ebx + sizes[i].eax;
    }
    r = (struct cpuid_regs){.eax = mask, .ebx = end, .ecx = end};
    add(b, CPUID_XSTATE, r, CPUID_FIX_XSTATE);
    r = masked_read(b, MASK_D_1);
    if (!b->guest->xsaves)
        r.eax &= (uint32_t)~CPUID_D_1_EAX_XSAVES;
    add(b, CPUID_XSTATE, r, CPUID_FIX_XSTATE);
    for (uint32_t i = 2; i <= XSTATE_LAST; i++)
        add(b, CPUID_XSTATE, sizes[i], CPUID_STATIC);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/*
 * Leaf 0x15: TSC = ECX * EBX / EAX, where ECX, the crystal, is also what drives the local APIC's
 * timer. Without knowing that clock it may be invented only when nobody will count with it: when
 * the timer has a deadline mode. Guests multiply kHz in 32 bits; a product that does not fit is
 * not shown.
 */
static void build_tsc(const struct builder *b)
{
    const struct cpuid_guest *guest = b->guest;
    uint32_t tsc = guest->tsc_khz;
    if (tsc == 0)
        return;
    uint32_t mhz = tsc / 1000;
    add_plain(b, CPUID_FREQUENCY, (struct cpuid_regs){.eax = mhz, .ebx = mhz, .ecx = 100});
    uint32_t crystal = guest->apic_timer_khz;
    if (crystal == 0) {
        if ((host_read(b, CPUID_FEATURES, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) == 0)
            return;
        crystal = tsc;
        while (crystal > UINT32_MAX / 1000)
            crystal /= 2;
    }
    uint32_t common = gcd(tsc, crystal);
    uint32_t numerator = tsc / common;
    uint32_t denominator = crystal / common;
    if ((uint64_t)crystal * numerator > UINT32_MAX || crystal > UINT32_MAX / 1000)
        return;
    struct cpuid_regs r = {.eax = denominator, .ebx = numerator, .ecx = crystal * 1000};
    add_plain(b, CPUID_TSC, r);
}

static void build_basic(const struct builder *b)
{
    struct cpuid_regs r = host_read(b, CPUID_VENDOR, 0);
    r.eax = MAX_BASIC;
    add_plain(b, CPUID_VENDOR, r);
    build_features(b);
    build_caches(b, CPUID_CACHE_PARAM);
    build_extended_features(b);
    build_topology(b, CPUID_TOPOLOGY);
    build_xstate(b);
    build_tsc(b);
    build_topology(b, CPUID_TOPOLOGY_V2);
}

/* APM Vol. 3 "CPUID Fn8000_001E": where this vCPU is among threads, cores and nodes. */
static void build_topology_amd(const struct builder *b)
{
    const struct cpuid_guest *guest = b->guest;
    if (!(host_read(b, CPUID_AMD_FEATURES, 0).ecx & CPUID_81_ECX_TOPOLOGY))
        return;
    build_caches(b, CPUID_CACHE_AMD);
    struct cpuid_regs r = {
        .eax = guest->vcpu,
        .ebx = guest->vcpu / guest->threads_per_core |
               (uint32_t)field_put(CPUID_1E_EBX_THREADS, guest->threads_per_core - 1),
    };
    add_plain(b, CPUID_TOPOLOGY_AMD, r);
}

/* Widths of addresses, and on AMD's processors how vCPUs are counted in their APIC ids. */
static void build_address(const struct builder *b)
{
    const struct cpuid_guest *guest = b->guest;
    struct cpuid_regs host = host_read(b, CPUID_ADDRESS, 0);
    uint32_t bits = (uint32_t)field_get(CPUID_88_EAX_PHYS_BITS, host.eax);
    struct cpuid_regs r = {.eax = at_most(bits == 0 ? 36 : bits, guest->phys_bits) | 48 << 8};
    if (b->amd) {
        uint32_t count = at_most(guest->vcpu_count, 256); /* the field has no more room */
        r.ebx = host.ebx & (uint32_t)ALLOW_88_EBX;
        r.ecx = (uint32_t)(field_put(CPUID_88_ECX_CORES, count - 1) |
                           field_put(CPUID_88_ECX_ID_BITS, log2_up(guest->vcpu_count)));
    }
    add_plain(b, CPUID_ADDRESS, r);
}

static void build_extended(const struct builder *b)
{
    add_plain(b, CPUID_AMD_MAX, (struct cpuid_regs){.eax = b->amd ? MAX_AMD : MAX_EXTENDED});
    struct cpuid_regs r = masked_read(b, b->amd ? MASK_81_AMD : MASK_81);
    if (!b->guest->rdtscp)
        r.edx &= (uint32_t)~CPUID_81_EDX_RDTSCP;
    if (b->amd && b->guest->vcpu_count > 1)
        r.ecx |= (uint32_t)CPUID_81_ECX_LEGACY;
    add_plain(b, CPUID_AMD_FEATURES, r);
    build_address(b);
    if (b->amd)
        build_topology_amd(b);
    unsigned end = b->amd ? (unsigned)MASK_COUNT : MASK_FIRST_AMD;
    for (unsigned i = MASK_FIRST_PLAIN; i < end; i++)
        add_plain(b, cpuid_masks[i].leaf, masked_read(b, i));
}

/* The twelve characters of a hypervisor's name in EBX ECX EDX. */
static struct cpuid_regs named(uint32_t eax, const char name[12])
{
    struct cpuid_regs r = {.eax = eax};
    uint32_t *words[3] = {&r.ebx, &r.ecx, &r.edx};
    for (unsigned i = 0; i < 12; i++)
        *words[i / 4] |= (uint32_t)(uint8_t)name[i] << i % 4 * 8;
    return r;
}

static void build_hypervisor(const struct builder *b)
{
    const struct cpuid_guest *guest = b->guest;
    struct cpuid_table *out = b->out;
    uint32_t kinds = at_most(guest->counter_kinds, CPUID_MAX_COUNTERS);
    out->counter_end = CPUID_BULKHEAD_COUNTER + kinds;
    out->entries[ENTRY_KVM].regs = named(CPUID_KVM_FEATURES, "KVMKVMKVM\0\0\0");
    out->entries[ENTRY_KVM_FEATURES].regs.eax = (uint32_t)KVM_FEATURES;
    out->entries[ENTRY_NAME].regs = named(out->counter_end - 1, CPUID_BULKHEAD_NAME);
    out->entries[ENTRY_INFO].regs = (struct cpuid_regs){
        .eax = CPUID_BULKHEAD_VERSION,
        .ebx = kinds,
        .ecx = guest->vcpu,
        .edx = guest->vcpu_count,
    };
    out->entries[ENTRY_COUNTER].fixup = CPUID_FIX_COUNTER;
}

void cpuid_policy_build(const struct cpuid_source *host, const struct cpuid_guest *guest,
                        struct cpuid_table *out)
{
    struct builder b = {.host = host, .guest = guest, .out = out};
    struct cpuid_regs vendor = host->read(host->context, CPUID_VENDOR, 0);
    b.host_basic = vendor.eax;
    b.amd = cpuid_is_amd(&vendor);
    b.host_extended = host->read(host->context, CPUID_AMD_MAX, 0).eax;
    memset(out, 0, sizeof(*out));
    out->used = ENTRY_FIRST_FREE;
    build_basic(&b);
    build_extended(&b);
    build_hypervisor(&b);
}

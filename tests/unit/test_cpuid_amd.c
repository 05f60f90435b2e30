/* SPDX-License-Identifier: MIT */
/* CPUID of an AMD processor as its guests see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/regs/cpuid.h"
#include "kernel/lib/types.h"

struct recorded {
    uint32_t leaf, subleaf;
    struct cpuid_regs regs;
};

/* After a Ryzen 7 1700, eight cores of two threads; not a recording. */
static const struct recorded ryzen[] = {
    {0x0, 0, {0xd, 0x68747541, 0x444d4163, 0x69746e65}},
    {0x1, 0, {0x00800f11, 0x00100800, 0x7ed8320b, 0x178bfbff}},
    {0x5, 0, {0x40, 0x40, 3, 0x11}},
    {0x6, 0, {0x4, 0, 1, 0}},
    {0x7, 0, {0, 0x209c01a9, 0, 0}},
    {0xd, 0, {7, 0x340, 0x340, 0}},
    {0xd, 1, {0xf, 0x340, 0, 0}},
    {0xd, 2, {0x100, 0x240, 0, 0}},
    {0x80000000, 0, {0x8000001f, 0x68747541, 0x444d4163, 0x69746e65}},
    {0x80000001, 0, {0x00800f11, 0x20000000, 0x35c233ff, 0x2fd3fbff}},
    {0x80000002, 0, {0x20444d41, 0x657a7952, 0x2037206e, 0x30303731}},
    {0x80000005, 0, {0xff40ff40, 0xff40ff40, 0x20080140, 0x40040140}},
    {0x80000006, 0, {0x26006400, 0x66006400, 0x02006140, 0x00808140}},
    {0x80000007, 0, {0, 0x1b, 0, 0x6599}},
    {0x80000008, 0, {0x3030, 0x1007, 0x400f, 0}},
    {0x8000000a, 0, {1, 0x8000, 0, 0x1bcff}},
    {0x80000019, 0, {0xf040f040, 0xf0400000, 0, 0}},
    {0x8000001a, 0, {3, 0, 0, 0}},
    {0x8000001b, 0, {0x3ff, 0, 0, 0}},
    {0x8000001d, 0, {0x00004121, 0x01c0003f, 0x3f, 0}},
    {0x8000001d, 1, {0x00004122, 0x00c0003f, 0xff, 0}},
    {0x8000001d, 2, {0x00004143, 0x01c0003f, 0x3ff, 2}},
    {0x8000001d, 3, {0x0001c163, 0x03c0003f, 0x1fff, 1}},
    {0x8000001e, 0, {5, 0x102, 0, 0}},
    {0x8000001f, 0, {7, 0x16f, 0xf, 0}},
};

static struct cpuid_regs read_ryzen(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    for (unsigned i = 0; i < ARRAY_COUNT(ryzen); i++)
        if (ryzen[i].leaf == leaf && ryzen[i].subleaf == subleaf)
            return ryzen[i].regs;
    return (struct cpuid_regs){0};
}

/* Every bit set, by one of the vendors. */
static struct cpuid_regs read_all_ones(void *context, uint32_t leaf, uint32_t subleaf)
{
    const struct cpuid_regs *vendor = context;
    if (leaf == 0)
        return *vendor;
    if (leaf == 0x80000000)
        return (struct cpuid_regs){0x8fffffff, 0, 0, 0};
    if (leaf == CPUID_XSTATE && subleaf > 1)
        return (struct cpuid_regs){64, 64 * subleaf, 0, 0};
    return (struct cpuid_regs){~0u, ~0u, ~0u, ~0u};
}

static struct cpuid_regs amd = {0x20, 0x68747541, 0x444d4163, 0x69746e65};
static struct cpuid_regs hygon = {0x20, 0x6f677948, 0x656e6975, 0x6e65476e};
static struct cpuid_regs intel = {0x20, 0x756e6547, 0x6c65746e, 0x49656e69};

static const struct cpuid_guest usual = {
    .vcpu = 3,
    .vcpu_count = 4,
    .threads_per_core = 2,
    .tsc_khz = 3000000,
    .phys_bits = 40,
    .xsaves = true,
    .rdtscp = true,
    .invpcid = true,
};

typedef struct cpuid_regs (*reader)(void *, uint32_t, uint32_t);

static struct cpuid_table build(reader read, void *context, const struct cpuid_guest *guest)
{
    struct cpuid_source source = {read, context};
    struct cpuid_table table;
    memset(&table, 0xa5, sizeof(table));
    cpuid_policy_build(&source, guest, &table);
    assert_true(table.used < CPUID_MAX_ENTRIES);
    return table;
}

static struct cpuid_regs ask(const struct cpuid_table *table, uint32_t leaf, uint32_t subleaf)
{
    return cpuid_answer(cpuid_lookup(table, leaf, subleaf), subleaf, 0);
}

static void ryzen_as_a_guest_sees_it(void **state)
{
    (void)state;
    static const struct recorded want[] = {
        {0x0, 0, {0x1f, 0x68747541, 0x444d4163, 0x69746e65}},
        {0x1, 0, {0x00800f11, 0x03040800, 0xf6f8320b, 0x178bfbff}},
        {0x2, 0, {0, 0, 0, 0}},
        {0x4, 0, {0, 0, 0, 0}},
        {0x7, 0, {0, 0x209c01a9, 0, 0}},
        {0xb, 0, {1, 2, 0x100, 3}},
        {0xb, 1, {2, 4, 0x201, 3}},
        {0xd, 0, {7, 0x340, 0x340, 0}},
        {0x80000000, 0, {0x80000021, 0, 0, 0}},
        {0x80000001, 0, {0, 0, 0x004001f3, 0x2dd3fbff}},
        {0x80000002, 0, {0x20444d41, 0x657a7952, 0x2037206e, 0x30303731}},
        {0x80000005, 0, {0xff40ff40, 0xff40ff40, 0x20080140, 0x40040140}},
        {0x80000006, 0, {0x26006400, 0x66006400, 0x02006140, 0x00808140}},
        {0x80000007, 0, {0, 0, 0, 0x100}},
        {0x80000008, 0, {0x3028, 0x1005, 0x2003, 0}},
        {0x80000009, 0, {0, 0, 0, 0}},
        {0x8000000a, 0, {0, 0, 0, 0}},
        {0x80000019, 0, {0xf040f040, 0xf0400000, 0, 0}},
        {0x8000001a, 0, {3, 0, 0, 0}},
        {0x8000001b, 0, {0, 0, 0, 0}},
        {0x8000001c, 0, {0, 0, 0, 0}},
        {0x8000001d, 0, {0x00004121, 0x01c0003f, 0x3f, 0}},
        {0x8000001d, 1, {0x00004122, 0x00c0003f, 0xff, 0}},
        {0x8000001d, 2, {0x00004143, 0x01c0003f, 0x3ff, 2}},
        {0x8000001d, 3, {0x0000c163, 0x03c0003f, 0x1fff, 1}},
        {0x8000001d, 4, {0, 0, 0, 0}},
        {0x8000001d, ~0u, {0, 0, 0, 0}},
        {0x8000001e, 0, {3, 0x101, 0, 0}},
        {0x8000001e, 7, {3, 0x101, 0, 0}},
        {0x8000001f, 0, {0, 0, 0, 0}},
        {0x80000020, 0, {0, 0, 0, 0}},
        {0x80000021, 0, {0, 0, 0, 0}},
        {0x80000022, 0, {0, 0, 0, 0}},
        {0xffffffff, 0, {0, 0, 0, 0}},
    };
    struct cpuid_table table = build(read_ryzen, NULL, &usual);
    for (unsigned i = 0; i < ARRAY_COUNT(want); i++) {
        struct cpuid_regs got = ask(&table, want[i].leaf, want[i].subleaf);
        if (memcmp(&got, &want[i].regs, sizeof(got)) != 0)
            fail_msg("leaf %#x.%u: %#x %#x %#x %#x", want[i].leaf, want[i].subleaf, got.eax,
                     got.ebx, got.ecx, got.edx);
    }
}

static void topology(void **state)
{
    (void)state;
    static const struct {
        uint32_t vcpus, threads, vcpu;
        bool legacy;             /* 0x80000001 ECX */
        uint32_t count_ecx;      /* 0x80000008 */
        uint32_t l1_eax, l3_eax; /* 0x8000001D */
        uint32_t core_ebx;       /* 0x8000001E */
    } cases[] = {
        {1, 1, 0, false, 0x0000, 0x00000121, 0x00000163, 0x000},
        {2, 1, 1, true, 0x1001, 0x00000121, 0x00004163, 0x001},
        {2, 2, 1, true, 0x1001, 0x00004121, 0x00004163, 0x100},
        {3, 1, 2, true, 0x2002, 0x00000121, 0x0000c163, 0x002},
        {4, 2, 3, true, 0x2003, 0x00004121, 0x0000c163, 0x101},
        {12, 2, 11, true, 0x400b, 0x00004121, 0x0003c163, 0x105},
        {256, 2, 255, true, 0x80ff, 0x00004121, 0x003fc163, 0x17f},
        {300, 2, 299, true, 0x90ff, 0x00004121, 0x007fc163, 0x195},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct cpuid_guest guest = usual;
        guest.vcpu_count = cases[i].vcpus;
        guest.threads_per_core = cases[i].threads;
        guest.vcpu = cases[i].vcpu;
        struct cpuid_table table = build(read_ryzen, NULL, &guest);
        struct cpuid_regs place = ask(&table, 0x8000001e, 0);
        uint32_t features = ask(&table, 0x80000001, 0).ecx;
        assert_int_equal((features & CPUID_81_ECX_LEGACY) != 0, cases[i].legacy);
        assert_int_equal(ask(&table, 0x80000008, 0).ecx, cases[i].count_ecx);
        assert_int_equal(ask(&table, 0x8000001d, 0).eax, cases[i].l1_eax);
        assert_int_equal(ask(&table, 0x8000001d, 3).eax, cases[i].l3_eax);
        assert_int_equal(place.eax, cases[i].vcpu);
        assert_int_equal(place.ebx, cases[i].core_ebx);
        assert_int_equal(place.ecx, 0);
    }
}

/* What a leaf may show at most; leaves of 0x80000000 to 0x80000021 that are not here show nothing.
 */
static const struct recorded most_amd[] = {
    {0x80000000, 0, {0x80000021, 0, 0, 0}},
    {0x80000001, 0, {0, 0, 0x006109f3, 0x2dd3fbff}},
    {0x80000002, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x80000003, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x80000004, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x80000005, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x80000006, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x80000007, 0, {0, 0, 0, 0x100}},
    {0x80000008, 0, {0x3028, 0x7507d205, 0x2003, 0}},
    {0x80000019, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x8000001a, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x8000001d, 0, {0x0300ffff, ~0u, ~0u, ~0u}},
    {0x8000001e, 0, {3, 0x101, 0, 0}},
    {0x80000021, 0, {0x44, 0, 0, 0}},
};
static const struct recorded most_intel[] = {
    {0x80000000, 0, {0x80000008, 0, 0, 0}}, {0x80000001, 0, {0, 0, 0x00000121, 0x2c100800}},
    {0x80000002, 0, {~0u, ~0u, ~0u, ~0u}},  {0x80000003, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x80000004, 0, {~0u, ~0u, ~0u, ~0u}},  {0x80000006, 0, {~0u, ~0u, ~0u, ~0u}},
    {0x80000007, 0, {0, 0, 0, 0x100}},      {0x80000008, 0, {0x3028, 0, 0, 0}},
};

static void default_deny_of(struct cpuid_regs *vendor, const struct recorded *most, unsigned count)
{
    struct cpuid_table table = build(read_all_ones, vendor, &usual);
    for (uint32_t leaf = 0x80000000; leaf < 0x80000030; leaf++) {
        struct cpuid_regs want = {0}, got = ask(&table, leaf, 0);
        for (unsigned i = 0; i < count; i++)
            if (most[i].leaf == leaf)
                want = most[i].regs;
        if ((got.eax & ~want.eax) || (got.ebx & ~want.ebx) || (got.ecx & ~want.ecx) ||
            (got.edx & ~want.edx))
            fail_msg("leaf %#x shows %#x %#x %#x %#x", leaf, got.eax, got.ebx, got.ecx, got.edx);
        /* ... and all of it, where only a mask stands between. */
        if (leaf == 0x80000001 || leaf == 0x80000008 || leaf == 0x80000021)
            assert_memory_equal(&got, &want, sizeof(got));
    }
}

static void default_deny(void **state)
{
    (void)state;
    static struct recorded legacy[ARRAY_COUNT(most_amd)];
    memcpy(legacy, most_amd, sizeof(legacy));
    legacy[1].regs.ecx |= (uint32_t)CPUID_81_ECX_LEGACY; /* four vCPUs */
    default_deny_of(&amd, legacy, ARRAY_COUNT(legacy));
    default_deny_of(&hygon, legacy, ARRAY_COUNT(legacy));
    default_deny_of(&intel, most_intel, ARRAY_COUNT(most_intel));
    struct cpuid_table table = build(read_all_ones, &amd, &usual);
    assert_int_equal(ask(&table, 0x80000001, 0).ecx & CPUID_81_ECX_SVM, 0);
}

/* Such as QEMU 7.2 with EPYC: no topology extensions. */
static struct cpuid_regs read_bare(void *context, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r = read_ryzen(context, leaf, subleaf);
    if (leaf == CPUID_AMD_FEATURES)
        r.ecx &= (uint32_t)~CPUID_81_ECX_TOPOLOGY;
    return r;
}

static void what_is_lacking(void **state)
{
    (void)state;
    struct cpuid_table table = build(read_bare, NULL, &usual);
    static const struct cpuid_regs nothing;
    for (uint32_t leaf = CPUID_CACHE_AMD; leaf <= CPUID_TOPOLOGY_AMD; leaf++) {
        struct cpuid_regs got = ask(&table, leaf, 0);
        assert_memory_equal(&got, &nothing, sizeof(got));
    }
    struct cpuid_guest guest = usual;
    guest.rdtscp = false;
    table = build(read_ryzen, NULL, &guest);
    assert_int_equal(ask(&table, CPUID_AMD_FEATURES, 0).edx & CPUID_81_EDX_RDTSCP, 0);
}

static void vendors(void **state)
{
    (void)state;
    assert_true(cpuid_is_amd(&amd));
    assert_true(cpuid_is_amd(&hygon));
    assert_false(cpuid_is_amd(&intel));
    assert_false(cpuid_is_amd(&(struct cpuid_regs){0}));
    for (unsigned word = 0; word < 3; word++) {
        struct cpuid_regs odd = amd;
        (word == 0 ? &odd.ebx : word == 1 ? &odd.ecx : &odd.edx)[0] ^= 1;
        assert_false(cpuid_is_amd(&odd));
    }
    struct cpuid_regs mixed = amd;
    mixed.ecx = hygon.ecx;
    assert_false(cpuid_is_amd(&mixed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ryzen_as_a_guest_sees_it),
        cmocka_unit_test(topology),
        cmocka_unit_test(default_deny),
        cmocka_unit_test(what_is_lacking),
        cmocka_unit_test(vendors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

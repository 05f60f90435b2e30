/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "kernel/lib/types.h"

/* What a Core i7-7800X (Skylake-X) says. */
struct recorded {
    uint32_t leaf, subleaf;
    struct cpuid_regs regs;
};

static const struct recorded skylake[] = {
    {0x0, 0, {0x16, 0x756e6547, 0x6c65746e, 0x49656e69}},
    {0x1, 0, {0x00050654, 0x05100800, 0x7ffefbbf, 0xbfebfbff}},
    {0x2, 0, {0x76036301, 0x00f0b5ff, 0, 0x00c30000}},
    {0x4, 0, {0x1c004121, 0x01c0003f, 0x3f, 0}},
    {0x4, 1, {0x1c004122, 0x01c0003f, 0x3f, 0}},
    {0x4, 2, {0x1c004143, 0x03c0003f, 0x3ff, 0}},
    {0x4, 3, {0x1c03c163, 0x0280003f, 0x2fff, 4}},
    {0x5, 0, {0x40, 0x40, 3, 0x2020}},
    {0x6, 0, {0x75, 2, 9, 0}},
    {0x7, 0, {0, 0xd39ffffb, 0, 0x9c000000}},
    {0xa, 0, {0x07300404, 0, 0, 0x603}},
    {0xb, 0, {1, 2, 0x100, 5}},
    {0xb, 1, {4, 12, 0x201, 5}},
    {0xd, 0, {0xff, 0xa80, 0xa80, 0}},
    {0xd, 1, {0xf, 0xa00, 0x100, 0}},
    {0xd, 2, {0x100, 0x240, 0, 0}},
    {0xd, 3, {0x40, 0x3c0, 0, 0}},
    {0xd, 4, {0x40, 0x400, 0, 0}},
    {0xd, 5, {0x40, 0x440, 0, 0}},
    {0xd, 6, {0x200, 0x480, 0, 0}},
    {0xd, 7, {0x400, 0x680, 0, 0}},
    {0xd, 8, {0x80, 0, 1, 0}},
    {0xf, 1, {0, 0x6000, 0x2f, 7}},
    {0x10, 0, {0, 0xa, 0, 0}},
    {0x14, 0, {1, 0xf, 7, 0}},
    {0x15, 0, {2, 0x124, 0, 0}},
    {0x16, 0, {3500, 4000, 100, 0}},
    {0x80000000, 0, {0x80000008, 0, 0, 0}},
    {0x80000001, 0, {0, 0, 0x121, 0x2c100000}},
    {0x80000002, 0, {0x65746e49, 0x2952286c, 0x726f4320, 0x4d542865}},
    {0x80000003, 0, {0x37692029, 0x3038372d, 0x43205830, 0x40205550}},
    {0x80000004, 0, {0x352e3320, 0x7a484730, 0, 0}},
    {0x80000006, 0, {0, 0, 0x01006040, 0}},
    {0x80000007, 0, {0, 0, 0, 0x100}},
    {0x80000008, 0, {0x302e, 0, 0, 0}},
};

static struct cpuid_regs read_skylake(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    for (unsigned i = 0; i < ARRAY_COUNT(skylake); i++)
        if (skylake[i].leaf == leaf && skylake[i].subleaf == subleaf)
            return skylake[i].regs;
    return (struct cpuid_regs){0};
}

/* Every bit set, as a processor of the future may. */
static struct cpuid_regs read_all_ones(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    if (leaf == 0)
        return (struct cpuid_regs){0x40, ~0u, ~0u, ~0u};
    if (leaf == 0x80000000)
        return (struct cpuid_regs){0x80000020, 0, 0, 0};
    if (leaf == CPUID_XSTATE && subleaf > 1)
        return (struct cpuid_regs){64, 64 * subleaf, 0, 0};
    return (struct cpuid_regs){~0u, ~0u, ~0u, ~0u};
}

static struct cpuid_regs read_zeros(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    (void)leaf;
    (void)subleaf;
    return (struct cpuid_regs){0};
}

static const struct cpuid_guest usual = {
    .vcpu = 1,
    .vcpu_count = 2,
    .threads_per_core = 1,
    .tsc_khz = 3504000,
    .phys_bits = 40,
    .counter_kinds = 12,
    .xsaves = true,
    .rdtscp = true,
    .invpcid = true,
};

typedef struct cpuid_regs (*reader)(void *, uint32_t, uint32_t);

static struct cpuid_table build(reader read, const struct cpuid_guest *guest)
{
    struct cpuid_source source = {read, NULL};
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

static void expect(const struct cpuid_table *table, const struct recorded *want)
{
    struct cpuid_regs got = ask(table, want->leaf, want->subleaf);
    if (memcmp(&got, &want->regs, sizeof(got)) != 0)
        fail_msg("leaf %#x.%u: %#x %#x %#x %#x", want->leaf, want->subleaf, got.eax, got.ebx,
                 got.ecx, got.edx);
}

static void skylake_as_a_guest_sees_it(void **state)
{
    (void)state;
    static const struct recorded want[] = {
        {0x0, 0, {0x1f, 0x756e6547, 0x6c65746e, 0x49656e69}},
        {0x0, 7, {0x1f, 0x756e6547, 0x6c65746e, 0x49656e69}},
        {0x1, 0, {0x00050654, 0x01020800, 0xf7fa320b, 0x1f8bfbff}},
        {0x1, 99, {0x00050654, 0x01020800, 0xf7fa320b, 0x1f8bfbff}},
        {0x2, 0, {0x76036301, 0x00f0b5ff, 0, 0x00c30000}},
        {0x3, 0, {0, 0, 0, 0}},
        {0x4, 0, {0x04000121, 0x01c0003f, 0x3f, 0}},
        {0x4, 2, {0x04000143, 0x03c0003f, 0x3ff, 0}},
        {0x4, 3, {0x04004163, 0x0280003f, 0x2fff, 4}},
        {0x4, 4, {0, 0, 0, 0}},
        {0x4, 0xffffffff, {0, 0, 0, 0}},
        {0x5, 0, {0x40, 0x40, 0, 0}},
        {0x6, 0, {0x4, 0, 0, 0}},
        {0x7, 0, {0, 0xd19f27e9, 0, 0x9c000000}},
        {0x7, 1, {0, 0, 0, 0}},
        {0xa, 0, {0, 0, 0, 0}},
        {0xb, 0, {0, 1, 0x100, 1}},
        {0xb, 1, {1, 2, 0x201, 1}},
        {0xb, 2, {0, 0, 2, 1}},
        {0xb, 0x1ff, {0, 0, 0xff, 1}},
        {0xd, 0, {0xe7, 0xa80, 0xa80, 0}},
        {0xd, 1, {0xf, 0, 0, 0}},
        {0xd, 2, {0x100, 0x240, 0, 0}},
        {0xd, 3, {0, 0, 0, 0}},
        {0xd, 7, {0x400, 0x680, 0, 0}},
        {0xd, 8, {0, 0, 0, 0}},
        {0xd, 10, {0, 0, 0, 0}},
        {0xf, 1, {0, 0, 0, 0}},
        {0x10, 0, {0, 0, 0, 0}},
        {0x12, 0, {0, 0, 0, 0}},
        {0x14, 0, {0, 0, 0, 0}},
        {0x15, 0, {1, 1, 3504000000, 0}},
        {0x16, 0, {3504, 3504, 100, 0}},
        {0x1f, 0, {0, 1, 0x100, 1}},
        {0x1f, 1, {1, 2, 0x201, 1}},
        {0x20, 0, {0, 0, 0, 0}},
        {0x3fffffff, 0, {0, 0, 0, 0}},
        {0x7fffffff, 0, {0, 0, 0, 0}},
        {0x80000000, 0, {0x80000008, 0, 0, 0}},
        {0x80000001, 0, {0, 0, 0x121, 0x2c100000}},
        {0x80000002, 0, {0x65746e49, 0x2952286c, 0x726f4320, 0x4d542865}},
        {0x80000004, 0, {0x352e3320, 0x7a484730, 0, 0}},
        {0x80000005, 0, {0, 0, 0, 0}},
        {0x80000006, 0, {0, 0, 0x01006040, 0}},
        {0x80000007, 0, {0, 0, 0, 0x100}},
        {0x80000008, 0, {0x3028, 0, 0, 0}},
        {0x80000009, 0, {0, 0, 0, 0}},
        {0xffffffff, 0, {0, 0, 0, 0}},
    };
    struct cpuid_table table = build(read_skylake, &usual);
    for (unsigned i = 0; i < ARRAY_COUNT(want); i++)
        expect(&table, &want[i]);
}

static void hypervisor_leaves(void **state)
{
    (void)state;
    static const struct recorded want[] = {
        {0x40000000, 0, {0x40000001, 0x4b4d564b, 0x564b4d56, 0x0000004d}},
        {0x40000001, 0, {0x0100000a, 0, 0, 0}},
        {0x40000002, 0, {0, 0, 0, 0}},
        {0x400000ff, 0, {0, 0, 0, 0}},
        {0x40000101, 0, {1, 12, 1, 2}},
        {0x40000102, 0, {0, 0, 0, 0}},
        {0x4000010e, 0, {0, 0, 0, 0}},
        {0x4000011c, 0, {0, 0, 0, 0}},
    };
    struct cpuid_table table = build(read_skylake, &usual);
    for (unsigned i = 0; i < ARRAY_COUNT(want); i++)
        expect(&table, &want[i]);
    struct cpuid_regs name = ask(&table, CPUID_BULKHEAD, 0);
    assert_int_equal(name.eax, 0x4000011b);
    assert_memory_equal(&name.ebx, "BulkheadHype", 12);
}

static void counters_are_left_to_the_caller(void **state)
{
    (void)state;
    struct cpuid_table table = build(read_skylake, &usual);
    assert_int_equal(cpuid_lookup(&table, 0x4000010e, 0)->fixup, CPUID_STATIC);
    for (uint32_t leaf = 0x4000010f; leaf < 0x4000011c; leaf++)
        assert_int_equal(cpuid_lookup(&table, leaf, 5)->fixup, CPUID_FIX_COUNTER);
    assert_int_equal(cpuid_lookup(&table, 0x4000011c, 0)->fixup, CPUID_STATIC);
    assert_int_equal(cpuid_counter_index(CPUID_BULKHEAD_TOTAL), -1);
    assert_int_equal(cpuid_counter_index(CPUID_BULKHEAD_COUNTER), 0);
    assert_int_equal(cpuid_counter_index(0x4000011b), 11);
    struct cpuid_guest many = usual;
    many.counter_kinds = 1000;
    table = build(read_skylake, &many);
    assert_int_equal(ask(&table, CPUID_BULKHEAD, 0).eax, CPUID_BULKHEAD_COUNTER + 31);
}

static void fixups(void **state)
{
    (void)state;
    struct cpuid_table table = build(read_all_ones, &usual);
    const struct cpuid_entry *features = cpuid_lookup(&table, 1, 0);
    assert_int_equal(features->fixup, CPUID_FIX_OSXSAVE);
    assert_int_equal(cpuid_answer(features, 0, 0).ecx & CPUID_1_ECX_OSXSAVE, 0);
    assert_int_equal(cpuid_answer(features, 0, CR4_OSXSAVE).ecx & CPUID_1_ECX_OSXSAVE,
                     CPUID_1_ECX_OSXSAVE);
    const struct cpuid_entry *extended = cpuid_lookup(&table, 7, 0);
    assert_int_equal(extended->fixup, CPUID_FIX_OSPKE);
    assert_int_equal(cpuid_answer(extended, 0, 0).ecx & CPUID_7_ECX_OSPKE, 0);
    assert_int_equal(cpuid_answer(extended, 0, CR4_PKE).ecx & CPUID_7_ECX_OSPKE, CPUID_7_ECX_OSPKE);
    assert_int_equal(cpuid_lookup(&table, 0xd, 0)->fixup, CPUID_FIX_XSTATE);
    assert_int_equal(cpuid_lookup(&table, 0xd, 1)->fixup, CPUID_FIX_XSTATE);
    assert_int_equal(cpuid_lookup(&table, 0xd, 2)->fixup, CPUID_STATIC);
    assert_int_equal(cpuid_lookup(&table, 0xb, 1)->fixup, CPUID_STATIC);
    assert_int_equal(cpuid_lookup(&table, 0xb, 2)->fixup, CPUID_FIX_TOPOLOGY);
}

/* Hidden features stay hidden on a processor that claims everything. */
static void default_deny(void **state)
{
    (void)state;
    static const struct {
        uint32_t leaf, subleaf;
        unsigned word;
        uint64_t hidden;
    } cases[] = {
        {1, 0, 2,
         CPUID_1_ECX_VMX | CPUID_1_ECX_SMX | CPUID_1_ECX_DTES64 | CPUID_1_ECX_DS_CPL |
             CPUID_1_ECX_EIST | CPUID_1_ECX_TM2 | CPUID_1_ECX_SDBG | CPUID_1_ECX_XTPR |
             CPUID_1_ECX_PDCM | CPUID_1_ECX_DCA | CPUID_1_ECX_OSXSAVE | BIT(10) | BIT(16)},
        {1, 0, 3,
         CPUID_1_EDX_PSN | CPUID_1_EDX_DS | CPUID_1_EDX_ACPI | CPUID_1_EDX_TM | CPUID_1_EDX_PBE |
             BIT(10) | BIT(20) | BIT(30)},
        {5, 0, 2, ~UINT64_C(0)},
        {6, 0, 0, ~CPUID_6_EAX_ARAT},
        {6, 0, 2, ~UINT64_C(0)},
        {7, 0, 1,
         CPUID_7_EBX_TSC_ADJUST | CPUID_7_EBX_SGX | CPUID_7_EBX_HLE | CPUID_7_EBX_RTM |
             CPUID_7_EBX_RDT_M | CPUID_7_EBX_MPX | CPUID_7_EBX_RDT_A | CPUID_7_EBX_PT | BIT(22)},
        {7, 0, 2,
         CPUID_7_ECX_OSPKE | CPUID_7_ECX_WAITPKG | CPUID_7_ECX_CET_SS | CPUID_7_ECX_TME |
             CPUID_7_ECX_LA57 | CPUID_7_ECX_KL | CPUID_7_ECX_ENQCMD | CPUID_7_ECX_SGX_LC |
             CPUID_7_ECX_PKS | BIT(0)},
        {7, 0, 3,
         CPUID_7_EDX_UINTR | CPUID_7_EDX_SRBDS_CTRL | CPUID_7_EDX_RTM_ABORT | CPUID_7_EDX_PCONFIG |
             CPUID_7_EDX_ARCH_LBR | CPUID_7_EDX_CET_IBT | CPUID_7_EDX_AMX | CPUID_7_EDX_CORE_CAP},
        {7, 1, 1, ~UINT64_C(0)},
        {7, 2, 0, ~UINT64_C(0)},
        {9, 0, 0, ~UINT64_C(0)},
        {0xa, 0, 0, ~UINT64_C(0)},
        {0xd, 0, 0, XCR0_MPX | XCR0_AMX | BIT(8) | BIT(10) | BIT(31)},
        {0xd, 1, 0, CPUID_D_1_EAX_XFD | BIT(5)},
        {0xd, 1, 2, ~UINT64_C(0)},
        {0x12, 0, 0, ~UINT64_C(0)},
        {0x14, 0, 1, ~UINT64_C(0)},
        {0x17, 0, 0, ~UINT64_C(0)},
        {0x1c, 0, 0, ~UINT64_C(0)},
        {0x1e, 0, 1, ~UINT64_C(0)},
        {0x80000001, 0, 2, CPUID_81_ECX_SVM | BIT(3) | BIT(10)},
        {0x80000007, 0, 3, ~CPUID_87_EDX_INVARIANT_TSC},
        {0x80000008, 0, 1, ~UINT64_C(0)},
    };
    struct cpuid_table table = build(read_all_ones, &usual);
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct cpuid_regs r = ask(&table, cases[i].leaf, cases[i].subleaf);
        const uint32_t words[4] = {r.eax, r.ebx, r.ecx, r.edx};
        if ((words[cases[i].word] & cases[i].hidden) != 0)
            fail_msg("leaf %#x.%u word %u shows %#x", cases[i].leaf, cases[i].subleaf,
                     cases[i].word, words[cases[i].word]);
    }
    struct cpuid_regs shown = ask(&table, 1, 0);
    uint32_t want = (uint32_t)(CPUID_1_ECX_X2APIC | CPUID_1_ECX_HYPERVISOR |
                               CPUID_1_ECX_TSC_DEADLINE | CPUID_1_ECX_MONITOR);
    assert_int_equal(shown.ecx & want, want);
    assert_int_equal(shown.edx & CPUID_1_EDX_MTRR, CPUID_1_EDX_MTRR);
}

static void poor_host(void **state)
{
    (void)state;
    struct cpuid_table table = build(read_zeros, &usual);
    struct cpuid_regs r = ask(&table, 1, 0);
    assert_int_equal(r.ecx, CPUID_1_ECX_X2APIC | CPUID_1_ECX_HYPERVISOR);
    assert_int_equal(r.edx, CPUID_1_EDX_HTT);
    assert_int_equal(cpuid_xcr0_mask(&table), 0);
    assert_int_equal(ask(&table, 0x15, 0).ecx, 0);
    assert_int_equal(ask(&table, 0x80000008, 0).eax, 0x3024);
    assert_int_equal(ask(&table, 5, 0).eax, 0);
    table = build(read_skylake, &usual);
    assert_int_equal(cpuid_xcr0_mask(&table), 0xe7);
}

static void the_backend_may_withhold(void **state)
{
    (void)state;
    struct cpuid_guest guest = usual;
    guest.xsaves = guest.rdtscp = guest.invpcid = false;
    struct cpuid_table table = build(read_all_ones, &guest);
    assert_int_equal(ask(&table, 7, 0).ebx & CPUID_7_EBX_INVPCID, 0);
    assert_int_equal(ask(&table, 7, 0).ecx & CPUID_7_ECX_RDPID, 0);
    assert_int_equal(ask(&table, 0xd, 1).eax, 7);
    assert_int_equal(ask(&table, 0x80000001, 0).edx & CPUID_81_EDX_RDTSCP, 0);
}

static void topology(void **state)
{
    (void)state;
    static const struct {
        uint32_t vcpus, threads, vcpu;
        uint32_t smt_shift, core_shift; /* leaf 0xB EAX */
        uint32_t logical;               /* leaf 1 EBX */
        uint32_t l1_eax, l3_eax;        /* leaf 4 */
        bool htt;
    } cases[] = {
        {1, 1, 0, 0, 0, 1, 0x00000121, 0x00000163, false},
        {2, 1, 1, 0, 1, 2, 0x04000121, 0x04004163, true},
        {2, 2, 1, 1, 1, 2, 0x00004121, 0x00004163, true},
        {3, 1, 2, 0, 2, 4, 0x0c000121, 0x0c00c163, true},
        {12, 2, 11, 1, 4, 16, 0x1c004121, 0x1c03c163, true},
        {300, 2, 299, 1, 9, 255, 0xfc004121, 0xfc7fc163, true},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct cpuid_guest guest = usual;
        guest.vcpu_count = cases[i].vcpus;
        guest.threads_per_core = cases[i].threads;
        guest.vcpu = cases[i].vcpu;
        struct cpuid_table table = build(read_skylake, &guest);
        struct cpuid_regs smt = ask(&table, 0xb, 0);
        struct cpuid_regs core = ask(&table, 0xb, 1);
        struct cpuid_regs one = ask(&table, 1, 0);
        assert_int_equal(smt.eax, cases[i].smt_shift);
        assert_int_equal(smt.ebx, cases[i].threads);
        assert_int_equal(core.eax, cases[i].core_shift);
        assert_int_equal(core.ebx, cases[i].vcpus);
        assert_int_equal(smt.edx, cases[i].vcpu);
        assert_int_equal(core.edx, cases[i].vcpu);
        assert_int_equal(field_get(CPUID_1_EBX_APIC_ID, one.ebx), cases[i].vcpu & 0xff);
        assert_int_equal(field_get(CPUID_1_EBX_LOGICAL, one.ebx), cases[i].logical);
        assert_int_equal((one.edx & CPUID_1_EDX_HTT) != 0, cases[i].htt);
        assert_int_equal(ask(&table, 4, 0).eax, cases[i].l1_eax);
        assert_int_equal(ask(&table, 4, 3).eax, cases[i].l3_eax);
    }
}

/* Leaf 0x15: TSC = ECX * EBX / EAX, and crystal kHz times EBX fits 32 bits. */
static void clocks(void **state)
{
    (void)state;
    static const struct {
        uint32_t tsc_khz, timer_khz;
        struct cpuid_regs want;
    } cases[] = {
        {0, 0, {0, 0, 0, 0}},
        {3504000, 0, {1, 1, 3504000000, 0}},
        {1000000, 1000000, {1, 1, 1000000000, 0}},
        {3504000, 24000, {1, 146, 24000000, 0}},
        {2100000, 25000, {1, 84, 25000000, 0}},
        {5000000, 0, {1, 2, 2500000000, 0}},
        {3504001, 24000, {0, 0, 0, 0}},
        {2400000, 5000000, {0, 0, 0, 0}},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct cpuid_guest guest = usual;
        guest.tsc_khz = cases[i].tsc_khz;
        guest.apic_timer_khz = cases[i].timer_khz;
        struct cpuid_table table = build(read_skylake, &guest);
        expect(&table, &(struct recorded){0x15, 0, cases[i].want});
        assert_int_equal(ask(&table, 0x16, 0).eax, cases[i].tsc_khz / 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skylake_as_a_guest_sees_it),
        cmocka_unit_test(hypervisor_leaves),
        cmocka_unit_test(counters_are_left_to_the_caller),
        cmocka_unit_test(fixups),
        cmocka_unit_test(default_deny),
        cmocka_unit_test(poor_host),
        cmocka_unit_test(the_backend_may_withhold),
        cmocka_unit_test(topology),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/svm_caps.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/svm.h"
#include "kernel/lib/types.h"

/* What a processor says, and what was asked. */
struct machine {
    const char *name;
    uint32_t last;     /* extended leaf */
    uint32_t ecx, edx; /* leaf 0x80000001 */
    uint32_t asids, features;
    uint64_t vm_cr;
    const char *refused; /* part of the sentence; NULL: it will do */
    bool hint;
    bool page_1g;
    uint32_t flush;
};

static uint32_t version; /* leaf 1 EAX, of whichever machine is read */

#define NOT_AMD_V "CPUID reports no SVM"
#define LOCKED_BY "locked by the firmware"

/* "As it is": what the emulator or processor says; "invented": the same with something missing. */
static const struct machine machines[] = {
    {"QEMU 7.2 EPYC, as it is", 0x8000001e, 0x75, 0x2dd3fbfd, 16, 0x1, 0, NULL, false, true,
     TLB_FLUSH_ALL},
    {"QEMU 7.2 max, as it is", 0x8000001f, 0x75, 0xedd3fbfd, 16, 0x10010001, 0, NULL, false, true,
     TLB_FLUSH_ALL},
    {"Bochs 3.0 ryzen, as it is", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 0x8000, 0x44f, 0, NULL, false,
     true, TLB_FLUSH_ASID},
    {"invented: Zen", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 0x8000, 0x1bcff, 0, NULL, false, true,
     TLB_FLUSH_ASID},
    {"invented: Phenom, no pages of 1 GiB", 0x8000001b, 0x37ff, 0xebd3fbff, 64, 0xf, 0, NULL, false,
     false, TLB_FLUSH_ALL},
    {"invented: off, not locked", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 0x8000, 0x1bcff, 0x10, NULL,
     false, true, TLB_FLUSH_ASID},
    {"invented: on and locked", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 0x8000, 0x1bcff, 0x08, NULL,
     false, true, TLB_FLUSH_ASID},
    {"invented: locked off", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 0x8000, 0x1bcff, 0x18, LOCKED_BY,
     true, true, TLB_FLUSH_ASID},
    {"invented: Opteron of 2006, no nested paging", 0x80000018, 0x1f, 0xebd3fbff, 64, 0, 0,
     "no nested paging", false, false, TLB_FLUSH_ALL},
    {"invented: no ASIDs", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 0, 0x1bcff, 0,
     "no address space identifiers", false, true, TLB_FLUSH_ASID},
    {"invented: the host's ASID only", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 1, 0x1bcff, 0,
     "no address space identifiers", false, true, TLB_FLUSH_ASID},
    {"invented: two ASIDs", 0x8000001f, 0x35c233ff, 0x2fd3fbff, 2, 0x1bcff, 0, NULL, false, true,
     TLB_FLUSH_ASID},
    {"invented: SVM without its leaf", 0x80000009, 0x4, 0x2fd3fbff, 16, 1, 0, NOT_AMD_V, true,
     false, TLB_FLUSH_ALL},
    {"a guest of a host that keeps AMD-V", 0x8000001f, 0x35c233fb, 0x2fd3fbff, 0, 0, 0, NOT_AMD_V,
     true, false, TLB_FLUSH_ALL},
    {"Skylake-X, as it is", 0x80000008, 0x121, 0x2c100000, 0, 0, 0, NOT_AMD_V, true, false,
     TLB_FLUSH_ALL},
};

static struct cpuid_regs read_cpuid(void *context, uint32_t leaf, uint32_t subleaf)
{
    const struct machine *m = context;
    (void)subleaf;
    if (leaf == CPUID_AMD_MAX)
        return (struct cpuid_regs){.eax = m->last};
    if (leaf == CPUID_FEATURES)
        return (struct cpuid_regs){.eax = version};
    assert_true(leaf <= m->last);
    if (leaf == CPUID_AMD_FEATURES)
        return (struct cpuid_regs){.ecx = m->ecx, .edx = m->edx};
    assert_int_equal(leaf, CPUID_SVM);
    return (struct cpuid_regs){.eax = 1, .ebx = m->asids, .ecx = 0, .edx = m->features};
}

static const struct machine *reading;

/* The register exists only where SVM does: elsewhere the read is a #GP. */
static uint64_t read_vm_cr(void *context, uint32_t msr)
{
    unsigned *reads = context;
    ++*reads;
    assert_int_equal(msr, MSR_VM_CR);
    return reading->vm_cr;
}

static void machines_as_they_are(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(machines); i++) {
        struct machine m = machines[i];
        struct cpuid_source source = {read_cpuid, &m};
        struct svm_caps caps;
        struct diag diag = {0};
        unsigned reads = 0;
        reading = &m;
        memset(&caps, 0xa5, sizeof(caps));
        svm_caps_read(&caps, &source, read_vm_cr, &reads);
        assert_int_equal(reads, caps.cpuid_svm);
        if (svm_support_check(&caps, &diag) != (m.refused == NULL))
            fail_msg("%s: %s", m.name, diag.message);
        if (m.refused && !strstr(diag.message, m.refused))
            fail_msg("%s: '%s'", m.name, diag.message);
        if (m.refused && (diag.hint[0] != 0) != m.hint)
            fail_msg("%s: hint '%s'", m.name, diag.hint);
        if (caps.page_1g != m.page_1g || svm_flush_command(&caps) != m.flush)
            fail_msg("%s: page_1g %d, flush %u", m.name, caps.page_1g, svm_flush_command(&caps));
        if (caps.cpuid_svm && (caps.asids != m.asids || caps.features != m.features))
            fail_msg("%s: %u ASIDs, features %#x", m.name, caps.asids, caps.features);
    }
}

static void vm_cr(void **state)
{
    (void)state;
    static const struct {
        uint64_t before, after;
    } cases[] = {
        {0, 0},       {0x10, 0},    {0x08, 0x08}, {0x18, 0x18},
        {0x13, 0x03}, {0x1b, 0x1b}, {0x07, 0x07}, {~UINT64_C(0x18), ~UINT64_C(0x18)},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(svm_vm_cr(cases[i].before), cases[i].after);
}

static void lfence_by_family(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        bool de_cfg;
    } cases[] = {
        {0x00000f40, false},                      /* family 0Fh, K8 */
        {0x00100f42, true},  {0x00200f31, false}, /* 10h, 11h */
        {0x00300f10, true},  {0x00600f12, true},  /* 12h, 15h */
        {0x00800f11, true},  {0x00a20f10, true},  /* 17h, 19h */
        {0x00000663, false},                      /* of another vendor */
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct machine m = machines[0];
        struct cpuid_source source = {read_cpuid, &m};
        struct svm_caps caps;
        unsigned reads = 0;
        version = cases[i].version;
        reading = &m;
        svm_caps_read(&caps, &source, read_vm_cr, &reads);
        assert_int_equal(caps.de_cfg, cases[i].de_cfg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_as_they_are),
        cmocka_unit_test(vm_cr),
        cmocka_unit_test(lfence_by_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What processors offer, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/describe.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/svm.h"
#include "arch/x86/regs/vmx.h"

static char text[256];

static void test_amd(void **state)
{
    struct svm_caps caps = {.cpuid_svm = false};

    (void)state;
    svm_caps_describe(&caps, text, sizeof(text));
    assert_string_equal(text, "no AMD-V");
    caps = (struct svm_caps){
        .cpuid_svm = true, .page_1g = true, .features = SVM_NP | SVM_NRIPS | SVM_FLUSH_BY_ASID};
    svm_caps_describe(&caps, text, sizeof(text));
    assert_string_equal(text, "AMD-V: nested paging, 1 GiB pages, NRIP save, no decode assists, no "
                              "VMCB clean bits, flush by ASID");
}

static void test_intel(void **state)
{
    struct vmx_caps caps = {.cpuid_vmx = false};

    (void)state;
    vmx_caps_describe(&caps, text, sizeof(text));
    assert_string_equal(text, "no VT-x");
    caps =
        (struct vmx_caps){.cpuid_vmx = true,
                          .cpuid_x2apic = true,
                          .proc2 = (uint64_t)(PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST) << 32 |
                                   PROC2_ENABLE_VPID, /* must be 1, but may not */
                          .ept_vpid_cap = EPT_CAP_2M};
    vmx_caps_describe(&caps, text, sizeof(text));
    assert_string_equal(text,
                        "VT-x: EPT, 2 MiB pages, no 1 GiB pages, unrestricted guest, no VPID, "
                        "x2APIC, no XSAVES");
    vmx_caps_describe(&caps, text, 12);
    assert_string_equal(text, "VT-x: EPT, ");
}

/* 48 bytes of a name from three leaves. */
struct named {
    char name[48];
    uint32_t last;
};

static struct cpuid_regs read_name(void *context, uint32_t leaf, uint32_t subleaf)
{
    const struct named *named = context;
    struct cpuid_regs regs = {.eax = named->last};

    (void)subleaf;
    if (leaf >= CPUID_BRAND_FIRST && leaf <= CPUID_BRAND_LAST)
        memcpy(&regs, named->name + 16 * (leaf - CPUID_BRAND_FIRST), 16);
    return regs;
}

static void test_brand(void **state)
{
    struct named named = {.name = "   A processor", .last = CPUID_BRAND_LAST};
    struct cpuid_source cpuid = {.read = read_name, .context = &named};
    char brand[CPUID_BRAND_SIZE];

    (void)state;
    cpuid_brand(&cpuid, brand);
    assert_string_equal(brand, "A processor");
    memset(named.name, 'x', sizeof(named.name));
    cpuid_brand(&cpuid, brand);
    assert_int_equal(strlen(brand), 48);
    memset(named.name, ' ', sizeof(named.name));
    cpuid_brand(&cpuid, brand);
    assert_string_equal(brand, "");
    named.last = CPUID_BRAND_FIRST;
    named.name[0] = 'x';
    cpuid_brand(&cpuid, brand);
    assert_string_equal(brand, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amd),
        cmocka_unit_test(test_intel),
        cmocka_unit_test(test_brand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/describe.h"

#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/svm.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"
#include "kernel/lib/types.h"

struct feature {
    const char *name;
    bool there;
};

static void describe(const char *what, const struct feature *features, size_t count, char *text,
                     size_t size)
{
    size_t length = fmt_print(text, size, "%s", what);

    for (size_t i = 0; i < count && length < size; i++)
        length += fmt_print(text + length, size - length, "%s %s%s", i == 0 ? ":" : ",",
                            features[i].there ? "" : "no ", features[i].name);
}

void svm_caps_describe(const struct svm_caps *caps, char *text, size_t size)
{
    const struct feature features[] = {
        {"nested paging", (caps->features & SVM_NP) != 0},
        {"1 GiB pages", caps->page_1g},
        {"NRIP save", (caps->features & SVM_NRIPS) != 0},
        {"decode assists", (caps->features & SVM_DECODE_ASSISTS) != 0},
        {"VMCB clean bits", (caps->features & SVM_VMCB_CLEAN) != 0},
        {"flush by ASID", (caps->features & SVM_FLUSH_BY_ASID) != 0},
    };

    if (!caps->cpuid_svm)
        describe("no AMD-V", NULL, 0, text, size);
    else
        describe("AMD-V", features, ARRAY_COUNT(features), text, size);
}

void vmx_caps_describe(const struct vmx_caps *caps, char *text, size_t size)
{
    uint64_t proc2 = caps->proc2 >> 32; /* allowed-1 settings */
    const struct feature features[] = {
        {"EPT", (proc2 & PROC2_ENABLE_EPT) != 0},
        {"2 MiB pages", (caps->ept_vpid_cap & EPT_CAP_2M) != 0},
        {"1 GiB pages", (caps->ept_vpid_cap & EPT_CAP_1G) != 0},
        {"unrestricted guest", (proc2 & PROC2_UNRESTRICTED_GUEST) != 0},
        {"VPID", (proc2 & PROC2_ENABLE_VPID) != 0},
        {"x2APIC", caps->cpuid_x2apic},
        {"XSAVES", (proc2 & PROC2_ENABLE_XSAVES) != 0},
    };

    if (!caps->cpuid_vmx)
        describe("no VT-x", NULL, 0, text, size);
    else
        describe("VT-x", features, ARRAY_COUNT(features), text, size);
}

void cpuid_brand(const struct cpuid_source *cpuid, char text[CPUID_BRAND_SIZE])
{
    char name[CPUID_BRAND_SIZE] = "";
    size_t blanks = 0;

    if (cpuid->read(cpuid->context, CPUID_AMD_MAX, 0).eax >= CPUID_BRAND_LAST)
        for (uint32_t i = 0; i < 3; i++) {
            struct cpuid_regs part = cpuid->read(cpuid->context, CPUID_BRAND_FIRST + i, 0);
            uint32_t words[] = {part.eax, part.ebx, part.ecx, part.edx};
            memcpy(name + i * sizeof(words), words, sizeof(words));
        }
    while (name[blanks] == ' ')
        blanks++;
    memcpy(text, name + blanks, sizeof(name) - blanks);
}

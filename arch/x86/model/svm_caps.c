/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/svm_caps.h"

#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/svm.h"

/* ASID 0 is the host's, so that a guest needs a second one. */
#define ASIDS_MIN 2

/* "Software Techniques for Managing Speculation on AMD Processors": families 10h and 12h on. */
static bool has_de_cfg(const struct cpuid_source *cpuid)
{
    uint64_t version = cpuid->read(cpuid->context, CPUID_FEATURES, 0).eax;
    uint64_t family = field_get(CPUID_1_EAX_FAMILY, version);
    if (family == CPUID_FAMILY_EXTENDED)
        family += field_get(CPUID_1_EAX_FAMILY_EXT, version);
    return family >= 0x10 && family != 0x11;
}

void svm_caps_read(struct svm_caps *caps, const struct cpuid_source *cpuid,
                   uint64_t (*rdmsr)(void *context, uint32_t msr), void *context)
{
    *caps = (struct svm_caps){0};
    if (cpuid->read(cpuid->context, CPUID_AMD_MAX, 0).eax < CPUID_SVM)
        return;
    struct cpuid_regs features = cpuid->read(cpuid->context, CPUID_AMD_FEATURES, 0);
    if (!(features.ecx & CPUID_81_ECX_SVM))
        return;
    struct cpuid_regs svm = cpuid->read(cpuid->context, CPUID_SVM, 0);
    caps->cpuid_svm = true;
    caps->asids = svm.ebx;
    caps->features = svm.edx;
    caps->clean = svm.edx & SVM_VMCB_CLEAN ? CLEAN_ALL : 0;
    caps->page_1g = (features.edx & CPUID_81_EDX_PAGE1G) != 0;
    caps->vm_cr = rdmsr(context, MSR_VM_CR);
    caps->de_cfg = has_de_cfg(cpuid);
}

bool svm_support_check(const struct svm_caps *caps, struct diag *diag)
{
    if (!caps->cpuid_svm) {
        diag_set(diag, "this processor has no AMD-V (CPUID reports no SVM)");
        return diag_hint(diag, "in a virtual machine, let its host offer nested AMD-V");
    }
    if ((caps->vm_cr & VM_CR_SVMDIS) && (caps->vm_cr & VM_CR_LOCK)) {
        diag_set(diag, "AMD-V is switched off and locked by the firmware");
        return diag_hint(diag, "enable SVM Mode (AMD-V, virtualization) in the firmware setup");
    }
    if (!(caps->features & SVM_NP))
        return diag_set(diag, "this processor's AMD-V has no nested paging");
    if (caps->asids < ASIDS_MIN)
        return diag_set(diag, "this processor's AMD-V has no address space identifiers");
    return true;
}

uint64_t svm_vm_cr(uint64_t value)
{
    return value & VM_CR_LOCK ? value : value & ~VM_CR_SVMDIS;
}

uint32_t svm_flush_command(const struct svm_caps *caps)
{
    return caps->features & SVM_FLUSH_BY_ASID ? TLB_FLUSH_ASID : TLB_FLUSH_ALL;
}

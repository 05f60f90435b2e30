/* SPDX-License-Identifier: MIT */
/*
 * May this AMD processor run guests, and with what help? Pure: what CPUID and MSRs say comes in, a
 * sentence or the choice comes out. APM Vol. 2 "Enabling SVM", Vol. 3 "CPUID Fn8000_000A".
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_SVM_CAPS_H
#define BULKHEAD_ARCH_X86_MODEL_SVM_CAPS_H

#include "arch/x86/model/cpuid_policy.h"
#include "kernel/lib/diag.h"
#include <stdbool.h>
#include <stdint.h>

struct svm_caps {
    bool cpuid_svm;    /* CPUID Fn8000_0001 ECX.SVM */
    bool page_1g;      /* ... and EDX.Page1GB: nested page tables, too, may have such pages */
    uint32_t asids;    /* Fn8000_000A EBX */
    uint32_t features; /* Fn8000_000A EDX */
    uint64_t clean;    /* what the processor takes from its cache when nobody changed it */
    uint64_t vm_cr;    /* MSR VM_CR; 0 without SVM */
    bool de_cfg;       /* MSR DE_CFG exists, which chooses whether LFENCE serializes */
};

/* Read them; `rdmsr` is asked only for what exists, given that CPUID reports SVM. */
void svm_caps_read(struct svm_caps *caps, const struct cpuid_source *cpuid,
                   uint64_t (*rdmsr)(void *context, uint32_t msr), void *context);

/* Can Bulkhead run here? False with a sentence, and a hint where firmware settings help. */
bool svm_support_check(const struct svm_caps *caps, struct diag *diag);

/* The value of VM_CR with SVM not disabled; equal to `value` when that is locked. */
uint64_t svm_vm_cr(uint64_t value);

/* TLB_CONTROL that forgets the translations of one ASID, or of all where there is no such thing. */
uint32_t svm_flush_command(const struct svm_caps *caps);

#endif

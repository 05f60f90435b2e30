/* SPDX-License-Identifier: MIT */
/*
 * The allow-lists of CPUID: of each leaf that is the host's own, the bits that a guest sees. For
 * cpuid_policy.c, which adds what is the guest's.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_CPUID_MASKS_H
#define BULKHEAD_ARCH_X86_MODEL_CPUID_MASKS_H

#include "arch/x86/model/cpuid_policy.h"
#include "arch/x86/regs/cr.h"

/* State components that may be in XCR0. */
#define ALLOW_XCR0 (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

/* Leaf 0x80000008, AMD. */
#define ALLOW_88_EBX                                                                               \
    (CPUID_88_EBX_CLZERO | CPUID_88_EBX_XSAVEERPTR | CPUID_88_EBX_WBNOINVD | CPUID_88_EBX_IBPB |   \
     CPUID_88_EBX_IBRS | CPUID_88_EBX_STIBP | CPUID_88_EBX_IBRS_ALWAYS |                           \
     CPUID_88_EBX_STIBP_ALWAYS | CPUID_88_EBX_IBRS_BETTER | CPUID_88_EBX_SSBD |                    \
     CPUID_88_EBX_SSB_NO | CPUID_88_EBX_PSFD | CPUID_88_EBX_BTC_NO | CPUID_88_EBX_IBPB_RET)

/* Leaves that are the host's, cut down by a mask. */
struct leaf_mask {
    uint32_t leaf;
    uint32_t subleaf;
    struct cpuid_regs allowed;
};

enum cpuid_mask {
    MASK_1,
    MASK_7_0,
    MASK_7_1,
    MASK_7_2,
    MASK_D_1,
    MASK_81,
    MASK_81_AMD,
    MASK_FIRST_PLAIN, /* for everybody */
    MASK_FIRST_AMD = MASK_FIRST_PLAIN + 7,
    MASK_COUNT = MASK_FIRST_AMD + 4,
};

extern const struct leaf_mask cpuid_masks[MASK_COUNT];

#endif

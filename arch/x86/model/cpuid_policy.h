/* SPDX-License-Identifier: MIT */
/*
 * The guest's CPUID: built once per vCPU, looked up at each exit. Default deny: a feature bit that
 * is not in a table of cpuid_policy.c reads 0, and so does every leaf and subleaf not built (real
 * processors repeat their highest basic leaf there; zeros cannot be mistaken for data).
 *
 * The leaves of Bulkhead itself, which guests may read from any privilege level:
 *
 *   0x40000000  EAX = 0x40000001, EBX:ECX:EDX = "KVMKVMKVM\0\0\0" (what stock kernels know)
 *   0x40000001  EAX = KVM features: CLOCKSOURCE2, CLOCKSOURCE_STABLE_BIT, NOP_IODELAY
 *   0x40000100  EAX = highest of these leaves, EBX:ECX:EDX = "BulkheadHype"
 *   0x40000101  EAX = version of this interface (1), EBX = number n of exit kinds,
 *               ECX = this vCPU, EDX = vCPUs of this guest
 *   0x4000010f  exits of the calling vCPU since its guest was started, of all kinds:
 *               EBX:EAX = count, EDX:ECX = time-stamp cycles spent outside the guest
 *   0x40000110 + k, k < n
 *               the same for exit kind k (kernel/vm names the kinds; the statistics line lists
 *               them in that order). Reading a counter is itself a CPUID exit, counted after.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_CPUID_POLICY_H
#define BULKHEAD_ARCH_X86_MODEL_CPUID_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define CPUID_BULKHEAD         0x40000100u
#define CPUID_BULKHEAD_INFO    0x40000101u
#define CPUID_BULKHEAD_TOTAL   0x4000010fu
#define CPUID_BULKHEAD_COUNTER 0x40000110u
#define CPUID_BULKHEAD_VERSION 1u
#define CPUID_BULKHEAD_NAME    "BulkheadHype"
#define CPUID_MAX_COUNTERS     32u

struct cpuid_regs {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

/* The processor below, or a recorded one. */
struct cpuid_source {
    struct cpuid_regs (*read)(void *context, uint32_t leaf, uint32_t subleaf);
    void *context;
};

struct cpuid_guest {
    uint32_t vcpu;             /* 0 .. vcpu_count - 1; also its APIC id */
    uint32_t vcpu_count;       /* at least 1 */
    uint32_t threads_per_core; /* at least 1; vCPUs n * threads .. belong to one core */
    uint32_t tsc_khz;          /* 0: unknown, leaves 0x15 and 0x16 are then 0 */
    uint32_t apic_timer_khz;   /* of the local APIC timer; 0: unknown */
    uint32_t phys_bits;        /* guest-physical address bits to show, capped by the host's */
    uint32_t counter_kinds;    /* at most CPUID_MAX_COUNTERS */
    bool xsaves;               /* the backend lets the guest use it: as in struct vmx_controls */
    bool rdtscp;
    bool invpcid;
};

/* What lookup cannot know when the table is built. */
enum cpuid_fixup {
    CPUID_STATIC,       /* the registers are the answer */
    CPUID_FIX_OSXSAVE,  /* leaf 1: ECX.OSXSAVE follows the guest's CR4.OSXSAVE */
    CPUID_FIX_OSPKE,    /* leaf 7.0: ECX.OSPKE follows the guest's CR4.PKE */
    CPUID_FIX_XSTATE,   /* leaf 0xD.0 and .1: EBX is that of CPUID executed now, in the exit: XCR0
                           and IA32_XSS are the guest's own */
    CPUID_FIX_TOPOLOGY, /* leaf 0xB, 0x1F beyond the last level: ECX[7:0] is the subleaf asked for
                         */
    CPUID_FIX_COUNTER,  /* 0x4000010f and on: all four from the caller; index below */
};

struct cpuid_entry {
    struct cpuid_regs regs;
    uint32_t fixup; /* enum cpuid_fixup */
};

#define CPUID_BASIC_LEAVES    0x20u
#define CPUID_EXTENDED_LEAVES 0x22u
#define CPUID_MAX_ENTRIES     112u

/* One leaf: `count` subleaves from entries[first]; anything beyond them is entries[beyond]. */
struct cpuid_row {
    uint8_t first;
    uint8_t count; /* 1 with every_subleaf: ECX is ignored */
    uint8_t beyond;
    uint8_t every_subleaf;
};

/* Fill with cpuid_policy_build(), then read only. No pointers: may be copied. */
struct cpuid_table {
    struct cpuid_row basic[CPUID_BASIC_LEAVES];
    struct cpuid_row extended[CPUID_EXTENDED_LEAVES];
    uint32_t used;
    uint32_t counter_end; /* first leaf behind the counters */
    struct cpuid_entry entries[CPUID_MAX_ENTRIES];
};

/* Build. Never fails; a host leaf that is not there makes the guest's leaf 0. */
void cpuid_policy_build(const struct cpuid_source *host, const struct cpuid_guest *guest,
                        struct cpuid_table *out);

/* Never NULL. `leaf` and `subleaf` are the guest's, any value. Look at entry->fixup. */
const struct cpuid_entry *cpuid_lookup(const struct cpuid_table *table, uint32_t leaf,
                                       uint32_t subleaf);

/*
 * The answer where the guest's CR4 (as it is in the VMCS) or the subleaf is all that is missing:
 * every fixup but XSTATE and COUNTER, which the caller adds.
 */
struct cpuid_regs cpuid_answer(const struct cpuid_entry *entry, uint32_t subleaf, uint64_t cr4);

/* Which counter a CPUID_FIX_COUNTER leaf means: kind 0.., or -1 for the total. */
static inline int32_t cpuid_counter_index(uint32_t leaf)
{
    return (int32_t)(leaf - CPUID_BULKHEAD_COUNTER);
}

/* AMD's or Hygon's processor, by its leaf 0? */
bool cpuid_is_amd(const struct cpuid_regs *vendor);

/*
 * State components that the guest may enable in XCR0 by its leaf 0xD (0 without XSAVE); for
 * xcr0_check(). IA32_XSS: none is offered.
 */
uint64_t cpuid_xcr0_mask(const struct cpuid_table *table);

#endif

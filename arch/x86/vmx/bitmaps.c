/* SPDX-License-Identifier: MIT */
/*
 * Which ports and MSRs exit. No port belongs to a guest yet, so every one exits; the MSRs come from
 * the policy table. SDM Vol. 3C "I/O-Bitmap Addresses", "MSR-Bitmap Address".
 */
#include "arch/x86/vmx/vmx.h"

#include "arch/x86/cpu/memory.h"
#include "arch/x86/model/msr_policy.h"
#include "kernel/lib/mem.h"
#include "kernel/panic.h"

static _Alignas(4096) uint8_t io_bitmap[2 * 4096];
static _Alignas(4096) uint8_t msr_bitmap[4096];

void vmx_bitmaps_build(const struct cpuid_table *cpuid)
{
    memset(io_bitmap, 0xff, sizeof(io_bitmap));
    msr_bitmap_build(msr_bitmap, msr_features(cpuid), 0);
}

hpa_t vmx_io_bitmap(void)
{
    return host_hpa(io_bitmap);
}

hpa_t vmx_msr_bitmap(void)
{
    return host_hpa(msr_bitmap);
}

_Noreturn void vmcs_access_failed(const char *what, enum vmcs_field field, uint64_t value)
{
    panic("%s of field 0x%04x failed (value 0x%llx)", what, (unsigned)field,
          (unsigned long long)value);
}

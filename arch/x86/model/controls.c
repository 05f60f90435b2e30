/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/controls.h"

#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/mem.h"

static bool allowed1(uint64_t capability, uint64_t bit)
{
    return (field_get(VMX_CAP_ALLOWED1, capability) & bit) != 0;
}

void vmx_caps_read(struct vmx_caps *caps, bool cpuid_vmx, bool cpuid_x2apic,
                   uint64_t (*rdmsr)(void *context, uint32_t msr), void *context)
{
    memset(caps, 0, sizeof(*caps));
    caps->cpuid_vmx = cpuid_vmx;
    caps->cpuid_x2apic = cpuid_x2apic;
    if (!cpuid_vmx)
        return;
    caps->feature_control = rdmsr(context, MSR_IA32_FEATURE_CONTROL);
    caps->basic = rdmsr(context, MSR_IA32_VMX_BASIC);
    bool exact = (caps->basic & VMX_BASIC_TRUE) != 0;
    caps->pin = rdmsr(context, exact ? MSR_IA32_VMX_TRUE_PINBASED : MSR_IA32_VMX_PINBASED);
    caps->proc = rdmsr(context, exact ? MSR_IA32_VMX_TRUE_PROCBASED : MSR_IA32_VMX_PROCBASED);
    caps->exit = rdmsr(context, exact ? MSR_IA32_VMX_TRUE_EXIT : MSR_IA32_VMX_EXIT);
    caps->entry = rdmsr(context, exact ? MSR_IA32_VMX_TRUE_ENTRY : MSR_IA32_VMX_ENTRY);
    caps->misc = rdmsr(context, MSR_IA32_VMX_MISC);
    caps->cr0_fixed0 = rdmsr(context, MSR_IA32_VMX_CR0_FIXED0);
    caps->cr0_fixed1 = rdmsr(context, MSR_IA32_VMX_CR0_FIXED1);
    caps->cr4_fixed0 = rdmsr(context, MSR_IA32_VMX_CR4_FIXED0);
    caps->cr4_fixed1 = rdmsr(context, MSR_IA32_VMX_CR4_FIXED1);
    if (allowed1(caps->proc, PROC_ACTIVATE_TERTIARY))
        caps->proc3 = rdmsr(context, MSR_IA32_VMX_PROCBASED3);
    if (!allowed1(caps->proc, PROC_ACTIVATE_SECONDARY))
        return;
    caps->proc2 = rdmsr(context, MSR_IA32_VMX_PROCBASED2);
    if (allowed1(caps->proc2, PROC2_ENABLE_EPT | PROC2_ENABLE_VPID))
        caps->ept_vpid_cap = rdmsr(context, MSR_IA32_VMX_EPT_VPID_CAP);
    if (allowed1(caps->proc2, PROC2_ENABLE_VM_FUNCTIONS))
        caps->vmfunc = rdmsr(context, MSR_IA32_VMX_VMFUNC);
}

static bool feature_control_check(uint64_t value, struct diag *diag)
{
    if ((value & FEATURE_CONTROL_LOCK) == 0 || (value & FEATURE_CONTROL_VMX_OUTSIDE_SMX) != 0)
        return true;
    if ((value & FEATURE_CONTROL_VMX_INSIDE_SMX) != 0) {
        diag_set(diag, "the firmware allows VT-x only inside a measured launch (TXT)");
        return diag_hint(diag, "switch Intel Trusted Execution Technology off in the firmware "
                               "setup");
    }
    diag_set(diag, "VT-x is switched off and locked by the firmware");
    return diag_hint(diag, "enable Intel Virtualization Technology (VT-x, VMX) in the firmware "
                           "setup, then switch the machine off and on");
}

/* What EPT must be able to do, with the reason in words. */
static const struct ept_need {
    uint64_t bits; /* one of them is enough */
    const char *sentence;
} ept_needs[] = {
    {EPT_CAP_WALK_4, "EPT cannot walk four levels"},
    {EPT_CAP_WB, "EPT cannot use write-back memory for its tables"},
    {EPT_CAP_2M, "EPT has no 2 MiB pages"},
    {EPT_CAP_INVEPT, "VT-x lacks the INVEPT instruction"},
    {EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL, "INVEPT instruction has no usable type"},
};

static bool ept_check(uint64_t capability, struct diag *diag)
{
    for (unsigned i = 0; i < sizeof(ept_needs) / sizeof(ept_needs[0]); i++)
        if ((capability & ept_needs[i].bits) == 0)
            return diag_set(diag, "this processor's %s", ept_needs[i].sentence);
    return true;
}

bool vmx_support_check(const struct vmx_caps *caps, struct diag *diag)
{
    if (!caps->cpuid_vmx) {
        diag_set(diag, "this processor has no VT-x (CPUID reports no VMX)");
        return diag_hint(diag, "in a virtual machine, let its host offer nested VT-x");
    }
    if (!feature_control_check(caps->feature_control, diag))
        return false;
    if (!caps->cpuid_x2apic) {
        diag_set(diag, "this processor has no x2APIC");
        return diag_hint(diag, "look for an x2APIC option in the firmware setup");
    }
    if (!allowed1(caps->proc, PROC_ACTIVATE_SECONDARY) || !allowed1(caps->proc2, PROC2_ENABLE_EPT))
        return diag_set(diag, "this processor's VT-x has no extended page tables (EPT)");
    if (!allowed1(caps->proc2, PROC2_UNRESTRICTED_GUEST))
        return diag_set(diag, "this processor's VT-x has no unrestricted guest mode");
    if (!ept_check(caps->ept_vpid_cap, diag))
        return false;
    if (field_get(VMX_BASIC_MEMORY_TYPE, caps->basic) != MEMTYPE_WB)
        return diag_set(diag, "this processor's VMCS does not lie in write-back memory");
    if ((caps->basic & VMX_BASIC_32BIT_ADDR) != 0)
        return diag_set(diag, "this processor's VMCS addresses have only 32 bits");
    return true;
}

uint64_t vmx_feature_control(uint64_t value)
{
    if ((value & FEATURE_CONTROL_LOCK) != 0)
        return value;
    return value | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
}

/*
 * One control bit that we have an opinion on. A bit that must be 1 and is in no table is tolerated
 * only as one of the default1 class, which has no meaning.
 */
struct control_bit {
    uint32_t bit;
    uint8_t rule; /* enum control_rule */
    const char *name;
};

enum control_rule {
    CONTROL_SET,    /* must be allowed to be 1 */
    CONTROL_WANT,   /* 1 if allowed */
    CONTROL_FORBID, /* must be allowed to be 0 */
};

static const struct control_bit pin_bits[] = {
    {PIN_NMI_EXITING, CONTROL_SET, "NMI exiting"},
    {PIN_VIRTUAL_NMIS, CONTROL_SET, "virtual NMIs"},
    {PIN_EXTERNAL_INTERRUPT_EXITING, CONTROL_FORBID, "external-interrupt exiting"},
};

static const struct control_bit proc_bits[] = {
    {PROC_USE_IO_BITMAPS, CONTROL_SET, "use I/O bitmaps"},
    {PROC_USE_MSR_BITMAPS, CONTROL_SET, "use MSR bitmaps"},
    {PROC_ACTIVATE_SECONDARY, CONTROL_SET, "activate secondary controls"},
    {PROC_RDPMC_EXITING, CONTROL_SET, "RDPMC exiting"},
    {PROC_NMI_WINDOW_EXITING, CONTROL_FORBID, "NMI-window exiting"},
    {PROC_INTERRUPT_WINDOW_EXITING, CONTROL_FORBID, "interrupt-window exiting"},
    {PROC_HLT_EXITING, CONTROL_FORBID, "HLT exiting"},
    {PROC_INVLPG_EXITING, CONTROL_FORBID, "INVLPG exiting"},
    {PROC_MWAIT_EXITING, CONTROL_FORBID, "MWAIT exiting"},
    {PROC_RDTSC_EXITING, CONTROL_FORBID, "RDTSC exiting"},
    {PROC_CR3_LOAD_EXITING, CONTROL_FORBID, "CR3-load exiting"},
    {PROC_CR3_STORE_EXITING, CONTROL_FORBID, "CR3-store exiting"},
    {PROC_CR8_LOAD_EXITING, CONTROL_FORBID, "CR8-load exiting"},
    {PROC_CR8_STORE_EXITING, CONTROL_FORBID, "CR8-store exiting"},
    {PROC_MOV_DR_EXITING, CONTROL_FORBID, "MOV-DR exiting"},
    {PROC_MONITOR_EXITING, CONTROL_FORBID, "MONITOR exiting"},
    {PROC_PAUSE_EXITING, CONTROL_FORBID, "PAUSE exiting"},
};

static const struct control_bit proc2_bits[] = {
    {PROC2_ENABLE_EPT, CONTROL_SET, "enable EPT"},
    {PROC2_UNRESTRICTED_GUEST, CONTROL_SET, "unrestricted guest"},
    {PROC2_ENABLE_VPID, CONTROL_WANT, "enable VPID"},
    {PROC2_ENABLE_RDTSCP, CONTROL_WANT, "enable RDTSCP"},
    {PROC2_ENABLE_INVPCID, CONTROL_WANT, "enable INVPCID"},
    {PROC2_ENABLE_XSAVES, CONTROL_WANT, "enable XSAVES/XRSTORS"},
    {PROC2_WBINVD_EXITING, CONTROL_WANT, "WBINVD exiting"},
    {PROC2_ENCLS_EXITING, CONTROL_WANT, "ENCLS exiting"},
    {PROC2_ENCLV_EXITING, CONTROL_WANT, "ENCLV exiting"},
};

static const struct control_bit exit_bits[] = {
    {EXIT_HOST_ADDRESS_SPACE, CONTROL_SET, "host address-space size"},
    {EXIT_SAVE_DEBUG_CONTROLS, CONTROL_SET, "save debug controls"},
    {EXIT_SAVE_PAT, CONTROL_SET, "save IA32_PAT"},
    {EXIT_LOAD_PAT, CONTROL_SET, "load IA32_PAT"},
    {EXIT_SAVE_EFER, CONTROL_SET, "save IA32_EFER"},
    {EXIT_LOAD_EFER, CONTROL_SET, "load IA32_EFER"},
    {EXIT_ACK_INTERRUPT, CONTROL_FORBID, "acknowledge interrupt on exit"},
};

static const struct control_bit entry_bits[] = {
    {ENTRY_LOAD_DEBUG_CONTROLS, CONTROL_SET, "load debug controls"},
    {ENTRY_LOAD_PAT, CONTROL_SET, "load IA32_PAT"},
    {ENTRY_LOAD_EFER, CONTROL_SET, "load IA32_EFER"},
};

/* One control word: its table, its capability register and its bits of the default1 class. */
struct control_word {
    const struct control_bit *bits;
    unsigned count;
    const char *name;
    uint32_t default1;
};

#define WORD(table, name, default1)                                                                \
    {(table), sizeof(table) / sizeof((table)[0]), (name), (default1)}

/* SDM Vol. 3D "Primary Processor-Based VM-Execution Controls" and its neighbours: default1. */
static const struct control_word words[] = {
    WORD(pin_bits, "pin-based control", 0x16),
    WORD(proc_bits, "primary processor-based control", 0x0401e172),
    WORD(proc2_bits, "secondary processor-based control", 0),
    WORD(exit_bits, "VM-exit control", 0x00036dff),
    WORD(entry_bits, "VM-entry control", 0x000011ff),
};

static bool word_derive(const struct control_word *word, uint64_t capability, uint32_t *out,
                        struct diag *diag)
{
    uint32_t must = (uint32_t)field_get(VMX_CAP_ALLOWED0, capability);
    uint32_t may = (uint32_t)field_get(VMX_CAP_ALLOWED1, capability);
    uint32_t value = must;
    uint32_t known = word->default1;
    for (unsigned i = 0; i < word->count; i++) {
        const struct control_bit *bit = &word->bits[i];
        known |= bit->bit;
        if (bit->rule == CONTROL_FORBID) {
            if ((must & bit->bit) != 0)
                return diag_set(diag, "this processor cannot switch off the %s \"%s\"", word->name,
                                bit->name);
        } else if ((may & bit->bit) != 0) {
            value |= bit->bit;
        } else if (bit->rule == CONTROL_SET) {
            return diag_set(diag, "this processor lacks the %s \"%s\"", word->name, bit->name);
        }
    }
    if ((must & ~may) != 0)
        return diag_set(diag, "this processor's %s contradicts itself (%#x must be 1 and cannot)",
                        word->name, (unsigned)(must & ~may));
    if ((must & ~known) != 0)
        return diag_set(diag, "this processor insists on the unknown %s %#x", word->name,
                        (unsigned)(must & ~known));
    *out = value;
    return true;
}

static void flush_types(uint64_t capability, struct vmx_controls *out)
{
    out->invept_type = (capability & EPT_CAP_INVEPT_SINGLE) != 0 ? INVEPT_SINGLE : INVEPT_ALL;
    if ((capability & VPID_CAP_INVVPID) == 0)
        out->proc2 &= ~(uint32_t)PROC2_ENABLE_VPID;
    else if ((capability & VPID_CAP_INVVPID_SINGLE) != 0)
        out->invvpid_type = INVVPID_SINGLE;
    else if ((capability & VPID_CAP_INVVPID_ALL) != 0)
        out->invvpid_type = INVVPID_ALL;
    else
        out->proc2 &= ~(uint32_t)PROC2_ENABLE_VPID;
    if ((out->proc2 & PROC2_ENABLE_VPID) == 0)
        out->invvpid_type = 0;
}

bool vmx_controls_derive(const struct vmx_caps *caps, struct vmx_controls *out, struct diag *diag)
{
    memset(out, 0, sizeof(*out));
    if (!word_derive(&words[0], caps->pin, &out->pin, diag) ||
        !word_derive(&words[1], caps->proc, &out->proc, diag) ||
        !word_derive(&words[2], caps->proc2, &out->proc2, diag) ||
        !word_derive(&words[3], caps->exit, &out->exit, diag) ||
        !word_derive(&words[4], caps->entry, &out->entry, diag))
        return false;
    flush_types(caps->ept_vpid_cap, out);
    out->eptp_bits = field_put(EPTP_MEMORY_TYPE, MEMTYPE_WB) | field_put(EPTP_WALK, 3);
    out->cr0_fixed0 = caps->cr0_fixed0 & ~(CR0_PE | CR0_PG);
    out->cr0_fixed1 = caps->cr0_fixed1;
    out->cr4_fixed0 = caps->cr4_fixed0 | CR4_VMXE;
    out->cr4_fixed1 = caps->cr4_fixed1;
    out->revision = (uint32_t)field_get(VMX_BASIC_REVISION, caps->basic);
    out->ept_2m = (caps->ept_vpid_cap & EPT_CAP_2M) != 0;
    out->ept_1g = (caps->ept_vpid_cap & EPT_CAP_1G) != 0;
    out->xsaves = (out->proc2 & PROC2_ENABLE_XSAVES) != 0;
    out->rdtscp = (out->proc2 & PROC2_ENABLE_RDTSCP) != 0;
    out->invpcid = (out->proc2 & PROC2_ENABLE_INVPCID) != 0;
    out->encls_bitmap = (out->proc2 & PROC2_ENCLS_EXITING) != 0;
    out->enclv_bitmap = (out->proc2 & PROC2_ENCLV_EXITING) != 0;
    return true;
}

uint32_t vmx_entry_controls(uint32_t entry, uint64_t guest_efer)
{
    uint32_t ia32e = (uint32_t)ENTRY_IA32E_MODE_GUEST;
    return (guest_efer & EFER_LMA) != 0 ? entry | ia32e : entry & ~ia32e;
}

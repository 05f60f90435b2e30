/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/types.h"
#include "tests/unit/vmx_captured.h"

/* ---- reading ---- */

struct msr_file {
    uint64_t proc; /* what both registers for the primary controls say */
    uint64_t proc2;
    uint64_t basic;
    unsigned reads;
    bool touched[0x500];
};

static uint64_t file_read(void *context, uint32_t msr)
{
    struct msr_file *file = context;
    assert_true(msr < ARRAY_COUNT(file->touched));
    assert_false(file->touched[msr]);
    file->touched[msr] = true;
    file->reads++;
    if (msr == MSR_IA32_VMX_BASIC)
        return file->basic;
    if (msr == MSR_IA32_VMX_PROCBASED || msr == MSR_IA32_VMX_TRUE_PROCBASED)
        return file->proc;
    return msr == MSR_IA32_VMX_PROCBASED2 ? file->proc2 : msr;
}

static void reads_nothing_without_vmx(void **state)
{
    (void)state;
    struct msr_file file = {0};
    struct vmx_caps caps;
    vmx_caps_read(&caps, false, true, file_read, &file);
    assert_int_equal(file.reads, 0);
    assert_false(caps.cpuid_vmx);
    assert_true(caps.cpuid_x2apic);
    assert_int_equal(caps.basic, 0);
}

static void reads_true_registers(void **state)
{
    (void)state;
    struct msr_file file = {.basic = VMX_BASIC_TRUE, .proc = ~UINT64_C(0), .proc2 = ~UINT64_C(0)};
    struct vmx_caps caps;
    vmx_caps_read(&caps, true, true, file_read, &file);
    assert_int_equal(caps.pin, MSR_IA32_VMX_TRUE_PINBASED);
    assert_int_equal(caps.exit, MSR_IA32_VMX_TRUE_EXIT);
    assert_int_equal(caps.entry, MSR_IA32_VMX_TRUE_ENTRY);
    assert_false(file.touched[MSR_IA32_VMX_PINBASED]);
    assert_int_equal(caps.feature_control, MSR_IA32_FEATURE_CONTROL);
    assert_int_equal(caps.misc, MSR_IA32_VMX_MISC);
    assert_int_equal(caps.cr0_fixed0, MSR_IA32_VMX_CR0_FIXED0);
    assert_int_equal(caps.cr0_fixed1, MSR_IA32_VMX_CR0_FIXED1);
    assert_int_equal(caps.cr4_fixed0, MSR_IA32_VMX_CR4_FIXED0);
    assert_int_equal(caps.cr4_fixed1, MSR_IA32_VMX_CR4_FIXED1);
    assert_int_equal(caps.ept_vpid_cap, MSR_IA32_VMX_EPT_VPID_CAP);
    assert_int_equal(caps.vmfunc, MSR_IA32_VMX_VMFUNC);
    assert_int_equal(caps.proc3, MSR_IA32_VMX_PROCBASED3);
}

static void reads_only_what_exists(void **state)
{
    (void)state;
    struct msr_file file = {0};
    struct vmx_caps caps;
    vmx_caps_read(&caps, true, false, file_read, &file);
    assert_int_equal(caps.pin, MSR_IA32_VMX_PINBASED);
    assert_int_equal(caps.exit, MSR_IA32_VMX_EXIT);
    assert_int_equal(caps.entry, MSR_IA32_VMX_ENTRY);
    assert_false(file.touched[MSR_IA32_VMX_PROCBASED2]);
    assert_false(file.touched[MSR_IA32_VMX_PROCBASED3]);

    file = (struct msr_file){.proc = PROC_ACTIVATE_SECONDARY << 32};
    vmx_caps_read(&caps, true, false, file_read, &file);
    assert_true(file.touched[MSR_IA32_VMX_PROCBASED2]);
    assert_false(file.touched[MSR_IA32_VMX_EPT_VPID_CAP]);
    assert_false(file.touched[MSR_IA32_VMX_VMFUNC]);
}

/* ---- captured processors ---- */

static void captured_processors(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(captured); i++) {
        const struct vmx_caps *caps = &captured[i].caps;
        struct vmx_controls out;
        struct diag diag = {.message = "none"};
        assert_true(vmx_support_check(caps, &diag));
        assert_true(vmx_controls_derive(caps, &out, &diag));
        assert_string_equal(diag.message, "none");
        assert_int_equal(out.pin, 0x3e);
        assert_int_equal(out.proc, 0x96006972);
        assert_int_equal(out.proc2, captured[i].proc2);
        assert_int_equal(out.exit, 0x3f6fff);
        assert_int_equal(out.entry, 0xd1ff);
        assert_int_equal(out.eptp_bits, 0x1e);
        assert_int_equal(out.cr0_fixed0, CR0_NE);
        assert_int_equal(out.cr4_fixed0, CR4_VMXE);
        assert_int_equal(out.revision, caps->basic & 0xff);
        assert_int_equal(out.invept_type, INVEPT_SINGLE);
        assert_int_equal(out.invvpid_type, INVVPID_SINGLE);
        assert_true(out.ept_2m && out.ept_1g && out.rdtscp && out.invpcid);
        assert_int_equal(out.xsaves, (captured[i].proc2 & PROC2_ENABLE_XSAVES) != 0);
        assert_int_equal(out.encls_bitmap, (captured[i].proc2 & PROC2_ENCLS_EXITING) != 0);
        assert_int_equal(out.enclv_bitmap, (captured[i].proc2 & PROC2_ENCLV_EXITING) != 0);
    }
}

/* ---- invented broken ones: Skylake with one register changed ---- */

struct broken {
    size_t offset;
    uint64_t clear, set;
    const char *message;
    const char *hint;
};

#define FIELD(name) offsetof(struct vmx_caps, name)
#define LACKS(reg, bit, kind, name)                                                                \
    {FIELD(reg), (bit) << 32, 0, "this processor lacks the " kind " \"" name "\"", ""}
#define STUCK(reg, bit, kind, name)                                                                \
    {FIELD(reg), 0, (bit), "this processor cannot switch off the " kind " \"" name "\"", ""}

static const struct broken unsupported[] = {
    {FIELD(feature_control), 4, 0, "VT-x is switched off and locked by the firmware",
     "enable Intel Virtualization Technology (VT-x, VMX) in the firmware setup, then switch the "
     "machine off and on"},
    {FIELD(feature_control), 4, 2, "the firmware allows VT-x only inside a measured launch (TXT)",
     "switch Intel Trusted Execution Technology off in the firmware setup"},
    {FIELD(proc), PROC_ACTIVATE_SECONDARY << 32, 0,
     "this processor's VT-x has no extended page tables (EPT)", ""},
    {FIELD(proc2), PROC2_ENABLE_EPT << 32, 0,
     "this processor's VT-x has no extended page tables (EPT)", ""},
    {FIELD(proc2), PROC2_UNRESTRICTED_GUEST << 32, 0,
     "this processor's VT-x has no unrestricted guest mode", ""},
    {FIELD(ept_vpid_cap), EPT_CAP_WALK_4, 0, "this processor's EPT cannot walk four levels", ""},
    {FIELD(ept_vpid_cap), EPT_CAP_WB, 0,
     "this processor's EPT cannot use write-back memory for its tables", ""},
    {FIELD(ept_vpid_cap), EPT_CAP_2M, 0, "this processor's EPT has no 2 MiB pages", ""},
    {FIELD(ept_vpid_cap), EPT_CAP_INVEPT, 0, "this processor's VT-x lacks the INVEPT instruction",
     ""},
    {FIELD(ept_vpid_cap), EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL, 0,
     "this processor's INVEPT instruction has no usable type", ""},
    {FIELD(basic), BITS(53, 50), 0, "this processor's VMCS does not lie in write-back memory", ""},
    {FIELD(basic), 0, VMX_BASIC_32BIT_ADDR, "this processor's VMCS addresses have only 32 bits",
     ""},
};

static const struct broken underivable[] = {
    LACKS(pin, PIN_NMI_EXITING, "pin-based control", "NMI exiting"),
    LACKS(pin, PIN_VIRTUAL_NMIS, "pin-based control", "virtual NMIs"),
    STUCK(pin, PIN_EXTERNAL_INTERRUPT_EXITING, "pin-based control", "external-interrupt exiting"),
    LACKS(proc, PROC_USE_IO_BITMAPS, "primary processor-based control", "use I/O bitmaps"),
    LACKS(proc, PROC_USE_MSR_BITMAPS, "primary processor-based control", "use MSR bitmaps"),
    LACKS(proc, PROC_RDPMC_EXITING, "primary processor-based control", "RDPMC exiting"),
    STUCK(proc, PROC_HLT_EXITING, "primary processor-based control", "HLT exiting"),
    STUCK(proc, PROC_CR3_LOAD_EXITING, "primary processor-based control", "CR3-load exiting"),
    STUCK(proc, PROC_CR8_STORE_EXITING, "primary processor-based control", "CR8-store exiting"),
    STUCK(proc, PROC_RDTSC_EXITING, "primary processor-based control", "RDTSC exiting"),
    STUCK(proc, PROC_PAUSE_EXITING, "primary processor-based control", "PAUSE exiting"),
    STUCK(proc, PROC_MOV_DR_EXITING, "primary processor-based control", "MOV-DR exiting"),
    LACKS(exit, EXIT_HOST_ADDRESS_SPACE, "VM-exit control", "host address-space size"),
    LACKS(exit, EXIT_SAVE_EFER, "VM-exit control", "save IA32_EFER"),
    LACKS(exit, EXIT_LOAD_EFER, "VM-exit control", "load IA32_EFER"),
    LACKS(exit, EXIT_SAVE_PAT, "VM-exit control", "save IA32_PAT"),
    LACKS(exit, EXIT_LOAD_PAT, "VM-exit control", "load IA32_PAT"),
    STUCK(exit, EXIT_ACK_INTERRUPT, "VM-exit control", "acknowledge interrupt on exit"),
    LACKS(entry, ENTRY_LOAD_EFER, "VM-entry control", "load IA32_EFER"),
    LACKS(entry, ENTRY_LOAD_PAT, "VM-entry control", "load IA32_PAT"),
    {FIELD(proc2), 0, PROC2_PAUSE_LOOP_EXITING,
     "this processor insists on the unknown secondary processor-based control 0x400", ""},
    {FIELD(entry), UINT64_C(0x100000000), 0,
     "this processor's VM-entry control contradicts itself (0x1 must be 1 and cannot)", ""},
};

static struct vmx_caps broken_caps(const struct broken *broken)
{
    struct vmx_caps caps = *CAPTURED_SKYLAKE;
    uint64_t *reg = (uint64_t *)(void *)((char *)&caps + broken->offset);
    *reg = (*reg & ~broken->clear) | broken->set;
    return caps;
}

static void unsupported_processors(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(unsupported); i++) {
        struct vmx_caps caps = broken_caps(&unsupported[i]);
        struct diag diag;
        assert_false(vmx_support_check(&caps, &diag));
        assert_string_equal(diag.message, unsupported[i].message);
        assert_string_equal(diag.hint, unsupported[i].hint);
    }
}

static void underivable_processors(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(underivable); i++) {
        struct vmx_caps caps = broken_caps(&underivable[i]);
        struct vmx_controls out;
        struct diag diag;
        assert_false(vmx_controls_derive(&caps, &out, &diag));
        assert_string_equal(diag.message, underivable[i].message);
    }
}

static void cpuid_says_no(void **state)
{
    (void)state;
    struct vmx_caps caps = *CAPTURED_SKYLAKE;
    struct diag diag;
    caps.cpuid_x2apic = false;
    assert_false(vmx_support_check(&caps, &diag));
    assert_string_equal(diag.message, "this processor has no x2APIC");
    assert_string_equal(diag.hint, "look for an x2APIC option in the firmware setup");
    caps.cpuid_vmx = false;
    assert_false(vmx_support_check(&caps, &diag));
    assert_string_equal(diag.message, "this processor has no VT-x (CPUID reports no VMX)");
    assert_string_equal(diag.hint, "in a virtual machine, let its host offer nested VT-x");
}

static void optional_bits_are_dropped(void **state)
{
    (void)state;
    struct vmx_caps caps = *CAPTURED_SKYLAKE;
    struct vmx_controls out;
    struct diag diag;
    caps.proc2 = (PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST) << 32;
    assert_true(vmx_controls_derive(&caps, &out, &diag));
    assert_int_equal(out.proc2, PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST);
    assert_false(out.xsaves || out.rdtscp || out.invpcid || out.encls_bitmap || out.enclv_bitmap);
    assert_int_equal(out.invvpid_type, 0);
}

static void flush_types(void **state)
{
    (void)state;
    static const struct {
        uint64_t clear;
        uint32_t invept, invvpid;
    } cases[] = {
        {0, INVEPT_SINGLE, INVVPID_SINGLE},
        {EPT_CAP_INVEPT_SINGLE, INVEPT_ALL, INVVPID_SINGLE},
        {VPID_CAP_INVVPID_SINGLE, INVEPT_SINGLE, INVVPID_ALL},
        {VPID_CAP_INVVPID_SINGLE | VPID_CAP_INVVPID_ALL, INVEPT_SINGLE, 0},
        {VPID_CAP_INVVPID, INVEPT_SINGLE, 0},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct vmx_caps caps = *CAPTURED_SKYLAKE;
        struct vmx_controls out;
        struct diag diag;
        caps.ept_vpid_cap &= ~cases[i].clear;
        assert_true(vmx_controls_derive(&caps, &out, &diag));
        assert_int_equal(out.invept_type, cases[i].invept);
        assert_int_equal(out.invvpid_type, cases[i].invvpid);
        assert_int_equal((out.proc2 & PROC2_ENABLE_VPID) != 0, cases[i].invvpid != 0);
    }
}

static void feature_control(void **state)
{
    (void)state;
    assert_int_equal(vmx_feature_control(0), 5);
    assert_int_equal(vmx_feature_control(0x20000), 0x20005);
    assert_int_equal(vmx_feature_control(1), 1);
    assert_int_equal(vmx_feature_control(7), 7);
    struct vmx_caps caps = *CAPTURED_SKYLAKE;
    struct diag diag;
    caps.feature_control = 0;
    assert_true(vmx_support_check(&caps, &diag));
}

static void entry_control_follows_lma(void **state)
{
    (void)state;
    assert_int_equal(vmx_entry_controls(0xd1ff, EFER_LMA | EFER_LME), 0xd3ff);
    assert_int_equal(vmx_entry_controls(0xd3ff, EFER_LME), 0xd1ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_nothing_without_vmx),
        cmocka_unit_test(reads_true_registers),
        cmocka_unit_test(reads_only_what_exists),
        cmocka_unit_test(captured_processors),
        cmocka_unit_test(unsupported_processors),
        cmocka_unit_test(underivable_processors),
        cmocka_unit_test(cpuid_says_no),
        cmocka_unit_test(optional_bits_are_dropped),
        cmocka_unit_test(flush_types),
        cmocka_unit_test(feature_control),
        cmocka_unit_test(entry_control_follows_lma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

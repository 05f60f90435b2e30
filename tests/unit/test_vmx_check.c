/* SPDX-License-Identifier: MIT */
/* A VMCS that passes, and one change for each check that must name it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/model/vmcs_names.h"
#include "arch/x86/model/vmx_check.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/vmx.h"
#include "kernel/lib/types.h"
#include "tests/unit/vmx_captured.h"

struct vmcs {
    uint64_t values[VMCS_FIELD_COUNT];
};

static uint64_t *slot(struct vmcs *vmcs, enum vmcs_field field)
{
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (vmcs_field_at(i) == field)
            return &vmcs->values[i];
    fail_msg("no such field: %#x", (unsigned)field);
    return NULL;
}

static uint64_t get(void *context, enum vmcs_field field)
{
    return *slot(context, field);
}

struct setting {
    enum vmcs_field field;
    uint64_t value;
};

/* Controls and host state for any guest. */
static const struct setting base[] = {
    {VMCS_PIN_CONTROLS, 0x3e},
    {VMCS_PROC_CONTROLS, 0x96006972},
    {VMCS_PROC2_CONTROLS, 0x1010ea},
    {VMCS_EXIT_CONTROLS, 0x3f6fff},
    {VMCS_ENTRY_CONTROLS, 0xd1ff},
    {VMCS_VPID, 1},
    {VMCS_EPT_POINTER, 0x10001e},
    {VMCS_IO_BITMAP_A, 0x1000},
    {VMCS_IO_BITMAP_B, 0x2000},
    {VMCS_MSR_BITMAPS, 0x3000},
    {VMCS_VMCS_LINK_POINTER, ~UINT64_C(0)},
    {VMCS_HOST_CR0, 0x80010033},
    {VMCS_HOST_CR3, 0x4000},
    {VMCS_HOST_CR4, 0x26a0},
    {VMCS_HOST_CS_SELECTOR, 8},
    {VMCS_HOST_SS_SELECTOR, 16},
    {VMCS_HOST_TR_SELECTOR, 24},
    {VMCS_HOST_IA32_PAT, PAT_RESET},
    {VMCS_HOST_IA32_EFER, 0xd00},
    {VMCS_HOST_RIP, 0xffffffff80001000},
    {VMCS_GUEST_IA32_PAT, PAT_RESET},
    {VMCS_GUEST_DR7, DR7_INITIAL},
    {VMCS_GUEST_RFLAGS, 2},
    {VMCS_GUEST_LDTR_ACCESS_RIGHTS, SEG_AR_UNUSABLE},
    {VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b},
    {VMCS_GUEST_TR_LIMIT, 0x67},
};

/* 64-bit code as a kernel is entered. */
static const struct setting long_mode[] = {
    {VMCS_ENTRY_CONTROLS, 0xd3ff},
    {VMCS_GUEST_CR0, 0x80000031},
    {VMCS_GUEST_CR4, 0x2020},
    {VMCS_GUEST_CR3, 0x5000},
    {VMCS_GUEST_IA32_EFER, 0xd00},
    {VMCS_GUEST_RIP, 0x1000000},
    {VMCS_GUEST_CS_SELECTOR, 0x10},
    {VMCS_GUEST_CS_LIMIT, 0xffffffff},
    {VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa09b},
    {VMCS_GUEST_SS_SELECTOR, 0x18},
    {VMCS_GUEST_SS_LIMIT, 0xffffffff},
    {VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc093},
    {VMCS_GUEST_DS_SELECTOR, 0x18},
    {VMCS_GUEST_DS_LIMIT, 0xffffffff},
    {VMCS_GUEST_DS_ACCESS_RIGHTS, 0xc093},
    {VMCS_GUEST_ES_ACCESS_RIGHTS, SEG_AR_UNUSABLE},
    {VMCS_GUEST_FS_ACCESS_RIGHTS, SEG_AR_UNUSABLE},
    {VMCS_GUEST_GS_ACCESS_RIGHTS, SEG_AR_UNUSABLE},
};

/* Real mode, as after a SIPI: needs unrestricted guest. */
static const struct setting real_mode[] = {
    {VMCS_GUEST_CR0, 0x30},           {VMCS_GUEST_CR4, 0x2000},
    {VMCS_GUEST_CS_SELECTOR, 0x9a00}, {VMCS_GUEST_CS_BASE, 0x9a000},
    {VMCS_GUEST_CS_LIMIT, 0xffff},    {VMCS_GUEST_CS_ACCESS_RIGHTS, 0x9b},
    {VMCS_GUEST_SS_LIMIT, 0xffff},    {VMCS_GUEST_SS_ACCESS_RIGHTS, 0x93},
    {VMCS_GUEST_DS_LIMIT, 0xffff},    {VMCS_GUEST_DS_ACCESS_RIGHTS, 0x93},
    {VMCS_GUEST_ES_LIMIT, 0xffff},    {VMCS_GUEST_ES_ACCESS_RIGHTS, 0x93},
    {VMCS_GUEST_FS_LIMIT, 0xffff},    {VMCS_GUEST_FS_ACCESS_RIGHTS, 0x93},
    {VMCS_GUEST_GS_LIMIT, 0xffff},    {VMCS_GUEST_GS_ACCESS_RIGHTS, 0x93},
};

static void set(struct vmcs *vmcs, const struct setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *slot(vmcs, settings[i].field) = settings[i].value;
}

static struct vmcs make(bool wide)
{
    struct vmcs vmcs = {{0}};
    set(&vmcs, base, ARRAY_COUNT(base));
    if (wide)
        set(&vmcs, long_mode, ARRAY_COUNT(long_mode));
    else
        set(&vmcs, real_mode, ARRAY_COUNT(real_mode));
    return vmcs;
}

static bool check(struct vmcs *vmcs, struct diag *diag)
{
    const struct vmcs_view view = {get, vmcs, CAPTURED_SKYLAKE, 39};
    return vmx_entry_check(&view, diag);
}

struct broken {
    bool wide;
    struct setting change[3];
    const char *message;
};

#define LONG true
#define REAL false

/* The text of a segment's message, after the rule. */
#define CS_LONG " (selector 0x10, base 0, limit 0xffffffff, rights "

static const struct broken cases[] = {
    /* controls */
    {LONG, {{VMCS_PIN_CONTROLS, 0x2e}}, "PIN_CONTROLS: 0x10 must be 1"},
    {LONG, {{VMCS_PIN_CONTROLS, 0x13e}}, "PIN_CONTROLS: 0x100 must be 0"},
    {LONG, {{VMCS_PROC_CONTROLS, 0x92006972}}, "PROC_CONTROLS: 0x4000000 must be 1"},
    {LONG, {{VMCS_PROC2_CONTROLS, 0x901010ea}}, "PROC2_CONTROLS: 0x90000000 must be 0"},
    {LONG, {{VMCS_EXIT_CONTROLS, 0x3f6ffe}}, "EXIT_CONTROLS: 0x1 must be 1"},
    {LONG, {{VMCS_ENTRY_CONTROLS, 0x80d3ff}}, "ENTRY_CONTROLS: 0x800000 must be 0"},
    {LONG, {{VMCS_CR3_TARGET_COUNT, 5}}, "controls: too many CR3 targets (0x5)"},
    {LONG, {{VMCS_IO_BITMAP_B, 0x2010}}, "IO_BITMAP_B: 0x2010 is not aligned or too large"},
    {LONG,
     {{VMCS_MSR_BITMAPS, UINT64_C(1) << 39}},
     "MSR_BITMAPS: 0x8000000000 is not aligned or too large"},
    {LONG, {{VMCS_PIN_CONTROLS, 0x36}}, "controls: virtual NMIs without NMI exiting (0x36)"},
    {LONG,
     {{VMCS_PIN_CONTROLS, 0x1e}, {VMCS_PROC_CONTROLS, 0x96406972}},
     "controls: NMI-window exiting without virtual NMIs (0x1e)"},
    {LONG, {{VMCS_VPID, 0}}, "controls: VPID is 0 (0x1010ea)"},
    {LONG,
     {{VMCS_PROC2_CONTROLS, 0x1010e8}},
     "controls: unrestricted guest without EPT (0x1010e8)"},
    {LONG, {{VMCS_EPT_POINTER, 0x100019}}, "EPTP: memory type is not supported (0x100019)"},
    {LONG, {{VMCS_EPT_POINTER, 0x100026}}, "EPTP: walk length is not supported (0x100026)"},
    {LONG, {{VMCS_EPT_POINTER, 0x10009e}}, "EPTP: reserved bits (0x10009e)"},
    {LONG,
     {{VMCS_EXIT_MSR_LOAD_COUNT, 1}, {VMCS_EXIT_MSR_LOAD_ADDRESS, 0x1008}},
     "EXIT_MSR_LOAD_ADDRESS: 0x1008 is not aligned or too large"},
    {LONG,
     {{VMCS_EXIT_CONTROLS, 0x7f6fff}},
     "controls: save preemption timer without activating it (0x7f6fff)"},
    {LONG, {{VMCS_ENTRY_CONTROLS, 0xd7ff}}, "controls: SMM entry outside SMM (0xd7ff)"},
    /* event injection */
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000120}},
     "event injection: type is reserved (0x80000120)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000203}},
     "event injection: vector does not go with type (0x80000203)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000320}},
     "event injection: vector does not go with type (0x80000320)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x8000030d}},
     "event injection: needs an error code (0x8000030d)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000b06}},
     "event injection: must not have an error code (0x80000b06)"},
    {REAL,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000b0d}},
     "event injection: must not have an error code (0x80000b0d)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80001030}},
     "event injection: reserved bits (0x80001030)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000b0d}, {VMCS_ENTRY_EXCEPTION_ERROR_CODE, 0x10000}},
     "event injection: error code has more than 16 bits (0x80000b0d)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000480}, {VMCS_ENTRY_INSTRUCTION_LENGTH, 16}},
     "event injection: instruction length (0x10)"},
    /* host */
    {LONG, {{VMCS_HOST_CR0, 0x80010013}}, "host CR0: violates its fixed bits (0x80010013)"},
    {LONG, {{VMCS_HOST_CR4, 0x6a0}}, "host CR4: violates its fixed bits (0x6a0)"},
    {LONG,
     {{VMCS_HOST_CR3, UINT64_C(1) << 40}},
     "host CR3: beyond the physical address width (0x10000000000)"},
    {LONG, {{VMCS_EXIT_CONTROLS, 0x3f6dff}}, "host: not a 64-bit address space (0x3f6dff)"},
    {LONG, {{VMCS_HOST_CR4, 0x2680}}, "host CR4: PAE is 0 (0x2680)"},
    {LONG, {{VMCS_HOST_IA32_PAT, 0x02}}, "host PAT: a memory type is reserved (0x2)"},
    {LONG, {{VMCS_HOST_IA32_EFER, 0x900}}, "host EFER: not that of 64-bit mode (0x900)"},
    {LONG, {{VMCS_HOST_DS_SELECTOR, 3}}, "HOST_DS_SELECTOR: 0x3 is no host selector"},
    {LONG, {{VMCS_HOST_TR_SELECTOR, 0}}, "HOST_TR_SELECTOR: 0 is no host selector"},
    {LONG, {{VMCS_HOST_GS_BASE, UINT64_C(1) << 47}}, "HOST_GS_BASE: not canonical"},
    {LONG, {{VMCS_HOST_RIP, 0x8000000000000000}}, "HOST_RIP: not canonical"},
    /* guest: control registers and MSRs */
    {LONG, {{VMCS_GUEST_CR0, 0x80000011}}, "guest CR0: violates its fixed bits (0x80000011)"},
    {REAL, {{VMCS_GUEST_CR0, 0x80000030}}, "guest CR0: PG without PE (0x80000030)"},
    {LONG, {{VMCS_GUEST_CR4, 0x20}}, "guest CR4: violates its fixed bits (0x20)"},
    {LONG, {{VMCS_GUEST_CR4, 0x3020}}, "guest CR4: violates its fixed bits (0x3020)"},
    {LONG, {{VMCS_GUEST_CR4, 0x2000}}, "guest CR4: IA-32e mode without PAE (0x2000)"},
    {REAL, {{VMCS_GUEST_CR4, 0x22000}}, "guest CR4: PCIDE outside IA-32e mode (0x22000)"},
    {LONG,
     {{VMCS_GUEST_CR3, UINT64_C(1) << 39}},
     "guest CR3: beyond the physical address width (0x8000000000)"},
    {LONG, {{VMCS_GUEST_IA32_DEBUGCTL, 4}}, "guest DEBUGCTL: reserved bits (0x4)"},
    {LONG, {{VMCS_GUEST_DR7, UINT64_C(1) << 32}}, "guest DR7: more than 32 bits (0x100000000)"},
    {LONG,
     {{VMCS_GUEST_IA32_SYSENTER_EIP, UINT64_C(1) << 48}},
     "guest SYSENTER_EIP: not canonical (0x1000000000000)"},
    {LONG, {{VMCS_GUEST_IA32_PAT, 3}}, "guest PAT: a memory type is reserved (0x3)"},
    {LONG, {{VMCS_GUEST_IA32_EFER, 0x1d00}}, "guest EFER: reserved bits (0x1d00)"},
    {LONG,
     {{VMCS_GUEST_IA32_EFER, 0x100}},
     "guest EFER: LMA is not the IA-32e mode guest control (0x100)"},
    {LONG, {{VMCS_GUEST_IA32_EFER, 0x400}}, "guest EFER: LMA is not LME with paging on (0x400)"},
    /* guest: segments */
    {LONG,
     {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa099}, {VMCS_GUEST_CS_BASE, UINT64_C(1) << 32}},
     "guest CS: base is not canonical or too wide (selector 0x10, base 0x100000000, limit "
     "0xffffffff, rights 0xa099)"},
    {LONG,
     {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa097}},
     "guest CS: type is not accessed code" CS_LONG "0xa097)"},
    {LONG, {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa0fb}}, "guest CS: DPL against SS" CS_LONG "0xa0fb)"},
    {LONG, {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xe09b}}, "guest CS: both L and D" CS_LONG "0xe09b)"},
    {LONG, {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa08b}}, "guest CS: S flag is wrong" CS_LONG "0xa08b)"},
    {LONG, {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa01b}}, "guest CS: not present" CS_LONG "0xa01b)"},
    {LONG, {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa19b}}, "guest CS: reserved rights" CS_LONG "0xa19b)"},
    {LONG,
     {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0x209b}},
     "guest CS: G flag against limit" CS_LONG "0x209b)"},
    {LONG,
     {{VMCS_GUEST_DS_ACCESS_RIGHTS, 0xc092}},
     "guest DS: type is not accessed and readable (selector 0x18, base 0, limit 0xffffffff, rights "
     "0xc092)"},
    {LONG,
     {{VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc091}},
     "guest SS: type is not accessed, writable data (selector 0x18, base 0, limit 0xffffffff, "
     "rights 0xc091)"},
    {REAL,
     {{VMCS_GUEST_SS_ACCESS_RIGHTS, 0xf3}, {VMCS_GUEST_CS_ACCESS_RIGHTS, 0xfb}},
     "guest SS: DPL is not 0 (selector 0, base 0, limit 0xffff, rights 0xf3)"},
    {REAL,
     {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xf3}},
     "guest CS: DPL against SS (selector 0x9a00, base 0x9a000, limit 0xffff, rights 0xf3)"},
    {LONG,
     {{VMCS_GUEST_FS_BASE, UINT64_C(1) << 63}},
     "guest FS: base is not canonical or too wide (selector 0, base 0x8000000000000000, limit 0, "
     "rights 0x10000)"},
    {LONG,
     {{VMCS_GUEST_TR_ACCESS_RIGHTS, SEG_AR_UNUSABLE}},
     "guest TR: unusable (selector 0, base 0, limit 0x67, rights 0x10000)"},
    {LONG,
     {{VMCS_GUEST_TR_ACCESS_RIGHTS, 0x83}},
     "guest TR: type is not a busy TSS (selector 0, base 0, limit 0x67, rights 0x83)"},
    {LONG,
     {{VMCS_GUEST_TR_SELECTOR, 4}},
     "guest TR: TI is not 0 (selector 0x4, base 0, limit 0x67, rights 0x8b)"},
    {LONG,
     {{VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x83}},
     "guest LDTR: type is not an LDT (selector 0, base 0, limit 0, rights 0x83)"},
    {LONG,
     {{VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x82}, {VMCS_GUEST_LDTR_BASE, UINT64_C(1) << 62}},
     "guest LDTR: base is not canonical or too wide (selector 0, base 0x4000000000000000, limit 0, "
     "rights 0x82)"},
    {LONG,
     {{VMCS_GUEST_IDTR_BASE, UINT64_C(1) << 62}},
     "guest IDTR: base is not canonical (0x4000000000000000)"},
    {LONG,
     {{VMCS_GUEST_GDTR_LIMIT, 0x10000}},
     "guest GDTR or IDTR: limit has more than 16 bits (0x10000)"},
    /* guest: RIP and RFLAGS */
    {REAL,
     {{VMCS_GUEST_RIP, UINT64_C(1) << 32}},
     "guest RIP: no address in this mode (0x100000000)"},
    {LONG,
     {{VMCS_GUEST_RIP, UINT64_C(1) << 47}},
     "guest RIP: no address in this mode (0x800000000000)"},
    {LONG, {{VMCS_GUEST_RFLAGS, 0}}, "guest RFLAGS: reserved bits (0)"},
    {LONG, {{VMCS_GUEST_RFLAGS, 0xa}}, "guest RFLAGS: reserved bits (0xa)"},
    {LONG,
     {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000030}},
     "guest RFLAGS: IF is 0, but an interrupt is injected (0x2)"},
    {REAL,
     {{VMCS_GUEST_RFLAGS, 0x20002}},
     "guest ES: not as virtual-8086 mode wants it (selector 0, base 0, limit 0xffff, rights 0x93)"},
    /* guest: activity, interruptibility, debug, link, PDPTEs */
    {LONG, {{VMCS_GUEST_ACTIVITY_STATE, 4}}, "guest activity state: not supported (0x4)"},
    {LONG,
     {{VMCS_GUEST_ACTIVITY_STATE, 1},
      {VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc0f3},
      {VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa0fb}},
     "guest activity state: HLT, but SS.DPL is not 0 (0x3)"},
    {LONG,
     {{VMCS_GUEST_ACTIVITY_STATE, 1},
      {VMCS_GUEST_INTERRUPTIBILITY_STATE, 1},
      {VMCS_GUEST_RFLAGS, 0x202}},
     "guest activity state: blocked by STI or MOV SS (0x1)"},
    {LONG,
     {{VMCS_GUEST_ACTIVITY_STATE, 3}, {VMCS_ENTRY_INTERRUPTION_INFO, 0x80000202}},
     "guest activity state: does not take the injected event (0x3)"},
    {LONG,
     {{VMCS_GUEST_ACTIVITY_STATE, 1}, {VMCS_ENTRY_INTERRUPTION_INFO, 0x80000306}},
     "guest activity state: does not take the injected event (0x1)"},
    {LONG,
     {{VMCS_GUEST_INTERRUPTIBILITY_STATE, 0x24}},
     "guest interruptibility: bits that must be 0 (0x24)"},
    {LONG,
     {{VMCS_GUEST_INTERRUPTIBILITY_STATE, 3}, {VMCS_GUEST_RFLAGS, 0x202}},
     "guest interruptibility: both STI and MOV SS (0x3)"},
    {LONG,
     {{VMCS_GUEST_INTERRUPTIBILITY_STATE, 1}},
     "guest interruptibility: STI, but IF is 0 (0x1)"},
    {LONG,
     {{VMCS_GUEST_INTERRUPTIBILITY_STATE, 2}, {VMCS_ENTRY_INTERRUPTION_INFO, 0x80000202}},
     "guest interruptibility: injection while blocked by STI or MOV SS (0x2)"},
    {LONG,
     {{VMCS_GUEST_INTERRUPTIBILITY_STATE, 8}, {VMCS_ENTRY_INTERRUPTION_INFO, 0x80000202}},
     "guest interruptibility: NMI injected while blocked by NMI (0x8)"},
    {LONG,
     {{VMCS_GUEST_PENDING_DEBUG, 0x10}},
     "guest pending debug exceptions: reserved bits (0x10)"},
    {LONG,
     {{VMCS_GUEST_INTERRUPTIBILITY_STATE, 1}, {VMCS_GUEST_RFLAGS, 0x302}},
     "guest pending debug exceptions: BS is not TF (0)"},
    {LONG, {{VMCS_VMCS_LINK_POINTER, 0x1000}}, "guest VMCS link pointer: not all ones (0x1000)"},
    {REAL,
     {{VMCS_GUEST_CR0, 0x80000031}, {VMCS_GUEST_CR4, 0x2020}, {VMCS_GUEST_PDPTE2, 0x1003}},
     "guest PDPTE: reserved bits (0x1003)"},
};

static void good_states_pass(void **state)
{
    (void)state;
    static const struct {
        bool wide;
        struct setting change[3];
    } good[] = {
        {LONG, {{VMCS_VPID, 7}}},
        {REAL, {{VMCS_VPID, 7}}},
        {LONG, {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000b0d}}},
        {LONG, {{VMCS_ENTRY_INTERRUPTION_INFO, 0x80000030}, {VMCS_GUEST_RFLAGS, 0x202}}},
        {LONG,
         {{VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT}, {VMCS_ENTRY_INTERRUPTION_INFO, 0x80000202}}},
        {LONG,
         {{VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN},
          {VMCS_ENTRY_INTERRUPTION_INFO, 0x80000312}}},
        {REAL, {{VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_SIPI}}},
        {LONG, {{VMCS_GUEST_INTERRUPTIBILITY_STATE, 1}, {VMCS_GUEST_RFLAGS, 0x202}}},
        {LONG, {{VMCS_GUEST_FS_BASE, 0xffff800000000000}, {VMCS_GUEST_RIP, 0x7fffffffffff}}},
        {LONG, {{VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x82}, {VMCS_GUEST_LDTR_SELECTOR, 8}}},
        {REAL,
         {{VMCS_GUEST_CR0, 0x80000031}, {VMCS_GUEST_CR4, 0x2020}, {VMCS_GUEST_PDPTE2, 0x1001}}},
        {REAL, {{VMCS_ENTRY_INTERRUPTION_INFO, 0x8000030d}}},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(good); i++) {
        struct vmcs vmcs = make(good[i].wide);
        struct diag diag = {.message = "passes"};
        for (unsigned n = 0; n < 3; n++)
            if (good[i].change[n].field != 0 || good[i].change[n].value != 0)
                set(&vmcs, &good[i].change[n], 1);
        check(&vmcs, &diag);
        assert_string_equal(diag.message, "passes");
    }
}

static void each_check_is_named(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        struct vmcs vmcs = make(cases[i].wide);
        struct diag diag = {.message = "passes"};
        set(&vmcs, &cases[i].change[0], 1);
        for (unsigned n = 1; n < 3; n++)
            if (cases[i].change[n].field != 0)
                set(&vmcs, &cases[i].change[n], 1);
        assert_int_equal(check(&vmcs, &diag), false);
        assert_string_equal(diag.message, cases[i].message);
    }
}

static void restricted_guest_rules(void **state)
{
    (void)state;
    static const struct {
        struct setting change;
        const char *message;
    } rules[] = {
        {{VMCS_GUEST_CR0, 0x20}, "guest CR0: violates its fixed bits (0x20)"},
        {{VMCS_GUEST_SS_SELECTOR, 0x1b},
         "guest SS: DPL is not RPL (selector 0x1b, base 0, limit 0xffffffff, rights 0xc093)"},
        {{VMCS_GUEST_DS_SELECTOR, 0x1b},
         "guest DS: DPL below RPL (selector 0x1b, base 0, limit 0xffffffff, rights 0xc093)"},
        {{VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa093},
         "guest CS: type is not accessed code" CS_LONG "0xa093)"},
        {{VMCS_GUEST_CS_SELECTOR, 0x13},
         "guest SS: RPL is not that of CS (selector 0x18, base 0, limit 0xffffffff, rights "
         "0xc093)"},
    };
    for (unsigned i = 0; i < ARRAY_COUNT(rules); i++) {
        struct vmcs vmcs = make(true);
        struct diag diag = {.message = "passes"};
        *slot(&vmcs, VMCS_PROC2_CONTROLS) = 0x10106a;
        set(&vmcs, &rules[i].change, 1);
        assert_false(check(&vmcs, &diag));
        assert_string_equal(diag.message, rules[i].message);
    }
}

static void names(void **state)
{
    (void)state;
    for (unsigned i = 1; i < VMCS_FIELD_COUNT; i++)
        assert_true(vmcs_field_at(i) > vmcs_field_at(i - 1));
    assert_int_equal(vmcs_field_at(VMCS_FIELD_COUNT), VMCS_HOST_RIP);
    assert_string_equal(vmcs_field_name(VMCS_VPID), "VPID");
    assert_string_equal(vmcs_field_name(VMCS_GUEST_RIP), "GUEST_RIP");
    assert_string_equal(vmcs_field_name(VMCS_HOST_RIP), "HOST_RIP");
    assert_string_equal(vmcs_field_name((enum vmcs_field)0x7777), "unknown field");
    assert_string_equal(vmx_exit_name(0), "EXCEPTION_NMI");
    assert_string_equal(vmx_exit_name(VMX_EXIT_CPUID), "CPUID");
    assert_string_equal(vmx_exit_name(75), "INSTRUCTION_TIMEOUT");
    assert_string_equal(vmx_exit_name(35), "unknown exit");
    assert_string_equal(vmx_exit_name(VMX_EXIT_REASONS), "unknown exit");
    assert_string_equal(vmx_error_text(7), "VM entry: invalid control fields");
    assert_string_equal(vmx_error_text(14), "unknown VMX error");
    assert_int_equal(vmcs_segment_field(VMCS_GUEST_ES_BASE, VMCS_SEG_TR), VMCS_GUEST_TR_BASE);
    assert_int_equal(vmcs_segment_field(VMCS_GUEST_ES_ACCESS_RIGHTS, VMCS_SEG_LDTR),
                     VMCS_GUEST_LDTR_ACCESS_RIGHTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_states_pass),
        cmocka_unit_test(each_check_is_named),
        cmocka_unit_test(restricted_guest_rules),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

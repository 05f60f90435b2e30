/* SPDX-License-Identifier: MIT */
/* Controls and host state; the guest state is in vmx_check_guest.c. */
#include "arch/x86/model/vmx_check.h"

#include "arch/x86/model/vmcs_names.h"
#include "arch/x86/model/vmx_check_guest.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/vmx.h"

static uint64_t get(const struct vmcs_view *view, enum vmcs_field field)
{
    return view->get(view->context, field);
}

bool vmx_check_canonical(uint64_t address)
{
    uint64_t top = address >> 47;
    return top == 0 || top == 0x1ffff;
}

bool vmx_check_pat(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t type = pat >> (8 * i) & 0xff;
        if (type > MEMTYPE_UC_MINUS || type == 2 || type == 3)
            return false;
    }
    return true;
}

/* The sentence, with the value to blame. Short, for there are a hundred calls. */
static bool fail(struct diag *diag, const char *text, uint64_t value)
{
    return diag_set(diag, "%s (%#llx)", text, (unsigned long long)value);
}

static bool beyond(const struct vmcs_view *view, uint64_t address)
{
    return view->phys_bits < 64 && address >> view->phys_bits != 0;
}

/* ---- controls ---- */

static bool check_words(const struct vmcs_view *view, struct diag *diag)
{
    const struct vmx_caps *caps = view->caps;
    const struct {
        enum vmcs_field field;
        uint64_t capability;
    } words[] = {
        {VMCS_PIN_CONTROLS, caps->pin},     {VMCS_PROC_CONTROLS, caps->proc},
        {VMCS_EXIT_CONTROLS, caps->exit},   {VMCS_ENTRY_CONTROLS, caps->entry},
        {VMCS_PROC2_CONTROLS, caps->proc2},
    };
    bool secondary = (get(view, VMCS_PROC_CONTROLS) & PROC_ACTIVATE_SECONDARY) != 0;
    for (unsigned i = 0; i < (secondary ? 5u : 4u); i++) {
        uint64_t value = get(view, words[i].field);
        uint64_t missing = field_get(VMX_CAP_ALLOWED0, words[i].capability) & ~value;
        uint64_t excess = value & ~field_get(VMX_CAP_ALLOWED1, words[i].capability);
        if ((missing | excess) != 0)
            return diag_set(diag, "%s: %#x must be %d", vmcs_field_name(words[i].field),
                            (unsigned)(missing != 0 ? missing : excess), missing != 0);
    }
    return true;
}

static uint64_t proc2(const struct vmcs_view *view)
{
    if ((get(view, VMCS_PROC_CONTROLS) & PROC_ACTIVATE_SECONDARY) == 0)
        return 0;
    return get(view, VMCS_PROC2_CONTROLS);
}

static bool check_address(const struct vmcs_view *view, enum vmcs_field field, uint64_t align,
                          struct diag *diag)
{
    uint64_t address = get(view, field);
    if (!is_aligned(address, align) || beyond(view, address))
        return diag_set(diag, "%s: %#llx is not aligned or too large", vmcs_field_name(field),
                        (unsigned long long)address);
    return true;
}

static bool check_eptp(const struct vmcs_view *view, struct diag *diag)
{
    uint64_t eptp = get(view, VMCS_EPT_POINTER);
    uint64_t cap = view->caps->ept_vpid_cap;
    uint64_t type = field_get(EPTP_MEMORY_TYPE, eptp);
    uint64_t walk = field_get(EPTP_WALK, eptp);
    bool known_type = (type == MEMTYPE_WB && (cap & EPT_CAP_WB) != 0) ||
                      (type == MEMTYPE_UC && (cap & EPT_CAP_UC) != 0);
    bool known_walk =
        (walk == 3 && (cap & EPT_CAP_WALK_4) != 0) || (walk == 4 && (cap & EPT_CAP_WALK_5) != 0);
    bool flags = (eptp & EPTP_ACCESSED_DIRTY) == 0 || (cap & EPT_CAP_ACCESSED_DIRTY) != 0;
    if (!known_type)
        return fail(diag, "EPTP: memory type is not supported", eptp);
    if (!known_walk)
        return fail(diag, "EPTP: walk length is not supported", eptp);
    if (!flags)
        return fail(diag, "EPTP: accessed and dirty flags are not supported", eptp);
    if ((eptp & BITS(11, 7)) != 0 || beyond(view, eptp))
        return fail(diag, "EPTP: reserved bits", eptp);
    return true;
}

static bool check_execution(const struct vmcs_view *view, struct diag *diag)
{
    uint64_t pin = get(view, VMCS_PIN_CONTROLS);
    uint64_t proc = get(view, VMCS_PROC_CONTROLS);
    uint64_t second = proc2(view);
    uint64_t targets = get(view, VMCS_CR3_TARGET_COUNT);
    if ((proc & PROC_USE_IO_BITMAPS) != 0 && (!check_address(view, VMCS_IO_BITMAP_A, 4096, diag) ||
                                              !check_address(view, VMCS_IO_BITMAP_B, 4096, diag)))
        return false;
    if ((proc & PROC_USE_MSR_BITMAPS) != 0 && !check_address(view, VMCS_MSR_BITMAPS, 4096, diag))
        return false;
    if (targets > field_get(VMX_MISC_CR3_TARGETS, view->caps->misc))
        return fail(diag, "controls: too many CR3 targets", targets);
    if ((pin & PIN_VIRTUAL_NMIS) != 0 && (pin & PIN_NMI_EXITING) == 0)
        return fail(diag, "controls: virtual NMIs without NMI exiting", pin);
    if ((proc & PROC_NMI_WINDOW_EXITING) != 0 && (pin & PIN_VIRTUAL_NMIS) == 0)
        return fail(diag, "controls: NMI-window exiting without virtual NMIs", pin);
    if ((second & PROC2_ENABLE_VPID) != 0 && get(view, VMCS_VPID) == 0)
        return fail(diag, "controls: VPID is 0", second);
    if ((second & PROC2_UNRESTRICTED_GUEST) != 0 && (second & PROC2_ENABLE_EPT) == 0)
        return fail(diag, "controls: unrestricted guest without EPT", second);
    return (second & PROC2_ENABLE_EPT) == 0 || check_eptp(view, diag);
}

static bool check_msr_lists(const struct vmcs_view *view, struct diag *diag)
{
    static const struct {
        uint16_t count;
        uint16_t address;
    } lists[] = {
        {VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_STORE_ADDRESS},
        {VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD_ADDRESS},
        {VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_ADDRESS},
    };
    uint64_t exit = get(view, VMCS_EXIT_CONTROLS);
    for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (get(view, (enum vmcs_field)lists[i].count) != 0 &&
            !check_address(view, (enum vmcs_field)lists[i].address, 16, diag))
            return false;
    if ((exit & EXIT_SAVE_PREEMPTION_TIMER) != 0 &&
        (get(view, VMCS_PIN_CONTROLS) & PIN_PREEMPTION_TIMER) == 0)
        return fail(diag, "controls: save preemption timer without activating it", exit);
    return true;
}

static bool has_length(uint64_t type)
{
    return type == VMX_INTR_SOFTWARE || type == VMX_INTR_PRIVILEGED ||
           type == VMX_INTR_SOFTWARE_EXCEPTION;
}

/* VM-entry interruption information. */
static bool check_event(const struct vmcs_view *view, struct diag *diag)
{
    uint64_t info = get(view, VMCS_ENTRY_INTERRUPTION_INFO);
    if ((info & INTR_INFO_VALID) == 0)
        return true;
    uint64_t type = field_get(INTR_INFO_TYPE, info);
    uint32_t vector = (uint32_t)field_get(INTR_INFO_VECTOR, info);
    uint64_t length = get(view, VMCS_ENTRY_INSTRUCTION_LENGTH);
    bool protected_mode = (get(view, VMCS_GUEST_CR0) & CR0_PE) != 0;
    bool trap_flag = (view->caps->proc >> 32 & PROC_MONITOR_TRAP_FLAG) != 0;
    bool fits = type == VMX_INTR_NMI        ? vector == EXC_NMI
                : type == VMX_INTR_HARDWARE ? vector < EXC_COUNT
                : type == VMX_INTR_OTHER    ? vector == 0
                                            : true;
    bool wanted = type == VMX_INTR_HARDWARE && protected_mode && exception_has_error_code(vector);
    bool given = (info & INTR_INFO_ERROR_VALID) != 0;
    bool wide = given && (get(view, VMCS_ENTRY_EXCEPTION_ERROR_CODE) & BITS(31, 16)) != 0;
    bool zero_length = (view->caps->misc & VMX_MISC_ZERO_LEN_INJECT) != 0;
    if (type == VMX_INTR_RESERVED || (type == VMX_INTR_OTHER && !trap_flag))
        return fail(diag, "event injection: type is reserved", info);
    if (!fits)
        return fail(diag, "event injection: vector does not go with type", info);
    if (wanted && !given)
        return fail(diag, "event injection: needs an error code", info);
    if (given && !wanted && vector != EXC_CP)
        return fail(diag, "event injection: must not have an error code", info);
    if ((info & INTR_INFO_RESERVED) != 0)
        return fail(diag, "event injection: reserved bits", info);
    if (wide)
        return fail(diag, "event injection: error code has more than 16 bits", info);
    if (has_length(type) && (length > 15 || (length == 0 && !zero_length)))
        return fail(diag, "event injection: instruction length", length);
    return true;
}

static bool check_entry(const struct vmcs_view *view, struct diag *diag)
{
    uint64_t entry = get(view, VMCS_ENTRY_CONTROLS);
    if ((entry & (ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL)) != 0)
        return fail(diag, "controls: SMM entry outside SMM", entry);
    return check_event(view, diag);
}

/* ---- host state ---- */

static bool check_host_control(const struct vmcs_view *view, struct diag *diag)
{
    const struct vmx_caps *caps = view->caps;
    uint64_t cr0 = get(view, VMCS_HOST_CR0);
    uint64_t cr3 = get(view, VMCS_HOST_CR3);
    uint64_t cr4 = get(view, VMCS_HOST_CR4);
    uint64_t exit = get(view, VMCS_EXIT_CONTROLS);
    uint64_t pat = get(view, VMCS_HOST_IA32_PAT);
    uint64_t efer = get(view, VMCS_HOST_IA32_EFER);
    uint64_t long_mode = EFER_LME | EFER_LMA;
    bool good_efer =
        (efer & ~(EFER_SCE | long_mode | EFER_NXE)) == 0 && (efer & long_mode) == long_mode;
    if ((caps->cr0_fixed0 & ~cr0) != 0 || (cr0 & ~caps->cr0_fixed1) != 0)
        return fail(diag, "host CR0: violates its fixed bits", cr0);
    if ((caps->cr4_fixed0 & ~cr4) != 0 || (cr4 & ~caps->cr4_fixed1) != 0)
        return fail(diag, "host CR4: violates its fixed bits", cr4);
    if (beyond(view, cr3))
        return fail(diag, "host CR3: beyond the physical address width", cr3);
    if ((exit & EXIT_HOST_ADDRESS_SPACE) == 0)
        return fail(diag, "host: not a 64-bit address space", exit);
    if ((cr4 & CR4_PAE) == 0)
        return fail(diag, "host CR4: PAE is 0", cr4);
    if ((exit & EXIT_LOAD_PAT) != 0 && !vmx_check_pat(pat))
        return fail(diag, "host PAT: a memory type is reserved", pat);
    if ((exit & EXIT_LOAD_EFER) != 0 && !good_efer)
        return fail(diag, "host EFER: not that of 64-bit mode", efer);
    return true;
}

static bool check_host_segments(const struct vmcs_view *view, struct diag *diag)
{
    static const uint16_t selectors[] = {
        VMCS_HOST_ES_SELECTOR, VMCS_HOST_CS_SELECTOR, VMCS_HOST_SS_SELECTOR, VMCS_HOST_DS_SELECTOR,
        VMCS_HOST_FS_SELECTOR, VMCS_HOST_GS_SELECTOR, VMCS_HOST_TR_SELECTOR,
    };
    static const uint16_t addresses[] = {
        VMCS_HOST_FS_BASE,           VMCS_HOST_GS_BASE,   VMCS_HOST_TR_BASE,
        VMCS_HOST_GDTR_BASE,         VMCS_HOST_IDTR_BASE, VMCS_HOST_IA32_SYSENTER_ESP,
        VMCS_HOST_IA32_SYSENTER_EIP, VMCS_HOST_RIP,
    };
    for (unsigned i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
        enum vmcs_field field = (enum vmcs_field)selectors[i];
        uint64_t value = get(view, field);
        bool needed = field == VMCS_HOST_CS_SELECTOR || field == VMCS_HOST_TR_SELECTOR;
        if ((value & 7) != 0 || (needed && value == 0))
            return diag_set(diag, "%s: %#x is no host selector", vmcs_field_name(field),
                            (unsigned)value);
    }
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        if (!vmx_check_canonical(get(view, (enum vmcs_field)addresses[i])))
            return diag_set(diag, "%s: not canonical",
                            vmcs_field_name((enum vmcs_field)addresses[i]));
    return true;
}

bool vmx_entry_check(const struct vmcs_view *view, struct diag *diag)
{
    return check_words(view, diag) && check_execution(view, diag) && check_msr_lists(view, diag) &&
           check_entry(view, diag) && check_host_control(view, diag) &&
           check_host_segments(view, diag) && vmx_check_guest(view, diag);
}

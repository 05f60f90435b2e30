/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/vmx_check_guest.h"

#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/vmx.h"

/* The guest's mode, read once. */
struct guest {
    const struct vmcs_view *view;
    struct diag *diag;
    uint64_t cr0;
    uint64_t cr4;
    uint64_t rflags;
    uint64_t entry;
    uint64_t event; /* VM-entry interruption information, 0 when not valid */
    bool ia32e;
    bool unrestricted;
    bool v8086;
};

static uint64_t get(const struct guest *guest, enum vmcs_field field)
{
    return guest->view->get(guest->view->context, field);
}

static bool beyond(const struct guest *guest, uint64_t address)
{
    return guest->view->phys_bits < 64 && address >> guest->view->phys_bits != 0;
}

/* The sentence, with the value to blame. Short, for there are a hundred calls. */
static bool fail(const struct guest *guest, const char *text, uint64_t value)
{
    return diag_set(guest->diag, "guest %s (%#llx)", text, (unsigned long long)value);
}

static bool check_control(const struct guest *guest)
{
    const struct vmx_caps *caps = guest->view->caps;
    uint64_t cr0 = guest->cr0;
    uint64_t cr3 = get(guest, VMCS_GUEST_CR3);
    uint64_t cr4 = guest->cr4;
    uint64_t must = caps->cr0_fixed0 & ~(guest->unrestricted ? CR0_PE | CR0_PG : 0);
    if ((must & ~cr0) != 0 || (cr0 & ~caps->cr0_fixed1) != 0)
        return fail(guest, "CR0: violates its fixed bits", cr0);
    if ((cr0 & CR0_PG) != 0 && (cr0 & CR0_PE) == 0)
        return fail(guest, "CR0: PG without PE", cr0);
    if ((caps->cr4_fixed0 & ~cr4) != 0 || (cr4 & ~caps->cr4_fixed1) != 0)
        return fail(guest, "CR4: violates its fixed bits", cr4);
    if (guest->ia32e && (cr0 & CR0_PG) == 0)
        return fail(guest, "CR0: IA-32e mode without PG", cr0);
    if (guest->ia32e && (cr4 & CR4_PAE) == 0)
        return fail(guest, "CR4: IA-32e mode without PAE", cr4);
    if (!guest->ia32e && (cr4 & CR4_PCIDE) != 0)
        return fail(guest, "CR4: PCIDE outside IA-32e mode", cr4);
    if (beyond(guest, cr3))
        return fail(guest, "CR3: beyond the physical address width", cr3);
    return true;
}

static bool check_efer(const struct guest *guest)
{
    uint64_t efer = get(guest, VMCS_GUEST_IA32_EFER);
    bool active = (efer & EFER_LMA) != 0;
    bool enabled = (efer & EFER_LME) != 0;
    if ((guest->entry & ENTRY_LOAD_EFER) == 0)
        return true;
    if ((efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) != 0)
        return fail(guest, "EFER: reserved bits", efer);
    if (active != guest->ia32e)
        return fail(guest, "EFER: LMA is not the IA-32e mode guest control", efer);
    if ((guest->cr0 & CR0_PG) != 0 && active != enabled)
        return fail(guest, "EFER: LMA is not LME with paging on", efer);
    return true;
}

static bool check_msrs(const struct guest *guest)
{
    bool debug = (guest->entry & ENTRY_LOAD_DEBUG_CONTROLS) != 0;
    uint64_t debugctl = get(guest, VMCS_GUEST_IA32_DEBUGCTL);
    uint64_t dr7 = get(guest, VMCS_GUEST_DR7);
    uint64_t esp = get(guest, VMCS_GUEST_IA32_SYSENTER_ESP);
    uint64_t eip = get(guest, VMCS_GUEST_IA32_SYSENTER_EIP);
    uint64_t pat = get(guest, VMCS_GUEST_IA32_PAT);
    if (debug && (debugctl & ~UINT64_C(0xffc3)) != 0)
        return fail(guest, "DEBUGCTL: reserved bits", debugctl);
    if (debug && dr7 >> 32 != 0)
        return fail(guest, "DR7: more than 32 bits", dr7);
    if (!vmx_check_canonical(esp))
        return fail(guest, "SYSENTER_ESP: not canonical", esp);
    if (!vmx_check_canonical(eip))
        return fail(guest, "SYSENTER_EIP: not canonical", eip);
    if ((guest->entry & ENTRY_LOAD_PAT) != 0 && !vmx_check_pat(pat))
        return fail(guest, "PAT: a memory type is reserved", pat);
    return check_efer(guest);
}

/* One segment register, read once. */
struct segment {
    enum vmcs_segment number;
    uint64_t selector;
    uint64_t base;
    uint64_t limit;
    uint64_t rights;
    uint64_t type;
    uint64_t dpl;
    bool usable;
};

static const char *const segment_names[VMCS_SEG_COUNT] = {
    "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR",
};

static struct segment segment_read(const struct guest *guest, enum vmcs_segment number)
{
    uint64_t rights = get(guest, vmcs_segment_field(VMCS_GUEST_ES_ACCESS_RIGHTS, number));
    return (struct segment){
        .number = number,
        .selector = get(guest, vmcs_segment_field(VMCS_GUEST_ES_SELECTOR, number)),
        .base = get(guest, vmcs_segment_field(VMCS_GUEST_ES_BASE, number)),
        .limit = get(guest, vmcs_segment_field(VMCS_GUEST_ES_LIMIT, number)),
        .rights = rights,
        .type = field_get(SEG_AR_TYPE, rights),
        .dpl = field_get(SEG_AR_DPL, rights),
        .usable = (rights & SEG_AR_UNUSABLE) == 0,
    };
}

/* As fail(), with the whole register. */
static bool segment_fail(const struct guest *guest, const struct segment *s, const char *text)
{
    return diag_set(guest->diag, "guest %s: %s (selector %#x, base %#llx, limit %#x, rights %#x)",
                    segment_names[s->number], text, (unsigned)s->selector,
                    (unsigned long long)s->base, (unsigned)s->limit, (unsigned)s->rights);
}

static bool check_v8086(const struct guest *guest, const struct segment *s)
{
    if (s->base != s->selector << 4 || s->limit != 0xffff || s->rights != 0xf3)
        return segment_fail(guest, s, "not as virtual-8086 mode wants it");
    return true;
}

/* What code, data and system segments have in common. */
static bool check_common(const struct guest *guest, const struct segment *s, bool system)
{
    bool pages = (s->rights & SEG_AR_G) != 0;
    bool limit = pages ? (s->limit & 0xfff) == 0xfff : (s->limit & BITS(31, 20)) == 0;
    if (((s->rights & SEG_AR_S) == 0) != system)
        return segment_fail(guest, s, "S flag is wrong");
    if ((s->rights & SEG_AR_P) == 0)
        return segment_fail(guest, s, "not present");
    if ((s->rights & SEG_AR_RESERVED) != 0)
        return segment_fail(guest, s, "reserved rights");
    if (!limit)
        return segment_fail(guest, s, "G flag against limit");
    return true;
}

static bool check_cs(const struct guest *guest, const struct segment *s)
{
    uint64_t ss_dpl = field_get(SEG_AR_DPL, get(guest, VMCS_GUEST_SS_ACCESS_RIGHTS));
    bool data = s->type == 3 && guest->unrestricted;
    bool conforming = (s->type & 4) != 0;
    bool dpl = data ? s->dpl == 0 : conforming ? s->dpl <= ss_dpl : s->dpl == ss_dpl;
    bool both = (s->rights & SEG_AR_L) != 0 && (s->rights & SEG_AR_DB) != 0;
    if (!data && (s->type & 9) != 9)
        return segment_fail(guest, s, "type is not accessed code");
    if (!dpl)
        return segment_fail(guest, s, "DPL against SS");
    if (guest->ia32e && both)
        return segment_fail(guest, s, "both L and D");
    return true;
}

static bool check_ss(const struct guest *guest, const struct segment *s)
{
    uint64_t cs_type = field_get(SEG_AR_TYPE, get(guest, VMCS_GUEST_CS_ACCESS_RIGHTS));
    uint64_t cs_rpl = get(guest, VMCS_GUEST_CS_SELECTOR) & 3;
    uint64_t rpl = s->selector & 3;
    bool needs_zero = cs_type == 3 || (guest->cr0 & CR0_PE) == 0;
    if (s->usable && s->type != 3 && s->type != 7)
        return segment_fail(guest, s, "type is not accessed, writable data");
    if (!guest->unrestricted && s->dpl != rpl)
        return segment_fail(guest, s, "DPL is not RPL");
    if (needs_zero && s->dpl != 0)
        return segment_fail(guest, s, "DPL is not 0");
    if (!guest->unrestricted && rpl != cs_rpl)
        return segment_fail(guest, s, "RPL is not that of CS");
    return true;
}

static bool check_data(const struct guest *guest, const struct segment *s)
{
    bool readable = (s->type & 8) == 0 || (s->type & 2) != 0;
    bool private = s->dpl >= (s->selector & 3) || s->type >= 12;
    if ((s->type & 1) == 0 || !readable)
        return segment_fail(guest, s, "type is not accessed and readable");
    if (!guest->unrestricted && !private)
        return segment_fail(guest, s, "DPL below RPL");
    return true;
}

static bool check_code_or_data(const struct guest *guest, const struct segment *s)
{
    bool cs = s->number == VMCS_SEG_CS;
    bool fs_gs = s->number == VMCS_SEG_FS || s->number == VMCS_SEG_GS;
    bool base = fs_gs ? vmx_check_canonical(s->base) : (!cs && !s->usable) || s->base >> 32 == 0;
    if (!base)
        return segment_fail(guest, s, "base is not canonical or too wide");
    if (s->number == VMCS_SEG_SS && !check_ss(guest, s))
        return false;
    if (!s->usable && !cs)
        return true;
    if (cs ? !check_cs(guest, s) : s->number != VMCS_SEG_SS && !check_data(guest, s))
        return false;
    return check_common(guest, s, false);
}

static bool check_system(const struct guest *guest, const struct segment *s)
{
    bool tr = s->number == VMCS_SEG_TR;
    bool type = tr ? s->type == 11 || (s->type == 3 && !guest->ia32e) : s->type == 2;
    if (!tr && !s->usable)
        return true;
    if (!s->usable)
        return segment_fail(guest, s, "unusable");
    if ((s->selector & 4) != 0)
        return segment_fail(guest, s, "TI is not 0");
    if (!vmx_check_canonical(s->base))
        return segment_fail(guest, s, "base is not canonical or too wide");
    if (!type)
        return segment_fail(guest, s, tr ? "type is not a busy TSS" : "type is not an LDT");
    return check_common(guest, s, true);
}

static bool check_segments(const struct guest *guest)
{
    for (unsigned i = 0; i < VMCS_SEG_COUNT; i++) {
        struct segment s = segment_read(guest, (enum vmcs_segment)i);
        bool system = i == VMCS_SEG_LDTR || i == VMCS_SEG_TR;
        bool ok = system         ? check_system(guest, &s)
                  : guest->v8086 ? check_v8086(guest, &s)
                                 : check_code_or_data(guest, &s);
        if (!ok)
            return false;
    }
    uint64_t gdtr = get(guest, VMCS_GUEST_GDTR_BASE);
    uint64_t idtr = get(guest, VMCS_GUEST_IDTR_BASE);
    uint64_t limits = get(guest, VMCS_GUEST_GDTR_LIMIT) | get(guest, VMCS_GUEST_IDTR_LIMIT);
    if (!vmx_check_canonical(gdtr))
        return fail(guest, "GDTR: base is not canonical", gdtr);
    if (!vmx_check_canonical(idtr))
        return fail(guest, "IDTR: base is not canonical", idtr);
    if (limits >> 16 != 0)
        return fail(guest, "GDTR or IDTR: limit has more than 16 bits", limits);
    return true;
}

static bool check_rip_rflags(const struct guest *guest)
{
    uint64_t rip = get(guest, VMCS_GUEST_RIP);
    uint64_t flags = guest->rflags;
    bool wide = guest->ia32e && (get(guest, VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_AR_L) != 0;
    bool v8086_mode = !guest->ia32e && (guest->cr0 & CR0_PE) != 0;
    bool interrupt =
        guest->event != 0 && field_get(INTR_INFO_TYPE, guest->event) == VMX_INTR_EXTERNAL;
    if (wide ? !vmx_check_canonical(rip) : rip >> 32 != 0)
        return fail(guest, "RIP: no address in this mode", rip);
    if ((flags & RFLAGS_RESERVED) != 0 || (flags & RFLAGS_ONE) == 0)
        return fail(guest, "RFLAGS: reserved bits", flags);
    if (guest->v8086 && !v8086_mode)
        return fail(guest, "RFLAGS: VM in real or IA-32e mode", flags);
    if (interrupt && (flags & RFLAGS_IF) == 0)
        return fail(guest, "RFLAGS: IF is 0, but an interrupt is injected", flags);
    return true;
}

/* May this event be injected in this activity state? */
static bool activity_takes(uint64_t activity, uint64_t event)
{
    uint64_t type = field_get(INTR_INFO_TYPE, event);
    uint64_t vector = field_get(INTR_INFO_VECTOR, event);
    bool machine_check = type == VMX_INTR_HARDWARE && vector == EXC_MC;
    if (event == 0 || activity == ACTIVITY_ACTIVE)
        return true;
    if (activity == ACTIVITY_WAIT_SIPI)
        return false;
    if (type == VMX_INTR_NMI || machine_check)
        return true;
    if (activity == ACTIVITY_SHUTDOWN)
        return false;
    return type == VMX_INTR_EXTERNAL || type == VMX_INTR_OTHER ||
           (type == VMX_INTR_HARDWARE && vector == EXC_DB);
}

static bool check_activity(const struct guest *guest, uint64_t blocked)
{
    uint64_t activity = get(guest, VMCS_GUEST_ACTIVITY_STATE);
    uint64_t ss_dpl = field_get(SEG_AR_DPL, get(guest, VMCS_GUEST_SS_ACCESS_RIGHTS));
    bool active = activity == ACTIVITY_ACTIVE;
    bool known = active || (activity <= ACTIVITY_WAIT_SIPI && (guest->view->caps->misc >> activity &
                                                               VMX_MISC_ACTIVITY_HLT >> 1) != 0);
    if (!known)
        return fail(guest, "activity state: not supported", activity);
    if (activity == ACTIVITY_HLT && ss_dpl != 0)
        return fail(guest, "activity state: HLT, but SS.DPL is not 0", ss_dpl);
    if (!active && (blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) != 0)
        return fail(guest, "activity state: blocked by STI or MOV SS", activity);
    if (!activity_takes(activity, guest->event))
        return fail(guest, "activity state: does not take the injected event", activity);
    return true;
}

static bool check_interruptibility(const struct guest *guest, uint64_t blocked)
{
    uint64_t type = field_get(INTR_INFO_TYPE, guest->event);
    bool nmi = guest->event != 0 && type == VMX_INTR_NMI;
    bool maskable = guest->event != 0 && type == VMX_INTR_EXTERNAL;
    bool sti = (blocked & BLOCKED_BY_STI) != 0;
    bool mov_ss = (blocked & BLOCKED_BY_MOV_SS) != 0;
    bool virtual_nmis = (get(guest, VMCS_PIN_CONTROLS) & PIN_VIRTUAL_NMIS) != 0;
    if ((blocked & (BLOCKED_RESERVED | ENCLAVE_INTERRUPT | BLOCKED_BY_SMI)) != 0)
        return fail(guest, "interruptibility: bits that must be 0", blocked);
    if (sti && mov_ss)
        return fail(guest, "interruptibility: both STI and MOV SS", blocked);
    if (sti && (guest->rflags & RFLAGS_IF) == 0)
        return fail(guest, "interruptibility: STI, but IF is 0", blocked);
    if ((sti || mov_ss) && (nmi || maskable))
        return fail(guest, "interruptibility: injection while blocked by STI or MOV SS", blocked);
    if (nmi && virtual_nmis && (blocked & BLOCKED_BY_NMI) != 0)
        return fail(guest, "interruptibility: NMI injected while blocked by NMI", blocked);
    return true;
}

static bool check_pending_debug(const struct guest *guest, uint64_t blocked)
{
    uint64_t pending = get(guest, VMCS_GUEST_PENDING_DEBUG);
    bool stepping =
        (guest->rflags & RFLAGS_TF) != 0 && (get(guest, VMCS_GUEST_IA32_DEBUGCTL) & BIT(1)) == 0;
    bool matters = (blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)) != 0 ||
                   get(guest, VMCS_GUEST_ACTIVITY_STATE) == ACTIVITY_HLT;
    uint64_t valid =
        PENDING_DEBUG_BREAKPOINTS | PENDING_DEBUG_ENABLED | PENDING_DEBUG_BS | PENDING_DEBUG_RTM;
    if ((pending & ~valid) != 0)
        return fail(guest, "pending debug exceptions: reserved bits", pending);
    if (matters && ((pending & PENDING_DEBUG_BS) != 0) != stepping)
        return fail(guest, "pending debug exceptions: BS is not TF", pending);
    return true;
}

/* PDPTEs count only with PAE paging; under EPT they come from the VMCS. */
static bool check_pdptes(const struct guest *guest)
{
    if (guest->ia32e || (guest->cr0 & CR0_PG) == 0 || (guest->cr4 & CR4_PAE) == 0)
        return true;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t entry = get(guest, (enum vmcs_field)(VMCS_GUEST_PDPTE0 + 2 * i));
        uint64_t reserved = BITS(2, 1) | BITS(8, 5);
        bool valid = (entry & 1) == 0 || ((entry & reserved) == 0 && !beyond(guest, entry));
        if (!valid)
            return fail(guest, "PDPTE: reserved bits", entry);
    }
    return true;
}

static bool check_non_register(const struct guest *guest)
{
    uint64_t blocked = get(guest, VMCS_GUEST_INTERRUPTIBILITY_STATE);
    if (!check_activity(guest, blocked) || !check_interruptibility(guest, blocked) ||
        !check_pending_debug(guest, blocked))
        return false;
    uint64_t link = get(guest, VMCS_VMCS_LINK_POINTER);
    if (link != ~UINT64_C(0))
        return fail(guest, "VMCS link pointer: not all ones", link);
    return check_pdptes(guest);
}

bool vmx_check_guest(const struct vmcs_view *view, struct diag *diag)
{
    struct guest guest = {.view = view, .diag = diag};
    guest.cr0 = get(&guest, VMCS_GUEST_CR0);
    guest.cr4 = get(&guest, VMCS_GUEST_CR4);
    guest.rflags = get(&guest, VMCS_GUEST_RFLAGS);
    guest.entry = get(&guest, VMCS_ENTRY_CONTROLS);
    guest.event = get(&guest, VMCS_ENTRY_INTERRUPTION_INFO);
    if ((guest.event & INTR_INFO_VALID) == 0)
        guest.event = 0;
    guest.ia32e = (guest.entry & ENTRY_IA32E_MODE_GUEST) != 0;
    guest.v8086 = (guest.rflags & RFLAGS_VM) != 0;
    if ((get(&guest, VMCS_PROC_CONTROLS) & PROC_ACTIVATE_SECONDARY) != 0)
        guest.unrestricted = (get(&guest, VMCS_PROC2_CONTROLS) & PROC2_UNRESTRICTED_GUEST) != 0;
    return check_control(&guest) && check_msrs(&guest) && check_segments(&guest) &&
           check_rip_rflags(&guest) && check_non_register(&guest);
}

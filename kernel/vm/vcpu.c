/* SPDX-License-Identifier: MIT */
/* The run loop: enter, look why it came back, let the handler judge, apply the verdict. */
#include "arch/cpu.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/regs/apic.h"
#include "arch/x86/regs/exception.h"
#include "kernel/acpi/guest.h"
#include "kernel/alarm.h"
#include "kernel/log.h"
#include "kernel/terminal.h"
#include "kernel/vm/crash.h"
#include "kernel/vm/decode.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/faults.h"
#include "kernel/vm/platform.h"
#include "kernel/vm/processors.h"

struct exit_rights rights;

/* Exits that are not all of one kind for the statistics: stat_finer(). */
enum { STAT_BY_PORT = STAT_KINDS, STAT_BY_MSR, STAT_BY_ADDRESS };

struct exit_rule {
    exit_handler *handler;
    uint32_t stat; /* enum stat_kind, or one of those */
};

static const struct exit_rule exit_rules[EXIT_KINDS] = {
    [EXIT_ATTENTION] = {exit_attention, STAT_ATTENTION},
    [EXIT_CPUID] = {exit_cpuid, STAT_CPUID},
    [EXIT_MSR_READ] = {exit_msr_read, STAT_BY_MSR},
    [EXIT_MSR_WRITE] = {exit_msr_write, STAT_BY_MSR},
    [EXIT_IO] = {exit_io, STAT_BY_PORT},
    [EXIT_MEMORY] = {exit_memory, STAT_BY_ADDRESS},
    [EXIT_CR] = {exit_cr, STAT_CR},
    [EXIT_XSETBV] = {exit_xsetbv, STAT_XSETBV},
    [EXIT_EXCEPTION] = {exit_exception, STAT_EXCEPTION},
    [EXIT_HYPERCALL] = {exit_undefined, STAT_OTHER},
    [EXIT_VIRT_INSN] = {exit_undefined, STAT_OTHER},
    [EXIT_CACHE] = {exit_skip, STAT_OTHER},
    [EXIT_RDPMC] = {exit_rdpmc, STAT_OTHER},
    [EXIT_TASK_SWITCH] = {exit_unexpected, STAT_OTHER},
    [EXIT_WINDOW] = {exit_window, STAT_OTHER},
    [EXIT_RESUME] = {exit_ignore, STAT_OTHER},
    [EXIT_INIT] = {exit_ignore, STAT_OTHER},
    [EXIT_SIPI] = {exit_ignore, STAT_OTHER},
    [EXIT_TRIPLE_FAULT] = {exit_triple_fault, STAT_OTHER},
    [EXIT_ENTRY_FAILED] = {exit_entry_failed, STAT_OTHER},
    [EXIT_UNEXPECTED] = {exit_unexpected, STAT_OTHER},
};

void vcpu_mail(struct vcpu *vcpu, uint32_t letter)
{
    uint32_t before = atomic_load(&vcpu->mail), after;
    do
        after = mail_add(before, letter);
    while (!atomic_compare_exchange_weak(&vcpu->mail, &before, after));
    if (after & ~before)
        smp_kick(vcpu->cpu);
}

uint64_t vcpu_gpr(struct vcpu *vcpu, unsigned number)
{
    if (number == GPR_RSP)
        return rights.ops->get(&vcpu->virt, VREG_RSP);
    return vcpu->virt.gpr[number % GPR_COUNT];
}

void vcpu_set_gpr(struct vcpu *vcpu, unsigned number, uint64_t value)
{
    if (number == GPR_RSP)
        rights.ops->set(&vcpu->virt, VREG_RSP, value);
    else
        vcpu->virt.gpr[number % GPR_COUNT] = value;
}

static uint32_t mail_take(struct vcpu *vcpu)
{
    uint32_t mail = atomic_load(&vcpu->mail);
    while (!atomic_compare_exchange_weak(&vcpu->mail, &mail, mail_left(mail)))
        ;
    return mail;
}

/*
 * INIT sends the bootstrap processor to its reset vector (SDM Vol. 3A "MP Initialization"), and the
 * code behind that one resets the guest (kernel/acpi/guest.h). The others wait for a SIPI.
 */
static struct verdict mail_read(struct vcpu *vcpu, uint32_t mail)
{
    struct guest *guest = vcpu->guest;
    if (mail & MAIL_STOP)
        return verdict_stop((enum stop_reason)atomic_load(&guest->stop));
    if (mail & MAIL_INIT)
        return verdict_stop(vcpu->id == 0 ? STOP_REBOOT : STOP_INIT);
    if ((mail & MAIL_FAULT) && faults_answer(vcpu))
        return verdict_stop((enum stop_reason)atomic_load(&guest->stop));
    if (mail & MAIL_NMI)
        vcpu_nmi(vcpu);
    if (mail & (MAIL_INPUT | MAIL_TIMER)) {
        lock_take(&guest->devices);
        if (mail & MAIL_INPUT)
            platform_feed(guest);
        if (mail & MAIL_TIMER)
            platform_advance(guest);
        lock_release(&guest->devices);
    }
    return verdict_resume();
}

/*
 * An NMI arrived while the guest ran, or just before it would have: ours (a letter, the console's
 * UART) or the machine's. The letters say what to do.
 */
struct verdict exit_attention(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)exit;
    vcpu->cpu->attention = 0;
    alarm_poll(vcpu->cpu);
    uint32_t mail = mail_take(vcpu);
    terminal_poll(vcpu->cpu);
    faults_poll(vcpu->cpu);
    return mail ? mail_read(vcpu, mail) : verdict_resume();
}

void vcpu_attend_outside(struct cpu *cpu)
{
    if (!cpu->attention)
        return;
    cpu->attention = 0;
    alarm_poll(cpu);
    terminal_poll(cpu);
    faults_poll(cpu);
}

static void nmi_inject(struct vcpu *vcpu)
{
    rights.ops->inject(&vcpu->virt, &(struct virt_event){.kind = EVENT_NMI, .vector = EXC_NMI});
}

void vcpu_nmi(struct vcpu *vcpu)
{
    if (rights.ops->ready(&vcpu->virt, EVENT_NMI)) {
        nmi_inject(vcpu);
        return;
    }
    vcpu->nmi_pending = true;
    rights.ops->window(&vcpu->virt, EVENT_NMI, true);
}

/* The guest can take the NMI that was sent to it, or an interrupt: intr_offer() gives it that. */
struct verdict exit_window(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)exit;
    if (vcpu->nmi_pending && rights.ops->ready(&vcpu->virt, EVENT_NMI)) {
        rights.ops->window(&vcpu->virt, EVENT_NMI, false);
        vcpu->nmi_pending = false;
        nmi_inject(vcpu);
    }
    if (vcpu->intr_window) {
        vcpu->intr_window = false;
        rights.ops->window(&vcpu->virt, EVENT_INTERRUPT, false);
    }
    return verdict_resume();
}

struct verdict exit_undefined(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    (void)exit;
    return verdict_fault_plain(EXC_UD);
}

struct verdict exit_rdpmc(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    (void)exit;
    return verdict_fault(EXC_GP, 0);
}

/* INVD would throw away other guests' data, WBINVD only costs them time: neither is needed. */
struct verdict exit_skip(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    (void)exit;
    return verdict_skip();
}

struct verdict exit_ignore(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    (void)exit;
    return verdict_resume();
}

struct verdict exit_triple_fault(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    (void)exit;
    return verdict_stop(STOP_TRIPLE_FAULT);
}

struct verdict exit_entry_failed(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    (void)exit;
    return verdict_stop(STOP_BAD_STATE);
}

struct verdict exit_unexpected(struct vcpu *vcpu, struct vm_exit *exit)
{
    (void)vcpu;
    (void)exit;
    return verdict_stop(STOP_FORBIDDEN);
}

/* The verdicts that are not the rule; apart, so that SKIP stays short. */
static __attribute__((noinline)) enum stop_reason verdict_rare(struct vcpu *vcpu,
                                                               struct verdict verdict)
{
    switch (verdict.kind) {
    case VERDICT_FAULT:
        rights.ops->inject(&vcpu->virt, &(struct virt_event){.vector = verdict.vector,
                                                             .has_error = verdict.has_error,
                                                             .error = verdict.error});
        break;
    case VERDICT_STOP:
        return verdict.stop;
    case VERDICT_RESUME:
    case VERDICT_SKIP:
        break;
    }
    return STOP_NONE;
}

static enum stop_reason verdict_apply(struct vcpu *vcpu, const struct vm_exit *exit,
                                      struct verdict verdict)
{
    if (verdict.kind != VERDICT_SKIP)
        return verdict_rare(vcpu, verdict);
    rights.ops->skip_insn(&vcpu->virt, exit);
    return STOP_NONE;
}

/* The 8259s have an interrupt: now, when the guest can take it, or in its window. */
static __attribute__((noinline)) void intr_offer(struct vcpu *vcpu)
{
    if (!lapic_takes_8259(&vcpu->lapic))
        return;
    if (rights.ops->ready(&vcpu->virt, EVENT_INTERRUPT)) {
        struct guest *guest = vcpu->guest;
        lock_take(&guest->devices);
        struct virt_event event = {.kind = EVENT_INTERRUPT,
                                   .vector = vplatform_acknowledge(&guest->platform)};
        platform_outputs(guest);
        lock_release(&guest->devices);
        rights.ops->inject(&vcpu->virt, &event);
    }
    if (vcpu->intr_pending && !vcpu->intr_window) {
        vcpu->intr_window = true;
        rights.ops->window(&vcpu->virt, EVENT_INTERRUPT, true);
    }
}

/* Devices that are counted for themselves. Reading an MSR does not change RCX. */
static uint32_t stat_finer(const struct vcpu *vcpu, const struct vm_exit *exit, uint32_t by)
{
    if (by == STAT_BY_PORT)
        return (exit->io.port & ~7u) == GUEST_COM1 ? STAT_CONSOLE : STAT_IO;
    if (by == STAT_BY_ADDRESS)
        return lapic_page_has(vcpu, exit->memory.at) ? STAT_APIC : STAT_MEMORY;
    uint32_t msr = (uint32_t)vcpu->virt.gpr[GPR_RCX];
    if (msr == MSR_X2APIC_ICR)
        return STAT_IPI;
    return msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST ? STAT_APIC : STAT_MSR;
}

static enum stat_kind stat_of(const struct vcpu *vcpu, const struct vm_exit *exit)
{
    uint32_t stat = exit_rules[exit->kind].stat;
    return stat < STAT_KINDS ? stat : stat_finer(vcpu, exit, stat);
}

enum stop_reason vcpu_run(struct vcpu *vcpu)
{
    void (*enter)(struct virt_vcpu *, struct vm_exit *) = rights.ops->enter;
    struct vm_exit exit;
    for (;;) {
        enter(&vcpu->virt, &exit);
        uint64_t left = cpu_rdtsc();
        struct verdict verdict;
        if (!exit.undecoded || decode_exit(vcpu, &exit, &verdict))
            verdict = exit_rules[exit.kind].handler(vcpu, &exit);
        enum stop_reason stop = verdict_apply(vcpu, &exit, verdict);
        if (vcpu->intr_pending)
            intr_offer(vcpu);
        stats_count(&vcpu->stats, stat_of(vcpu, &exit), cpu_rdtsc() - left);
        if (stop != STOP_NONE) {
            if (stop != STOP_INIT && guest_stop(vcpu, stop))
                crash_report(vcpu, &exit, stop);
            return stop;
        }
    }
}

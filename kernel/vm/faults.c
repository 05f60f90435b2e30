/* SPDX-License-Identifier: MIT */
#include "kernel/vm/faults.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/iommu.h"
#include "kernel/alarm.h"
#include "kernel/log.h"
#include "kernel/pci/describe.h"
#include "kernel/vm/processors.h"

#define FAULTS_PAUSE_US UINT64_C(20000)   /* from one look that found some to the next */
#define FAULTS_LAZY_US  UINT64_C(1000000) /* the same where units have to be polled */
#define POLL_MOST       32                /* that are taken out at a time */
#define LINES_MOST      4                 /* a second, of sources that nobody owns */
#define LINES_US        UINT64_C(1000000)

typedef unsigned long long ull;

/* The attendant's alone but for the counters, which others may read. */
static struct {
    const struct cpu *attendant; /* NULL: no IOMMU */
    bool alerts;                 /* units send NMIs; else they are polled by the alarm */
    bool deaf;                   /* those NMIs are off until the next look */
    bool owned;                  /* there are passed-through devices */
    uint64_t next;               /* TSC: not before */
    uint64_t lines_until;        /* TSC: end of the second that `lines` is about */
    uint32_t lines;
    _Atomic uint64_t all, unowned, lost;
} faults;

/* Few of many, and among them the first. */
static bool is_milestone(uint64_t count)
{
    return (count & (count - 1)) == 0;
}

static const char *access_of(const struct iommu_fault *fault)
{
    if (fault->kind == IOMMU_FAULT_INTERRUPT)
        return "entry or message";
    return fault->write || fault->kind == IOMMU_FAULT_WRITE ? "write to" : "read of";
}

/* ---- nobody's ---- */

static void log_unowned(const struct iommu_fault *fault, uint64_t now)
{
    unsigned id = fault->source.id;
    if (now >= faults.lines_until) {
        faults.lines_until = now + tsc_from_us(LINES_US);
        faults.lines = 0;
    }
    if (faults.lines++ < LINES_MOST)
        log_line("IOMMU: %04x:%02x:%02x.%u: %s, %s 0x%llx (reason 0x%x)", fault->source.segment,
                 id >> 8, id >> 3 & 31, id & 7, iommu_fault_name(fault->kind), access_of(fault),
                 (ull)fault->address, fault->reason);
}

static void unit_trouble(const struct iommu_fault *fault)
{
    uint64_t lost = faults.lost;
    if (fault->kind == IOMMU_FAULT_LOST)
        lost = atomic_fetch_add(&faults.lost, 1) + 1;
    if (fault->kind == IOMMU_FAULT_UNIT || is_milestone(lost))
        log_line("IOMMU: PCI segment %u: %s", fault->source.segment, iommu_fault_name(fault->kind));
}

/* ---- a guest's ---- */

static uint64_t count_of(const struct passthrough_faults *of)
{
    return atomic_load(&of->reads) + atomic_load(&of->writes) + atomic_load(&of->interrupts);
}

static void count(struct passthrough_faults *of, const struct iommu_fault *fault)
{
    if (fault->kind == IOMMU_FAULT_INTERRUPT)
        atomic_fetch_add(&of->interrupts, 1);
    else if (fault->write || fault->kind == IOMMU_FAULT_WRITE)
        atomic_fetch_add(&of->writes, 1);
    else
        atomic_fetch_add(&of->reads, 1);
    atomic_store(&of->last, fault->address);
    atomic_store(&of->access, access_of(fault));
}

static void answer(struct vcpu *vcpu, struct passthrough *p)
{
    struct guest *guest = vcpu->guest;
    char at[PCI_TEXT];
    pci_address_text(p->planned->function.address, at);
    switch (guest->config->on_fault) {
    case ON_FAULT_IGNORE:
        break;
    case ON_FAULT_DETACH:
        if (passthrough_remove(guest, p))
            log_line(
                "guest %s: device %s is cut off until the guest starts anew, after %llu faults",
                guest->name, at, (ull)count_of(&p->faults));
        break;
    case ON_FAULT_STOP:
        if (guest_stop(vcpu, STOP_DEVICE))
            log_line("crash guest=%s device=%s reason='device fault' faults=%llu last='%s 0x%llx'",
                     guest->name, at, (ull)count_of(&p->faults), atomic_load(&p->faults.access),
                     (ull)atomic_load(&p->faults.last));
        break;
    }
}

bool faults_answer(struct vcpu *vcpu)
{
    struct guest *guest = vcpu->guest;
    for (uint32_t i = 0; i < guest->passthrough.count; i++) {
        struct passthrough *p = &guest->passthrough.devices[i];
        if (count_of(&p->faults) >= FAULTS_MOST && !atomic_exchange(&p->faults.answered, true))
            answer(vcpu, p);
    }
    return atomic_load(&guest->stop) != STOP_NONE;
}

static void device_fault(struct guest *guest, struct passthrough *p,
                         const struct iommu_fault *fault)
{
    char at[PCI_TEXT];
    count(&p->faults, fault);
    uint64_t so_far = count_of(&p->faults);
    pci_address_text(p->planned->function.address, at);
    if (is_milestone(so_far))
        log_line("guest %s: device %s: %s, %s 0x%llx (reason 0x%x), %llu so far", guest->name, at,
                 iommu_fault_name(fault->kind), access_of(fault), (ull)fault->address,
                 fault->reason, (ull)so_far);
    /* A letter of which nobody heard, since the guest was just starting, comes again. */
    if (so_far >= FAULTS_MOST && !atomic_load(&p->faults.answered) &&
        atomic_load(&guest->state) == GUEST_RUNNING)
        vcpu_mail(&guest->vcpus[0], MAIL_FAULT);
}

/* Devices behind a bridge may appear under one id: then it is the fault of all of them. */
static bool owner_fault(struct guest *guest, const struct iommu_fault *fault)
{
    const struct passthrough_set *set = &guest->passthrough;
    bool found = false;
    for (uint32_t i = 0; i < set->count; i++)
        if (passthrough_is(&set->devices[i], fault->source)) {
            device_fault(guest, &set->devices[i], fault);
            found = true;
        }
    return found;
}

/* ---- looking ---- */

static void fault_seen(const struct iommu_fault *fault)
{
    bool found = false;
    if (fault->kind == IOMMU_FAULT_UNIT || fault->kind == IOMMU_FAULT_LOST) {
        unit_trouble(fault);
        return;
    }
    atomic_fetch_add(&faults.all, 1);
    for (uint32_t i = 0; i < guest_count() && !found; i++)
        found = owner_fault(guest_at(i), fault);
    if (found)
        return;
    atomic_fetch_add(&faults.unowned, 1);
    log_unowned(fault, cpu_rdtsc());
}

/* When to look again. NMIs come back only after a look that found nothing. */
static void schedule(bool found)
{
    faults.next = 0;
    if (faults.alerts && !found) {
        if (faults.deaf)
            iommu_listen(true);
        faults.deaf = false;
        return;
    }
    if (faults.alerts && !faults.deaf)
        iommu_listen(false);
    faults.deaf = faults.alerts;
    faults.next = cpu_rdtsc() + tsc_from_us(faults.alerts ? FAULTS_PAUSE_US : FAULTS_LAZY_US);
    if (faults.alerts || faults.owned)
        alarm_set(ALARM_FAULTS, faults.next);
}

void faults_attend(const struct cpu *cpu)
{
    if (!iommu_on())
        return;
    faults.attendant = cpu;
    faults.alerts = iommu_alert(cpu->apic_id);
    for (uint32_t i = 0; i < guest_count(); i++)
        faults.owned |= guest_at(i)->passthrough.count > 0;
    faults.deaf = faults.alerts;
    schedule(false);
}

void faults_poll(const struct cpu *cpu)
{
    struct iommu_fault fault;
    uint32_t taken = 0;
    if (cpu != faults.attendant || cpu_rdtsc() < faults.next)
        return;
    for (; taken < POLL_MOST && iommu_poll(&fault); taken++)
        fault_seen(&fault);
    schedule(taken > 0);
}

/* ---- statistics ---- */

void faults_statistics(const struct guest *guest)
{
    static const char *const states[] = {
        [PASSTHROUGH_OFF] = "off", [PASSTHROUGH_ON] = "on", [PASSTHROUGH_REMOVED] = "removed"};
    for (uint32_t i = 0; i < guest->passthrough.count; i++) {
        const struct passthrough *p = &guest->passthrough.devices[i];
        const struct passthrough_faults *of = &p->faults;
        char at[PCI_TEXT];
        pci_address_text(p->planned->function.address, at);
        log_line("stats guest=%s device=%s faults=%llu reads=%llu writes=%llu interrupts=%llu "
                 "last=0x%llx state=%s",
                 guest->name, at, (ull)count_of(of), (ull)atomic_load(&of->reads),
                 (ull)atomic_load(&of->writes), (ull)atomic_load(&of->interrupts),
                 (ull)atomic_load(&of->last), states[atomic_load(&p->state)]);
    }
}

void faults_statistics_machine(void)
{
    if (faults.attendant)
        log_line("stats iommu faults=%llu unowned=%llu lost=%llu", (ull)atomic_load(&faults.all),
                 (ull)atomic_load(&faults.unowned), (ull)atomic_load(&faults.lost));
}

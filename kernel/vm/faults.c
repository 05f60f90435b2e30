/* SPDX-License-Identifier: MIT */
#include "kernel/vm/faults.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/iommu.h"
#include "kernel/alarm.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/pci/describe.h"
#include "kernel/vm/processors.h"

#define FAULTS_PAUSE_US UINT64_C(20000)   /* from one look that found some to the next */
#define FAULTS_LAZY_US  UINT64_C(1000000) /* the same where units have to be polled */
#define POLL_MOST       32                /* that are taken out at a time */
#define SETTLE_MOST     1024              /* that are taken out when a guest has stopped */
#define UNOWNED_MOST    64                /* of sources that nobody owns: then they are silenced */
#define OLD_LOOKS_MOST  64                /* looks that found nothing but what should be silent */
#define MUTE_US         UINT64_C(60000000)
#define LINES_MOST      4 /* a second, of sources that nobody owns */
#define LINES_US        UINT64_C(1000000)

typedef unsigned long long ull;

/* Under the lock, which the attendant holds for a look, and others for one fault; but for the
 * counters. */
static struct {
    struct lock lock;
    const struct cpu *attendant; /* NULL: no IOMMU */
    bool alerts;                 /* units send NMIs; else they are polled by the alarm */
    bool deaf;                   /* those NMIs are off until the next look */
    bool owned;                  /* there are passed-through devices */
    bool spare;                  /* the attendant runs no guest, who would be disturbed */
    uint64_t next;               /* TSC: not before */
    uint64_t lines_until;        /* TSC: end of the second that `lines` is about */
    uint32_t lines;
    uint64_t mute_until; /* TSC: nobody is to be disturbed by NMIs before; 0: they may come */
    uint32_t old_looks;  /* since then */
    bool silenced;       /* in this look a source was: not more than one */
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

static void log_unowned(const struct iommu_fault *fault, bool last)
{
    unsigned id = fault->source.id;
    uint64_t now = cpu_rdtsc();
    if (now >= faults.lines_until) {
        faults.lines_until = now + tsc_from_us(LINES_US);
        faults.lines = 0;
    }
    if (faults.lines++ < LINES_MOST)
        log_line("IOMMU: %04x:%02x:%02x.%u: %s, %s 0x%llx (reason 0x%x)%s", fault->source.segment,
                 id >> 8, id >> 3 & 31, id & 7, iommu_fault_name(fault->kind), access_of(fault),
                 (ull)fault->address, fault->reason, last ? ", no longer reported" : "");
}

/* Somebody has to do it here. True: that is worth another look soon. */
static bool unowned_fault(const struct iommu_fault *fault)
{
    bool last = atomic_fetch_add(&faults.unowned, 1) >= UNOWNED_MOST && !faults.silenced;
    log_unowned(fault, last);
    if (last) {
        iommu_silence(fault->source);
        faults.silenced = true;
    }
    return faults.unowned <= UNOWNED_MOST;
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

static void silence(const struct guest *guest, struct passthrough *p, uint16_t id)
{
    char at[PCI_TEXT];
    pci_address_text(p->planned->function.address, at);
    iommu_silence((struct iommu_source){pci_segment_of(p->planned->function.address), id});
    if (!atomic_exchange(&p->faults.silenced, true))
        log_line("guest %s: device %s: faults are no longer reported, after %llu", guest->name, at,
                 (ull)count_of(&p->faults));
}

bool faults_answer(struct vcpu *vcpu)
{
    struct guest *guest = vcpu->guest;
    for (uint32_t i = 0; i < guest->passthrough.count; i++) {
        struct passthrough *p = &guest->passthrough.devices[i];
        if (count_of(&p->faults) >= FAULTS_MOST && !atomic_exchange(&p->faults.answered, true))
            answer(vcpu, p);
        uint32_t loud = atomic_exchange(&p->faults.loud, 0);
        if (loud != 0)
            silence(guest, p, (uint16_t)loud);
    }
    return atomic_load(&guest->stop) != STOP_NONE;
}

/* What is told after that although the owner was asked to silence it, is nothing new. */
static bool device_loud(struct guest *guest, struct passthrough *p, const struct iommu_fault *fault)
{
    if (atomic_load(&guest->state) == GUEST_RUNNING) {
        atomic_store(&p->faults.loud, PASSTHROUGH_LOUD | fault->source.id);
        vcpu_mail(&guest->vcpus[0], MAIL_FAULT);
    } else if (!faults.silenced) {
        iommu_silence(fault->source);
        faults.silenced = true;
    }
    return false;
}

static bool device_fault(struct guest *guest, struct passthrough *p,
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
    return so_far < FAULTS_TOLD || device_loud(guest, p, fault);
}

/* Devices behind a bridge may appear under one id: then it is the fault of all of them. */
static bool owner_fault(struct guest *guest, const struct iommu_fault *fault, bool *news)
{
    const struct passthrough_set *set = &guest->passthrough;
    bool found = false;
    for (uint32_t i = 0; i < set->count; i++)
        if (passthrough_is(&set->devices[i], fault->source)) {
            *news |= device_fault(guest, &set->devices[i], fault);
            found = true;
        }
    return found;
}

/* Could this device, by lying about its function or device number, have sent that? */
static bool is_near(const struct passthrough *p, struct iommu_source source)
{
    pci_address_t at = p->planned->function.address;
    uint16_t id = pci_requester_of(at);
    return pci_segment_of(at) == source.segment && id >> 8 == source.id >> 8 &&
           (p->planned->bridge.raw != 0 || id >> 3 == source.id >> 3);
}

/* The only guest that has devices there, and the first of them. With several nobody is blamed. */
static struct passthrough *suspect(struct iommu_source source, struct guest **owner)
{
    struct passthrough *found = NULL;
    for (uint32_t i = 0; i < guest_count(); i++) {
        const struct passthrough_set *set = &guest_at(i)->passthrough;
        for (uint32_t n = 0; n < set->count; n++) {
            if (!is_near(&set->devices[n], source))
                continue;
            if (found && *owner != guest_at(i))
                return NULL;
            found = found ? found : &set->devices[n];
            *owner = guest_at(i);
        }
    }
    return found;
}

/* ---- looking ---- */

/* True: news. */
static bool fault_seen(const struct iommu_fault *fault)
{
    struct guest *owner = NULL;
    bool found = false, news = false;
    if (fault->kind == IOMMU_FAULT_UNIT || fault->kind == IOMMU_FAULT_LOST) {
        unit_trouble(fault);
        return false;
    }
    atomic_fetch_add(&faults.all, 1);
    for (uint32_t i = 0; i < guest_count() && !found; i++)
        found = owner_fault(guest_at(i), fault, &news);
    if (found)
        return news;
    struct passthrough *p = suspect(fault->source, &owner);
    return p ? device_fault(owner, p, fault) : unowned_fault(fault);
}

enum look { LOOK_NOTHING, LOOK_OLD, LOOK_NEWS };

/* Too many looks for nothing: for a while NMIs stay off, and no alarm is set. */
static bool is_mute(enum look look, uint64_t now)
{
    if (faults.mute_until != 0 && now >= faults.mute_until)
        faults.mute_until = faults.old_looks = 0;
    faults.old_looks += look == LOOK_OLD;
    if (faults.mute_until == 0 && faults.old_looks > OLD_LOOKS_MOST) {
        log_line("IOMMU: faults that cannot be silenced: for a minute nobody is woken by any");
        faults.mute_until = now + tsc_from_us(MUTE_US);
    }
    return faults.mute_until != 0;
}

/*
 * When to look again. NMIs come back only after a look that found nothing. A second is 18 NMIs of
 * the alarm's timer: where units have to be polled, a processor with a guest is not woken for that,
 * but looks when it is up anyway.
 */
static void schedule(enum look look)
{
    uint64_t now = cpu_rdtsc();
    bool mute = is_mute(look, now), lazy = mute || !faults.alerts;
    faults.next = 0;
    if (faults.alerts && !mute && look == LOOK_NOTHING) {
        bool already = faults.deaf && iommu_listen(true);
        faults.deaf = false;
        if (!already)
            return;
    }
    if (faults.alerts && !faults.deaf)
        iommu_listen(false);
    faults.deaf = faults.alerts;
    faults.next = now + tsc_from_us(lazy ? FAULTS_LAZY_US : FAULTS_PAUSE_US);
    if (faults.spare ? faults.alerts || faults.owned : faults.alerts && !mute)
        alarm_set(ALARM_FAULTS, faults.next);
}

void faults_attend(const struct cpu *cpu)
{
    if (!iommu_on())
        return;
    faults.attendant = cpu;
    faults.spare = cpu->vcpu == NULL;
    faults.alerts = iommu_alert(cpu->apic_id, &cpu->nmis);
    if (!faults.alerts)
        log_line("IOMMU: no NMI tells of faults here: it is polled");
    for (uint32_t i = 0; i < guest_count(); i++)
        faults.owned |= guest_at(i)->passthrough.count > 0;
    faults.deaf = faults.alerts;
    schedule(LOOK_NOTHING);
}

void faults_poll(const struct cpu *cpu)
{
    struct iommu_fault fault;
    enum look look = LOOK_NOTHING;
    if (cpu != faults.attendant || cpu_rdtsc() < faults.next)
        return;
    lock_take(&faults.lock);
    faults.silenced = false;
    for (uint32_t taken = 0; taken < POLL_MOST && iommu_poll(&fault); taken++)
        if (fault_seen(&fault))
            look = LOOK_NEWS;
        else if (look == LOOK_NOTHING)
            look = LOOK_OLD;
    schedule(look);
    lock_release(&faults.lock);
}

void faults_settle(void)
{
    struct iommu_fault fault;
    bool found = faults.attendant != NULL;
    for (uint32_t taken = 0; taken < SETTLE_MOST && found; taken++) {
        lock_take(&faults.lock);
        found = iommu_poll(&fault);
        if (found)
            fault_seen(&fault);
        lock_release(&faults.lock);
    }
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

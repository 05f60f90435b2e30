/* SPDX-License-Identifier: MIT */
#include "kernel/vm/processors.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/residue.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/model/msr_policy.h"
#include "arch/x86/regs/cr.h"
#include "kernel/lib/mem.h"
#include "kernel/log.h"
#include "kernel/vm/decode.h"
#include "kernel/vm/exits.h"

static void control_registers(struct virt_start *start)
{
    static const struct {
        uint64_t cr0, cr4;
    } modes[] = {[START_REAL] = {CR0_ET, 0},
                 [START_PROTECTED] = {CR0_ET | CR0_PE, 0},
                 [START_LONG] = {CR0_ET | CR0_PE | CR0_PG, CR4_PAE}};
    start->cr0_shadow = modes[start->mode].cr0;
    start->cr0 = start->cr0_shadow | rights.cr.cr0_one;
    start->cr4_shadow = modes[start->mode].cr4;
    start->cr4 = start->cr4_shadow | rights.cr.cr4_one;
}

void vcpu_begin(struct vcpu *vcpu, struct virt_start *start)
{
    control_registers(start);
    lapic_reset(&vcpu->lapic);
    vcpu->nmi_pending = false;
    atomic_store(&vcpu->intr_pending, false);
    vcpu->intr_window = false;
    vcpu->mtrr_def_type = MSR_MTRR_DEF_TYPE_INITIAL;
    vcpu->kvm_system_time = 0;
    vcpu->kvm_wall_clock = 0;
    decode_forget(vcpu);
    residue_clear();
    if (!apic_reset())
        log_line("guest %s: interrupts for vCPU %u would not go away", vcpu->guest->name, vcpu->id);
    rights.ops->vcpu_reset(&vcpu->virt, start);
    atomic_store(&vcpu->state, VCPU_STARTED);
}

void processors_prepare(struct guest *guest)
{
    atomic_store(&guest->stop, STOP_NONE);
    for (uint32_t i = 0; i < guest->vcpu_count; i++) {
        struct vcpu *vcpu = &guest->vcpus[i];
        memset(&vcpu->stats, 0, sizeof(vcpu->stats));
        lapic_power_on(&vcpu->lapic);
        atomic_store(&vcpu->mail, 0);
        atomic_store(&vcpu->state, VCPU_WAITING);
    }
}

/* Short: each is on its way out of the guest, whatever that does. */
void processors_wait_parked(struct guest *guest)
{
    for (uint32_t i = 1; i < guest->vcpu_count; i++)
        while (atomic_load(&guest->vcpus[i].state) != VCPU_PARKED) {
            vcpu_attend_outside(cpu_this());
            cpu_pause();
        }
}

bool guest_stop(struct vcpu *vcpu, enum stop_reason reason)
{
    struct guest *guest = vcpu->guest;
    uint32_t none = STOP_NONE;
    if (!atomic_compare_exchange_strong(&guest->stop, &none, reason))
        return false;
    for (uint32_t i = 0; i < guest->vcpu_count; i++)
        if (i != vcpu->id)
            vcpu_mail(&guest->vcpus[i], MAIL_STOP);
    return true;
}

static void wait_for_guest(struct vcpu *vcpu)
{
    while (atomic_load(&vcpu->state) == VCPU_PARKED) {
        cpu_wait_for_event();
        vcpu_attend_outside(vcpu->cpu);
    }
}

/* False: the guest stops. NMIs do not reach a vCPU that waits, and INIT changes nothing. */
static bool wait_for_startup(struct vcpu *vcpu, uint8_t *vector)
{
    for (;;) {
        vcpu_attend_outside(vcpu->cpu);
        uint32_t mail = atomic_exchange(&vcpu->mail, 0);
        *vector = (uint8_t)(mail >> MAIL_VECTOR_SHIFT);
        if ((mail & MAIL_STOP) && atomic_load(&vcpu->guest->stop) != STOP_NONE)
            return false;
        if (mail & MAIL_SIPI)
            return true;
        cpu_wait_for_event();
    }
}

/* From SIPI until INIT or the guest's end. SDM Vol. 3A "Typical AP Initialization Sequence". */
static enum stop_reason run_from(struct vcpu *vcpu, uint8_t vector)
{
    struct virt_start start = {.mode = START_REAL, .code_selector = (uint16_t)(vector << 8)};
    vcpu_begin(vcpu, &start);
    enum stop_reason stop = vcpu_run(vcpu);
    atomic_store(&vcpu->state, VCPU_WAITING);
    apic_reset(); /* its timer must not go on */
    return stop;
}

_Noreturn void processor_secondary(struct vcpu *vcpu, bool able)
{
    uint8_t vector;
    for (;;) {
        wait_for_guest(vcpu);
        while (wait_for_startup(vcpu, &vector))
            if (able && run_from(vcpu, vector) != STOP_INIT)
                break;
        atomic_store(&vcpu->state, VCPU_PARKED);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * A guest and its vCPUs. All of it is set up before launch; afterwards a vCPU's fields are written
 * by its own processor, the guest's by that of vCPU 0 while the guest is off, and the devices' by
 * who holds their lock. Others reach them through the rings and the mailboxes.
 */
#ifndef BULKHEAD_KERNEL_VM_GUEST_H
#define BULKHEAD_KERNEL_VM_GUEST_H

#include <stdatomic.h>

#include "arch/virt.h"
#include "arch/x86/model/cpuid_policy.h"
#include "boot/handoff.h"
#include "kernel/lib/ring.h"
#include "kernel/lock.h"
#include "kernel/plan/plan.h"
#include "kernel/vdev/vplatform.h"
#include "kernel/vm/lapic.h"
#include "kernel/vm/lines.h"
#include "kernel/vm/mail.h"
#include "kernel/vm/passthrough.h"
#include "kernel/vm/stats.h"

#define GUEST_INPUT_BYTES  4096  /* what somebody pastes may come at once */
#define GUEST_OUTPUT_BYTES 32768 /* a whole noisy boot: the serial port takes seconds for it */

enum vcpu_state { VCPU_PARKED, VCPU_WAITING, VCPU_STARTED }; /* processors.h has the picture */

/* A page of the guest's code, and where it lies. A kernel writes MSRs in few places. */
#define CODE_PAGES 8

struct code_page {
    gva_t page; /* UINT64_MAX: none */
    uint64_t cr3;
    hpa_t at;
};

struct vcpu {
    struct virt_vcpu virt;
    struct guest *guest;
    uint32_t id; /* within the guest, also its virtual APIC id */
    struct cpu *cpu;
    _Atomic uint32_t mail;     /* enum mail, set by any processor, together with an NMI */
    _Atomic uint32_t state;    /* enum vcpu_state */
    bool nmi_pending;          /* an NMI for the guest, waiting for its window */
    _Atomic bool intr_pending; /* the guest's 8259s have an interrupt; only vCPU 0 takes those */
    bool intr_window;          /* it waits for its window */
    struct vlapic lapic;
    uint64_t mtrr_def_type;
    uint64_t kvm_system_time; /* what the guest wrote to MSR_KVM_SYSTEM_TIME */
    uint64_t kvm_wall_clock;
    struct code_page code_pages[CODE_PAGES]; /* decode.c */
    struct cpuid_table cpuid;
    struct stats stats;
};

enum guest_state { GUEST_OFF, GUEST_RUNNING, GUEST_WAITING };

struct guest {
    char name[CONFIG_MAX_NAME + 1];
    uint32_t index; /* in the config and the plan */
    const struct config_guest *config;
    const struct plan_range *ranges; /* its memory, sorted by GPA */
    uint32_t range_count;
    struct handoff_guest files; /* pristine, in memory that nobody else may touch */
    hpa_t tables;               /* root of its EPT or NPT */
    uint32_t vcpu_count;
    struct vcpu *vcpus;

    _Atomic uint32_t state;  /* enum guest_state */
    _Atomic uint32_t stop;   /* enum stop_reason: why all vCPUs are to leave the guest */
    uint32_t starts;         /* how often it was started */
    uint32_t crashes_in_row; /* quick ones, for the back-off */
    uint64_t started_tsc;

    struct passthrough_set passthrough;
    struct lines lines;

    struct lock devices; /* over the virtual devices, the input's end and the output's beginning */
    struct vplatform platform;
    struct ring input;        /* console to virtual UART */
    struct ring output;       /* virtual UART to console */
    _Atomic bool output_full; /* the virtual UART waits for room */
    uint8_t input_bytes[GUEST_INPUT_BYTES];
    uint8_t output_bytes[GUEST_OUTPUT_BYTES];
};

/* All guests, in the config's order; NULL for an index that is none. */
struct guest *guest_at(uint32_t index);
uint32_t guest_count(void);

/* Bytes of host memory for each guest and each vCPU. */
void guest_needs(struct plan_needs *needs);

struct guest_sources {
    const struct config *config;
    const struct plan *plan;
    const struct handoff_guest *files; /* one for each guest of the config */
    bool page_1g;
};

/* Make all guests out of the plan: memory tables, vCPUs, devices. Once, before memory_seal().
 * False: diagnosis. */
bool guests_create(const struct guest_sources *sources, struct diag *diag);

/* Send a letter: mail_add() and, when that changed something, kick the vCPU's processor. */
void vcpu_mail(struct vcpu *vcpu, uint32_t letter);

/* Look after what an NMI meant, if there was one, while no guest runs on this processor. */
void vcpu_attend_outside(struct cpu *cpu);

/* Run the vCPU until it, or its guest, stops. On its own processor, after vcpu_begin(). */
enum stop_reason vcpu_run(struct vcpu *vcpu);

#endif

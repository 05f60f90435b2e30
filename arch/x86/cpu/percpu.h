/* SPDX-License-Identifier: MIT */
/*
 * What each processor has for itself. GS base points at its struct cpu from the moment that
 * processor has its descriptor tables, in root mode always (the VMCS host state reloads it).
 */
#ifndef BULKHEAD_ARCH_X86_CPU_PERCPU_H
#define BULKHEAD_ARCH_X86_CPU_PERCPU_H

#include "kernel/lib/types.h"

struct vcpu;
struct cpu_tables;

/*
 * The few instructions between the last look at `attention` and VM entry. An NMI in between would
 * be forgotten until the next exit, so its handler moves the interrupted RIP to `abort`, which
 * gives up the entry with the guest's registers still in memory.
 */
struct cpu_entry_window {
    uint64_t start; /* first instruction inside */
    uint64_t end;   /* first instruction behind */
    uint64_t abort;
};

struct cpu {
    struct cpu *self;               /* offset 0: what %gs:0 reads */
    uint64_t attention;             /* offset 8: set by the NMI handler, cleared by who looks */
    uint32_t index;                 /* into hardware->cpus */
    uint32_t apic_id;               /* x2APIC id */
    struct vcpu *vcpu;              /* the vCPU this processor runs, NULL for a spare one */
    uint64_t stack_top;             /* top of the main stack */
    uint64_t nmis;                  /* NMIs taken in root mode */
    struct cpu_entry_window window; /* all zero until the backend sets it */
    struct cpu_tables *tables;      /* GDT and TSS */
    uint64_t draining;              /* not 0: apic_reset() throws interrupts away */
    uint64_t stack_size;            /* bytes of the main stack */
    uint64_t online;                /* it has answered; atomic */
    void *virt_page;                /* 4 KiB for the backend: VMXON region or host save area */
    uint64_t virt_host;             /* SVM: HPA of the VMCB with the hypervisor's own side */
    bool virt_enabled;              /* in root or host mode */
};

/* Assembly code knows these offsets from percpu.inc. */
_Static_assert(offsetof(struct cpu, self) == 0, "percpu.inc");
_Static_assert(offsetof(struct cpu, attention) == 8, "percpu.inc");
_Static_assert(offsetof(struct cpu, stack_top) == 32, "percpu.inc");
_Static_assert(offsetof(struct cpu, nmis) == 40, "percpu.inc");
_Static_assert(offsetof(struct cpu, window) == 48, "percpu.inc");
_Static_assert(offsetof(struct cpu, draining) == 80, "percpu.inc");

/* The struct cpu of the processor that runs this. */
static inline struct cpu *cpu_this(void)
{
    struct cpu *cpu;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

#endif

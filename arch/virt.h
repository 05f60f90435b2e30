/* SPDX-License-Identifier: MIT */
/*
 * The border between common code (kernel/vm) and a virtualization backend (VMX, SVM).
 *
 * A backend enters a guest and decodes why it came back into a neutral struct vm_exit. Common code
 * acts on that and answers with a verdict; one epilogue (kernel/vm/vcpu.c) applies the verdict
 * through virt_ops. Everything in struct vm_exit and in a guest's registers is chosen by the guest.
 */
#ifndef BULKHEAD_ARCH_VIRT_H
#define BULKHEAD_ARCH_VIRT_H

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

/* General registers in the order of the instruction encoding. */
enum gpr {
    GPR_RAX,
    GPR_RCX,
    GPR_RDX,
    GPR_RBX,
    GPR_RSP, /* lives in the VMCS/VMCB: use virt_ops.get and .set with VREG_RSP */
    GPR_RBP,
    GPR_RSI,
    GPR_RDI,
    GPR_R8,
    GPR_R9,
    GPR_R10,
    GPR_R11,
    GPR_R12,
    GPR_R13,
    GPR_R14,
    GPR_R15,
    GPR_COUNT
};

/* Guest state that the hardware keeps, as virt_ops.get and .set name it. */
enum vcpu_reg {
    VREG_RIP,
    VREG_RSP,
    VREG_RFLAGS,
    VREG_CR0,        /* the value the processor uses */
    VREG_CR0_SHADOW, /* what the guest reads in the bits that the hypervisor owns */
    VREG_CR3,
    VREG_CR4,
    VREG_CR4_SHADOW,
    VREG_EFER,
    VREG_CS, /* selector */
    VREG_CS_BASE,
    VREG_CS_ATTR, /* access rights, SDM Vol. 3C "Guest Register State" */
    VREG_SS_ATTR,
    VREG_DS_BASE,
    VREG_ES_BASE,
    VREG_SS_BASE,
    VREG_FS_BASE,
    VREG_GS_BASE,
    VREG_PDPTE0, /* and the three behind it: the processor's copies, PAE paging only */
    VREG_PDPTE1,
    VREG_PDPTE2,
    VREG_PDPTE3,
    VREG_DEBUGCTL,
    VREG_DR6,
    VREG_DR7,
    VREG_CR2,
    VREG_PAT,
    VREG_EXIT_QUALIFICATION, /* of the last exit, as the hardware gave it; read only */
    VREG_COUNT
};

#define SEG_ATTR_DPL_SHIFT 5
#define SEG_ATTR_LONG      (1u << 13)
#define SEG_ATTR_BIG       (1u << 14)

enum exit_kind {
    EXIT_UNEXPECTED, /* the backend knows no such exit; 0, so that a hole in a table says so */
    EXIT_RESUME,     /* the backend has done all that there is to do */
    EXIT_ATTENTION,  /* NMI, or an entry given up because one came: look at the mailbox */
    EXIT_CPUID,
    EXIT_MSR_READ,
    EXIT_MSR_WRITE,
    EXIT_IO,
    EXIT_MEMORY, /* access to guest-physical memory that is not mapped */
    EXIT_CR,
    EXIT_XSETBV,
    EXIT_EXCEPTION,
    EXIT_HYPERCALL,
    EXIT_VIRT_INSN, /* an instruction of the hidden virtualization extension: #UD */
    EXIT_CACHE,     /* INVD or WBINVD */
    EXIT_RDPMC,     /* no performance counters are shown: #GP */
    EXIT_TASK_SWITCH,
    EXIT_WINDOW, /* the requested NMI or interrupt window is open */
    EXIT_INIT,
    EXIT_SIPI,
    EXIT_TRIPLE_FAULT,
    EXIT_ENTRY_FAILED, /* the processor refused the guest's state */
    EXIT_KINDS
};

enum cr_access { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW, CR_SMSW };

struct vm_exit {
    enum exit_kind kind;
    uint8_t length;  /* of the instruction, where the exit is due to one */
    bool undecoded;  /* ... and the hardware did not tell: common code reads it, length, operands */
    uint64_t reason; /* as the hardware gave it, for the crash record */
    gva_t at;        /* undecoded: where the instruction lies, ... */
    uint64_t cr3;    /* ... by which tables */
    union {
        struct {
            uint16_t port;
            uint8_t size; /* 1, 2, 4 */
            bool in;
            bool string;
            bool rep;
        } io;
        struct {
            gpa_t at;
            bool write;
            bool fetch;
            bool event; /* while delivering an event to the guest: not to be emulated */
            bool table; /* an access to the guest's own page tables: likewise */
        } memory;
        struct {
            uint8_t number; /* 0 or 4 */
            enum cr_access access;
            uint8_t gpr;    /* MOV_FROM, SMSW: which register receives it */
            uint8_t size;   /* SMSW: bytes of that register */
            uint64_t value; /* MOV_TO: the new value; LMSW: the low 16 bits */
        } cr;
        struct {
            uint8_t vector;
            bool has_error;
            uint32_t error;
            uint64_t causes; /* #DB: the bits for DR6 */
            bool behind;     /* its handler is to return behind the instruction, else to RIP */
        } exception;
    };
};

/* What is to become of the vCPU after its exit was handled. */
enum verdict_kind {
    VERDICT_RESUME, /* go on at the same instruction */
    VERDICT_SKIP,   /* go on behind it */
    VERDICT_FAULT,  /* deliver the exception */
    VERDICT_STOP,   /* leave the guest, reason in `stop` */
};

/* Why a vCPU stopped running; kernel/vm/lifecycle.c decides what follows. */
enum stop_reason {
    STOP_NONE,
    STOP_POWEROFF,
    STOP_REBOOT,
    STOP_TRIPLE_FAULT,
    STOP_BAD_STATE, /* VM entry refused */
    STOP_FORBIDDEN, /* did what cannot be emulated */
    STOP_MACHINE_CHECK,
    STOP_DEVICE, /* the IOMMU blocked too much of what its devices tried */
    STOP_INIT,   /* not the guest's end: INIT, this vCPU waits for a SIPI again */
};

struct verdict {
    enum verdict_kind kind : 8;
    enum stop_reason stop : 8;
    uint8_t vector;
    bool has_error;
    uint32_t error;
};

static inline struct verdict verdict_resume(void)
{
    return (struct verdict){.kind = VERDICT_RESUME};
}

static inline struct verdict verdict_skip(void)
{
    return (struct verdict){.kind = VERDICT_SKIP};
}

/* Vectors that push no error code (#UD): verdict_fault_plain(). */
static inline struct verdict verdict_fault(uint8_t vector, uint32_t error)
{
    return (struct verdict){
        .kind = VERDICT_FAULT, .vector = vector, .has_error = true, .error = error};
}

static inline struct verdict verdict_fault_plain(uint8_t vector)
{
    return (struct verdict){.kind = VERDICT_FAULT, .vector = vector};
}

static inline struct verdict verdict_stop(enum stop_reason reason)
{
    return (struct verdict){.kind = VERDICT_STOP, .stop = reason};
}

/* The part of a vCPU that a backend sees and keeps. */
struct virt_vcpu {
    uint64_t gpr[GPR_COUNT]; /* offset 0: the entry code relies on it */
    uint64_t host_rsp;       /* last value given to the hardware */
    uint64_t launched;       /* VMX: VMRESUME instead of VMLAUNCH */
    hpa_t control;           /* the VMCS or VMCB page */
    void *control_page;      /* the same, in the hypervisor's address space */
    hpa_t tables;            /* root of the guest's EPT or NPT */
    uint64_t cr0_owned;      /* bits of CR0 and CR4 whose change exits */
    uint64_t cr4_owned;
    uint64_t cr0_shadow; /* SVM: what the guest wrote */
    uint64_t cr4_shadow;
    uint64_t clean;  /* SVM: what of the VMCB has not changed since the last exit */
    uint16_t tag;    /* VPID, not 0 */
    bool nmi_masked; /* SVM: the guest is in its NMI handler, as far as we know */
    bool nmi_wanted;
    bool eoi_exits; /* SVM: so shall it be, though the machine has an x2APIC; from vcpu_reset on */
    bool nmi_stepping;
    bool entered; /* false: the last enter was given up before the guest ran */
};

/* The state in which a vCPU begins: interrupts off, flat segments but for START_REAL. */
enum start_mode {
    START_REAL,      /* 16-bit, CS base 16 times its selector: after SIPI, and for flat images */
    START_PROTECTED, /* 32-bit, paging off: PVH, multiboot */
    START_LONG,      /* 64-bit, with the page tables: Linux */
};

struct virt_start {
    enum start_mode mode;
    uint64_t rip; /* offset in CS */
    uint64_t rsp, rax, rbx, rsi;
    gpa_t page_tables, gdt;
    uint32_t gdt_limit;
    uint16_t code_selector, data_selector;
    uint64_t cr0, cr0_shadow, cr4, cr4_shadow; /* filled in by kernel/vm */
};

/* An exception, an NMI, or an interrupt of a guest's 8259: the local APIC is the hardware's. */
enum event_kind { EVENT_EXCEPTION, EVENT_NMI, EVENT_INTERRUPT };

struct virt_event {
    enum event_kind kind;
    uint8_t vector;
    bool has_error;
    uint32_t error;
};

struct cpu;
struct cpuid_guest; /* arch/x86/model/cpuid_policy.h */
struct cpuid_table;
struct cr_policy; /* arch/x86/model/cr_policy.h */
struct pagetable_format;

struct virt_ops {
    const char *name;                      /* "VT-x" */
    const struct pagetable_format *tables; /* of guests' memory: EPT or NPT ... */
    uint32_t tables_flags;                 /* ... and what each mapping needs */
    uint32_t cpu_bytes;                    /* of struct cpu.virt_page */

    /* Can this processor do what we need? Asked once on the bootstrap processor. */
    bool (*probe)(struct diag *diag);

    /* Enter root or host mode on the calling processor, for good. False: diagnosis. */
    bool (*cpu_enable)(struct cpu *cpu, struct diag *diag);

    /* Leave it again, so that the machine can be reset or powered off. Harmless when not enabled.
     */
    void (*cpu_disable)(struct cpu *cpu);

    /* What this backend can offer a guest beyond the policy's choice: fills in the flags. */
    void (*offer)(struct cpuid_guest *guest);

    /* The rights that every guest has, from its CPUID: which MSRs exit, which CR bits are owned. */
    void (*rights)(const struct cpuid_table *cpuid, struct cr_policy *policy);

    /* Allocate the control page; before memory_seal(). tables, tag and *_owned are filled in. */
    void (*vcpu_create)(struct virt_vcpu *vcpu);

    /* Everything as at power-on, then `start`. On the processor that runs the vCPU. */
    void (*vcpu_reset)(struct virt_vcpu *vcpu, const struct virt_start *start);

    /* Run the guest until it exits; fills in `exit`. On the processor that reset it. */
    void (*enter)(struct virt_vcpu *vcpu, struct vm_exit *exit);

    uint64_t (*get)(struct virt_vcpu *vcpu, enum vcpu_reg reg);
    void (*set)(struct virt_vcpu *vcpu, enum vcpu_reg reg, uint64_t value);

    /* Move past the instruction of `exit`: RIP, interrupt shadow, single step. */
    void (*skip_insn)(struct virt_vcpu *vcpu, const struct vm_exit *exit);

    /* Deliver at the next entry. An exception while another was being delivered becomes #DF. */
    void (*inject)(struct virt_vcpu *vcpu, const struct virt_event *event);

    /* Exit with EXIT_WINDOW as soon as the guest can take an NMI, or an interrupt. */
    void (*window)(struct virt_vcpu *vcpu, enum event_kind kind, bool on);
    /* Can the guest take it now? False, too, when another event is to be delivered first. */
    bool (*ready)(struct virt_vcpu *vcpu, enum event_kind kind);

    /* Forget cached translations of this guest on the calling processor. */
    void (*flush)(struct virt_vcpu *vcpu);

    /* One sentence on why the last entry was refused (EXIT_ENTRY_FAILED). */
    void (*entry_failure)(struct virt_vcpu *vcpu, char *text, uint32_t size);
};

extern const struct virt_ops vmx_ops, svm_ops;

#endif

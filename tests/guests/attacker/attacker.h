/* SPDX-License-Identifier: MIT */
/*
 * What the attacks share: a result line each, instructions that may fault, memory, the local APIC.
 * One processor, interrupts off except where a function says otherwise.
 */
#ifndef BULKHEAD_TESTS_GUESTS_ATTACKER_ATTACKER_H
#define BULKHEAD_TESTS_GUESTS_ATTACKER_ATTACKER_H

#include "kernel/lib/types.h"

/* ---- results (report.c) ---- */

struct report {
    const char *name;
    uint32_t checks;
    uint32_t failures;
    char detail[160];
};

/* One check. When it is not good, the text becomes a line `attack NAME: note ...` (the first few)
 * and the attack has FAILED. */
void expect(struct report *report, bool good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What stands behind "ok" on the result line. */
void say(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line on the console, as it is. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

typedef void attack_fn(struct report *report);
attack_fn attack_scrub, attack_residue, attack_cpuid, attack_msr_sweep, attack_msr_write,
    attack_ports, attack_string_io, attack_memory, attack_vmx_insns, attack_cr, attack_debug,
    attack_tables, attack_soft_int, attack_steps, attack_ipi, attack_xapic, attack_timer,
    attack_floods, attack_spin, attack_ioapic, attack_uart, attack_xcr0, attack_modes,
    attack_counters, attack_legacy, attack_smp, attack_device_paced, attack_device_dma,
    attack_device_messages, attack_device_high, attack_device_msi, attack_device_msix,
    attack_device_config, attack_device_late, attack_device_rings, attack_device_bars,
    attack_device_command, attack_device_storm;

/* ---- what may fault (traps.c) ---- */

struct trap {
    bool taken;
    uint32_t vector;
    uint32_t error;
    uint64_t rip;
    uint64_t cr2;
};

typedef void action_fn(void *argument);

/* Run an action; false when an exception ended it, which is then in *trap. */
bool probe(action_fn *action, void *argument, struct trap *trap);

bool probe_rdmsr(uint32_t msr, uint64_t *value, struct trap *trap);
bool probe_wrmsr(uint32_t msr, uint64_t value, struct trap *trap);

/* Did it end in this exception? With an error code of 0 where it has one. */
bool trap_is(const struct trap *trap, uint32_t vector);

/* Interrupts taken since the start, by vector (a Linux guest would see them); NMIs under 2. */
extern volatile uint32_t interrupts[256];
uint32_t interrupts_sum(void);

/* Vector below 32 that is to be taken as an interrupt, 0: none. */
extern volatile uint8_t low_interrupt;

/* Called behind each EOI, NULL: nothing. */
extern void (*interrupt_taken)(uint32_t vector);

/* Count #DB instead of ending a probe; the trap's DR6, bits together. */
extern volatile bool stepping;
extern volatile uint32_t steps;
extern volatile uint64_t steps_dr6;

void traps_init(void);
void traps_restore(void);      /* IDT and TR as they were */
void traps_soft_install(void); /* an IDT for INT n, until traps_restore() */
uint64_t traps_soft_count(void);
uint64_t traps_fault_stack(void); /* top of the stack on which exceptions arrive */
extern uint64_t gdt[];

struct idt_gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "SDM Vol. 3A, 64-Bit IDT Gate Descriptors");

/* An interrupt gate to that address, on the stack in use. */
struct idt_gate idt_gate(uint64_t offset);

/* ---- memory (memory.c) ---- */

struct ram_range {
    uint64_t start, end;
};

void memory_init(const uint8_t *boot_params);
uint32_t ram_range(uint32_t index, struct ram_range *range); /* 0: no more */
uint64_t ram_end_low(void);                                  /* where RAM below 4 GiB ends */
uint64_t ram_end(void);

/* The 2 MiB around a GPA, mapped at a fixed place until the next call; points to the GPA. */
void *window(uint64_t gpa);

#define WINDOW_SMALL_PAGES 8
#define PAGE_P             UINT64_C(1)
#define PAGE_RW            UINT64_C(2)
#define PAGE_PS            UINT64_C(0x80)
/* 4 KiB pages beside each other; flags 0: nothing is mapped there. Points to page `index`. */
void *window_small(uint32_t index, uint64_t gpa, uint64_t flags);

extern uint8_t image_start[], image_end[];

/* ---- local APIC and time (apic.c) ---- */

#define VECTOR_TIMER    0x40
#define VECTOR_SPURIOUS 0xff

bool apic_to_x2(void); /* into x2APIC mode; false: there is none */
bool apic_init(void);  /* and enabled; false: then the rest must not be used */
uint64_t tsc_per_ms(void);

/* HLT until then and a little longer, by a periodic timer that stays on. Behind apic_init(). */
void sleep_until(uint64_t tsc);

/* Let interrupts in until `interrupts[vector]` is `count`, at most `ms` milliseconds. */
bool wait_interrupts(uint32_t vector, uint32_t count, uint32_t ms);

/* ---- the I/O APIC (ioapic.c) ---- */

uint32_t ioapic_read(uint32_t index);
void ioapic_pin(uint32_t pin, uint64_t entry); /* RTE_* of arch/x86/regs/ioapic.h */

/* ---- options of the command line (main.c) ---- */

struct options {
    uint64_t plant; /* pattern to leave behind everywhere; 0: none */
    uint64_t spin_ms;
    uint64_t resets;      /* of the second processor, in `processors` */
    bool only_remappable; /* `device_messages`: in VT-d's remappable format */
    const uint8_t *boot_params;
};
extern struct options options;

/* ---- out of 64-bit mode and back (modes.asm) ---- */

/*
 * Run code in 32-bit protected mode without paging, IDT unusable; returns its EAX. With `flip_cd`
 * CR0.CD changes together with CR0.PG, so that the hypervisor sees the change of modes. The IDT has
 * to be restored afterwards.
 */
uint32_t protected_run(uint32_t code, bool flip_cd);

/* Such code: addresses below 4 GiB. The first two return a bit for each thing that went wrong. */
extern uint8_t mode32_devices[], mode32_real[], mode32_ac_storm[], mode32_task_switch[],
    mode32_bad_entry[];

/* ---- how it ends (crash.c) ---- */

/* Leave the pattern in all memory and registers that do not matter any more. */
void plant(uint64_t pattern);
void triple_fault(void);
/* Do what `then=` or `crash=` names; false: no such name. Most do not return. */
bool then_do(const char *name, size_t length);
bool crash_do(const char *name, size_t length);

/* Numbers that look random and are the same in each run. */
uint64_t random_next(uint64_t *state);

#endif

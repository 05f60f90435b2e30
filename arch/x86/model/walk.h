/* SPDX-License-Identifier: MIT */
/*
 * A guest's own page tables, walked in software: GVA to GPA. SDM Vol. 3A "Paging". Input is
 * untrusted; at most five table reads.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_WALK_H
#define BULKHEAD_ARCH_X86_MODEL_WALK_H

#include "kernel/lib/types.h"

/* The guest's registers that paging depends on, as the guest sees them. */
struct walk_cpu {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t rflags;    /* AC, for SMAP */
    uint32_t cpl;       /* 0..3 */
    uint32_t pkru;      /* of user pages, when CR4.PKE; 0 allows everything */
    uint32_t phys_bits; /* guest's MAXPHYADDR, 32..52 */
};

enum walk_access {
    WALK_READ = 0,
    WALK_WRITE = 1 << 0,
    WALK_FETCH = 1 << 1,    /* not together with WRITE */
    WALK_IMPLICIT = 1 << 2, /* the processor's own access (GDT, IDT, TSS): supervisor at any CPL */
};

struct walk_memory {
    /*
     * Read a table entry of `size` bytes (4 or 8) at `at`, naturally aligned. False: not the
     * guest's RAM.
     */
    bool (*read)(void *context, gpa_t at, unsigned size, uint64_t *value);
    void *context;
    /*
     * Set accessed and dirty bits: replace the entry at `at`, if it still is `old`, in one step.
     * False: it is not. NULL: leave them alone.
     */
    bool (*mark)(void *context, gpa_t at, unsigned size, uint64_t old, uint64_t value);
};

enum walk_status {
    WALK_OK,
    WALK_PAGE_FAULT,    /* inject #PF with error_code, CR2 = address */
    WALK_NON_CANONICAL, /* inject #GP(0), or #SS(0) for stack accesses */
    WALK_NO_TABLE,      /* a table lies outside the guest's RAM: at .gpa */
    WALK_CHANGED,       /* mark() said no: walk again, or let the guest do so */
};

struct walk_result {
    gpa_t gpa;
    uint64_t page_size;  /* bytes of the mapping; 4 KiB when paging is off */
    uint32_t error_code; /* PF_* of arch/x86/regs/exception.h */
    bool writable;       /* by table bits alone: all levels have R/W */
    bool user;           /* all levels have U/S */
};

/*
 * Translate one byte's linear address (`at` is cut to 32 bits outside long mode). PAE: PDPTEs are
 * read from memory, not from the processor's copies.
 */
enum walk_status walk_translate(const struct walk_cpu *cpu, const struct walk_memory *memory,
                                gva_t at, uint32_t access, struct walk_result *out);

#endif

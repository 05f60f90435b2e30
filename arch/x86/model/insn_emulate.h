/* SPDX-License-Identifier: MIT */
/*
 * Carry out one decoded instruction for a guest that touched memory which is not there: reads its
 * operands, computes, writes the results. All memory goes through callbacks, which may be RAM or a
 * device for each operand (MOVS, PUSH) and each page of it.
 *
 * Nothing changes before all addresses are known to be good. Then nothing can fail any more, so a
 * guest never sees half an instruction. A string instruction runs one element.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_INSN_EMULATE_H
#define BULKHEAD_ARCH_X86_MODEL_INSN_EMULATE_H

#include "arch/x86/model/insn.h"
#include "kernel/lib/types.h"

struct insn_access {
    gva_t at;
    bool write; /* read-modify-write is a write */
    bool stack; /* a bad address is #SS instead of #GP */
};

/* What the instruction works on beside registers. `context` is the caller's. */
struct insn_ops {
    uint64_t (*base)(void *context, enum insn_segment segment);

    /* Where one byte's linear address leads. False: the access faults; the caller notes how. */
    bool (*translate)(void *context, const struct insn_access *access, gpa_t *to);

    /*
     * 1..8 bytes within a page, at a place that translate() gave. What is read has zeros above
     * `size` bytes, what is written need not.
     */
    uint64_t (*read)(void *context, gpa_t at, unsigned size);
    void (*write)(void *context, gpa_t at, unsigned size, uint64_t value);

    /* INS and OUTS: 1, 2 or 4 bytes. */
    uint32_t (*in)(void *context, uint16_t port, unsigned size);
    void (*out)(void *context, uint16_t port, unsigned size, uint32_t value);
};

struct insn_cpu {
    const struct insn_ops *ops;
    void *context;
    uint64_t *gpr;       /* the 16 general registers, in and out */
    uint64_t next_rip;   /* behind the instruction */
    uint64_t stack_mask; /* of rSP: 16, 32 or 64 bits */
    uint64_t rflags;     /* in and out */
};

enum insn_outcome {
    INSN_DONE,    /* go on behind it */
    INSN_AGAIN,   /* a repeated string instruction has more elements: go on at it */
    INSN_FAULTED, /* translate() said no; nothing has changed */
    INSN_REFUSED, /* INSN_OTHER: vectors, x87 and all else */
};

enum insn_outcome insn_emulate(struct insn_cpu *cpu, const struct insn *insn);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Instructions on control registers, read where the processor does not describe them. SDM Vol. 2
 * "MOV - Move to/from Control Registers", "CLTS", "LMSW", "SMSW".
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_INSN_CR_H
#define BULKHEAD_ARCH_X86_MODEL_INSN_CR_H

#include "arch/x86/model/insn.h"

enum insn_cr_op { INSN_CR_WRITE, INSN_CR_READ, INSN_CR_CLTS, INSN_CR_LMSW, INSN_CR_SMSW };

struct insn_cr {
    uint8_t op;     /* enum insn_cr_op */
    uint8_t number; /* of the control register */
    uint8_t gpr;    /* the other operand; LMSW, SMSW: INSN_NO_REG when it is in memory */
    uint8_t size;   /* bytes that SMSW writes to a register */
};

/* False: it is another instruction, or does not end within `size`. Untrusted input. */
bool insn_cr_decode(enum insn_mode mode, const uint8_t *bytes, size_t size, struct insn_cr *out);

#endif

/* SPDX-License-Identifier: MIT */
/* The opcode map of insn.c: shapes (for the length) and forms (for the meaning). */
#ifndef BULKHEAD_ARCH_X86_MODEL_INSN_TABLE_H
#define BULKHEAD_ARCH_X86_MODEL_INSN_TABLE_H

#include "arch/x86/model/insn.h"

enum insn_map {
    INSN_MAP_1,
    INSN_MAP_0F,
    INSN_MAP_0F38,
    INSN_MAP_0F3A,
    INSN_MAP_VEX_0F,
    INSN_MAP_VEX_0F38,
    INSN_MAP_VEX_0F3A,
    INSN_MAP_VEX_4, /* no such map */
    INSN_MAP_VEX_5, /* EVEX only */
    INSN_MAP_VEX_LAST,
};

enum insn_immediate {
    INSN_IMM_NONE,
    INSN_IMM_8,
    INSN_IMM_16,
    INSN_IMM_16_8,
    INSN_IMM_Z,       /* 2 or 4 bytes by operand size */
    INSN_IMM_V,       /* 2, 4 or 8 */
    INSN_IMM_NEAR,    /* relative: as Z, but 4 in 64-bit mode */
    INSN_IMM_FAR,     /* selector and offset */
    INSN_IMM_ADDRESS, /* an address, by address size */
    INSN_IMM_GROUP3,  /* F6, F7: only with TEST */
};

#define INSN_SHAPE_IMMEDIATE 0x0fu /* enum insn_immediate */
#define INSN_SHAPE_MODRM     0x10u
#define INSN_SHAPE_NOT_64    0x20u
#define INSN_SHAPE_UNDEFINED 0x40u

uint8_t insn_shape(unsigned map, uint8_t opcode);

#define INSN_FORM_MEMORY_FIRST 0x01u
#define INSN_FORM_IMMEDIATE    0x02u
#define INSN_FORM_STRING       0x04u
#define INSN_FORM_FIXED        0x08u /* the register is not ModRM.reg: rAX; for shifts 1 or CL */
#define INSN_FORM_WHOLE        0x10u /* no byte form at the even opcode */
#define INSN_FORM_GROUP        0x20u /* ModRM.reg is part of the opcode, not a register */
#define INSN_FORM_PLAIN        0x40u /* with F2 or F3 it is another instruction */
#define INSN_FORM_STACK        0x80u /* 64-bit mode: 8 bytes without asking */

struct insn_form {
    uint8_t op; /* enum insn_op */
    uint8_t flags;
};

/* `reg` is the field of ModRM. False: nothing that we would emulate. */
bool insn_form_find(unsigned map, uint8_t opcode, unsigned reg, struct insn_form *out);

#endif

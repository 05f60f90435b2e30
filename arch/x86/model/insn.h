/* SPDX-License-Identifier: MIT */
/*
 * Decoder for the instructions with which guests touch device memory, and for the length of all
 * others (integer, x87, SSE, VEX, EVEX). SDM Vol. 2A "Instruction Format", Vol. 2D "Opcode Map".
 * Input is untrusted; never reads beyond `size`; no loop longer than 15 bytes.
 */
#ifndef BULKHEAD_ARCH_X86_MODEL_INSN_H
#define BULKHEAD_ARCH_X86_MODEL_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_MAX_LENGTH 15u

enum insn_mode { INSN_16, INSN_32, INSN_64 };

enum insn_op {
    INSN_OTHER, /* length only; whether it names memory is in has_memory */
    INSN_LOAD,  /* reg <- memory */
    INSN_LOAD_ZERO_EXTEND,
    INSN_LOAD_SIGN_EXTEND,
    INSN_LOAD_IF, /* CMOVcc: by `condition` */
    INSN_STORE,   /* memory <- reg or immediate */
    INSN_SET,     /* SETcc: memory <- 1 or 0, by `condition` */
    INSN_XCHG,    /* memory <-> reg */
    INSN_XADD,
    INSN_CMPXCHG,
    INSN_IMUL, /* reg <- memory times reg or immediate */
    INSN_ADD,  /* this to INSN_TEST: memory with reg or immediate */
    INSN_OR,
    INSN_ADC,
    INSN_SBB,
    INSN_AND,
    INSN_SUB,
    INSN_XOR,
    INSN_CMP,  /* flags only */
    INSN_TEST, /* flags only */
    INSN_NOT,  /* this to INSN_DEC: memory alone */
    INSN_NEG,
    INSN_INC,
    INSN_DEC,
    INSN_ROL, /* this to INSN_SAR: memory by reg (CL) or immediate */
    INSN_ROR,
    INSN_RCL,
    INSN_RCR,
    INSN_SHL,
    INSN_SHR,
    INSN_SAL, /* as SHL */
    INSN_SAR,
    INSN_BT, /* this to INSN_BTC: bit `reg` or immediate; a reg reaches beyond the operand */
    INSN_BTS,
    INSN_BTR,
    INSN_BTC,
    INSN_PUSH,  /* stack <- memory */
    INSN_POP,   /* memory <- stack */
    INSN_FLUSH, /* CLFLUSH, CLFLUSHOPT, CLWB: no data moves; memory_size says nothing */
    INSN_MOVS,  /* from here on strings: [ES:rDI] <- [seg:rSI] */
    INSN_CMPS,  /* flags of [seg:rSI] - [ES:rDI] */
    INSN_STOS,  /* [ES:rDI] <- rAX */
    INSN_LODS,  /* rAX <- [seg:rSI] */
    INSN_SCAS,  /* flags of rAX - [ES:rDI] */
    INSN_INS,   /* [ES:rDI] <- port DX */
    INSN_OUTS,  /* port DX <- [seg:rSI] */
    INSN_OP_COUNT
};

enum insn_segment { INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS };

#define INSN_NO_REG 0xffu

struct insn {
    uint8_t mode;         /* enum insn_mode, as it was decoded */
    uint8_t length;       /* 1..15 */
    uint8_t op;           /* enum insn_op */
    uint8_t memory_size;  /* bytes of the access: 1, 2, 4, 8; 0 for INSN_OTHER */
    uint8_t operand_size; /* bytes of the register (LOAD_*_EXTEND: of the destination) */
    uint8_t address_size; /* 2, 4, 8 */
    uint8_t reg;          /* 0..15 (RAX RCX RDX RBX RSP RBP RSI RDI R8 ..) or INSN_NO_REG */
    bool reg_high;        /* bits 15..8 of reg: AH CH DH BH are reg 0..3 */
    bool has_immediate;   /* the source is the immediate; reg is INSN_NO_REG but for IMUL */
    bool memory_first;    /* memory is the left operand and gets the result, if there is one */
    bool swap;            /* MOVBE: LOAD and STORE turn the bytes round */
    bool rep;             /* F3 or F2 on a string instruction */
    bool repne;           /* it was F2: CMPS and SCAS go on while unequal */
    bool lock;
    bool has_memory;      /* a memory operand by ModRM or moffs: the next fields say where */
    uint8_t condition;    /* 0..15, the low bits of the opcode */
    uint8_t segment;      /* enum insn_segment, defaults applied; of rSI (strings without: ES) */
    uint8_t base;         /* register or INSN_NO_REG */
    uint8_t index;        /* register or INSN_NO_REG */
    uint8_t scale;        /* 1, 2, 4, 8 */
    bool rip_relative;    /* add the address of the next instruction */
    int64_t displacement; /* moffs: the whole address */
    uint64_t immediate;   /* sign-extended to 64 bits */
};

/*
 * Decode the instruction at `bytes`. False: undefined or unsupported encoding, longer than 15
 * bytes, or it does not end within `size`. *out is then not to be used.
 */
bool insn_decode(enum insn_mode mode, const uint8_t *bytes, size_t size, struct insn *out);

/*
 * Result and flags of an operation, INSN_IMUL to INSN_BTC, on operands of `size` bytes; bits above
 * them do not matter. `right` is the count of a shift and the number of a bit, which is taken
 * modulo the size; NOT to DEC have none. Returns the result cut to that size. *rflags gets the
 * flags that the operation changes (where the manual calls one undefined, some value), its other
 * bits stay.
 */
uint64_t insn_alu(enum insn_op op, unsigned size, uint64_t left, uint64_t right, uint64_t *rflags);

/* Does condition 0..15 (O NO B NB Z NZ BE NBE S NS P NP L NL LE NLE) hold? */
bool insn_condition(unsigned condition, uint64_t rflags);

#endif

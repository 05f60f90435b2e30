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
    INSN_STORE, /* memory <- reg or immediate */
    INSN_XCHG,  /* memory <-> reg */
    INSN_ADD,   /* this to INSN_TEST: memory with reg or immediate */
    INSN_OR,
    INSN_ADC,
    INSN_SBB,
    INSN_AND,
    INSN_SUB,
    INSN_XOR,
    INSN_CMP,  /* flags only */
    INSN_TEST, /* flags only */
    INSN_STOS, /* [ES:rDI] <- rAX */
    INSN_LODS, /* rAX <- [seg:rSI] */
    INSN_MOVS, /* [ES:rDI] <- [seg:rSI] */
};

enum insn_segment { INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS };

#define INSN_NO_REG 0xffu

struct insn {
    uint8_t length;       /* 1..15 */
    uint8_t op;           /* enum insn_op */
    uint8_t memory_size;  /* bytes of the access: 1, 2, 4, 8; 0 for INSN_OTHER */
    uint8_t operand_size; /* bytes of the register (LOAD_*_EXTEND: of the destination) */
    uint8_t address_size; /* 2, 4, 8 */
    uint8_t reg;          /* 0..15 (RAX RCX RDX RBX RSP RBP RSI RDI R8 ..) or INSN_NO_REG */
    bool reg_high;        /* bits 15..8 of reg: AH CH DH BH are reg 0..3 */
    bool has_immediate;   /* the source is the immediate; reg is INSN_NO_REG */
    bool to_memory;       /* ALU and XCHG: the result goes to memory; else to reg */
    bool rep;             /* F3 (or F2) on a string instruction */
    bool lock;
    bool has_memory;      /* a memory operand by ModRM or moffs: the next fields say where */
    uint8_t segment;      /* enum insn_segment, defaults applied; stores of string insns are ES */
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
 * Result and flags of an ALU operation (INSN_ADD .. INSN_TEST) on operands of `size` bytes. Returns
 * the result cut to that size; *rflags gets CF PF AF ZF SF OF, its other bits stay.
 */
uint64_t insn_alu(enum insn_op op, unsigned size, uint64_t left, uint64_t right, uint64_t *rflags);

#endif

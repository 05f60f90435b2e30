/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/insn.h"

#include "arch/x86/regs/cr.h"

#define ALU_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static bool even_parity(uint64_t value)
{
    value ^= value >> 4;
    value ^= value >> 2;
    value ^= value >> 1;
    return (value & 1) == 0;
}

/* Carries out of, and the overflow of, left + right + carry, given the result. */
static uint64_t add_flags(uint64_t left, uint64_t right, uint64_t result, uint64_t sign)
{
    uint64_t carries = (left & right) | ((left | right) & ~result);
    uint64_t overflow = (left ^ result) & (right ^ result);
    return ((carries & sign) != 0 ? RFLAGS_CF : 0) | ((carries & 8) != 0 ? RFLAGS_AF : 0) |
           ((overflow & sign) != 0 ? RFLAGS_OF : 0);
}

static uint64_t sub_flags(uint64_t left, uint64_t right, uint64_t result, uint64_t sign)
{
    uint64_t borrows = (~left & right) | ((~left | right) & result);
    uint64_t overflow = (left ^ right) & (left ^ result);
    return ((borrows & sign) != 0 ? RFLAGS_CF : 0) | ((borrows & 8) != 0 ? RFLAGS_AF : 0) |
           ((overflow & sign) != 0 ? RFLAGS_OF : 0);
}

uint64_t insn_alu(enum insn_op op, unsigned size, uint64_t left, uint64_t right, uint64_t *rflags)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    uint64_t mask = sign | (sign - 1);
    uint64_t carry = (*rflags & RFLAGS_CF) != 0 && (op == INSN_ADC || op == INSN_SBB) ? 1 : 0;
    uint64_t result = right;
    uint64_t flags = 0;
    left &= mask;
    right &= mask;
    if (op == INSN_ADD || op == INSN_ADC) {
        result = left + right + carry;
        flags = add_flags(left, right, result, sign);
    } else if (op == INSN_SUB || op == INSN_SBB || op == INSN_CMP) {
        result = left - right - carry;
        flags = sub_flags(left, right, result, sign);
    } else if (op == INSN_AND || op == INSN_TEST) {
        result = left & right;
    } else if (op == INSN_OR) {
        result = left | right;
    } else if (op == INSN_XOR) {
        result = left ^ right;
    }
    result &= mask;
    flags |= (result == 0 ? RFLAGS_ZF : 0) | ((result & sign) != 0 ? RFLAGS_SF : 0) |
             (even_parity(result & 0xff) ? RFLAGS_PF : 0);
    *rflags = (*rflags & ~ALU_FLAGS) | flags;
    return result;
}

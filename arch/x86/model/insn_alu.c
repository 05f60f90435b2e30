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

static uint64_t result_flags(uint64_t result, uint64_t sign)
{
    return (result == 0 ? RFLAGS_ZF : 0) | ((result & sign) != 0 ? RFLAGS_SF : 0) |
           (even_parity(result & 0xff) ? RFLAGS_PF : 0);
}

/* An operation at work: `changes` are the flags that it defines, `flags` their values. */
struct alu {
    unsigned size;
    uint64_t sign; /* the highest bit of the operands */
    uint64_t mask; /* it and all below */
    bool carry;    /* before */
    uint64_t changes, flags;
};

/* left + right + carry. With `minus` the flags say how left - ~right comes out. */
static uint64_t add(struct alu *alu, uint64_t left, uint64_t right, uint64_t carry, bool minus)
{
    uint64_t result = left + right + carry;
    uint64_t carries = (left & right) | ((left | right) & ~result);
    uint64_t overflow = (left ^ result) & (right ^ result);
    if (minus)
        carries = ~carries; /* borrows */
    alu->flags = ((carries & alu->sign) != 0 ? RFLAGS_CF : 0) |
                 ((carries & 8) != 0 ? RFLAGS_AF : 0) |
                 ((overflow & alu->sign) != 0 ? RFLAGS_OF : 0);
    return result;
}

static uint64_t basic(struct alu *alu, enum insn_op op, uint64_t left, uint64_t right)
{
    uint64_t carry = alu->carry && (op == INSN_ADC || op == INSN_SBB) ? 1 : 0;
    if (op == INSN_AND || op == INSN_TEST)
        return left & right;
    if (op == INSN_OR)
        return left | right;
    if (op == INSN_XOR)
        return left ^ right;
    if (op == INSN_INC || op == INSN_DEC) {
        right = 1;
        alu->changes &= ~RFLAGS_CF;
    }
    if (op == INSN_NEG) {
        right = left;
        left = 0;
    }
    bool minus = op != INSN_ADD && op != INSN_ADC && op != INSN_INC;
    return minus ? add(alu, left, ~right, 1 - carry, true) : add(alu, left, right, carry, false);
}

/* Bit by bit: at most 63 rounds, and no case of its own for any size or count. */
static uint64_t shift(struct alu *alu, enum insn_op op, uint64_t value, uint64_t count)
{
    bool left = ((op - INSN_ROL) & 1) == 0;
    bool carry = alu->carry;
    count &= alu->size == 8 ? 63 : 31;
    alu->changes &= op >= INSN_SHL ? ~RFLAGS_AF : RFLAGS_CF | RFLAGS_OF;
    if (count == 0)
        alu->changes = 0;
    for (; count > 0; count--) {
        bool out = (value & (left ? alu->sign : 1)) != 0;
        bool in = op <= INSN_ROR ? out : op <= INSN_RCR && carry;
        if (op == INSN_SAR)
            in = (value & alu->sign) != 0;
        value = left ? (value << 1 | in) & alu->mask : value >> 1 | (in ? alu->sign : 0);
        carry = out;
    }
    /* To the right, the sign changed when it differs from the bit it has become. */
    bool other = left ? carry : (value & alu->sign >> 1) != 0;
    bool overflow = ((value & alu->sign) != 0) != other;
    alu->flags = (carry ? RFLAGS_CF : 0) | (overflow ? RFLAGS_OF : 0);
    return value;
}

static uint64_t bit(struct alu *alu, enum insn_op op, uint64_t value, uint64_t number)
{
    uint64_t one = UINT64_C(1) << (number & (8 * alu->size - 1));
    alu->changes = RFLAGS_CF;
    alu->flags = (value & one) != 0 ? RFLAGS_CF : 0;
    if (op == INSN_BTS)
        return value | one;
    if (op == INSN_BTR)
        return value & ~one;
    return op == INSN_BTC ? value ^ one : value;
}

static uint64_t multiply(struct alu *alu, uint64_t left, uint64_t right)
{
    uint64_t sign = alu->sign;
    int64_t product;
    bool overflow = __builtin_mul_overflow((int64_t)((left ^ sign) - sign),
                                           (int64_t)((right ^ sign) - sign), &product);
    uint64_t extended = (((uint64_t)product & alu->mask) ^ sign) - sign;
    alu->changes = RFLAGS_CF | RFLAGS_OF;
    alu->flags = overflow || extended != (uint64_t)product ? RFLAGS_CF | RFLAGS_OF : 0;
    return (uint64_t)product;
}

uint64_t insn_alu(enum insn_op op, unsigned size, uint64_t left, uint64_t right, uint64_t *rflags)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    uint64_t mask = sign | (sign - 1);
    struct alu alu = {size, sign, mask, (*rflags & RFLAGS_CF) != 0, ALU_FLAGS, 0};
    uint64_t result;
    left &= mask;
    right &= mask;
    if (op == INSN_NOT)
        return ~left & mask;
    if (op == INSN_IMUL)
        result = multiply(&alu, left, right);
    else if (op >= INSN_BT)
        result = bit(&alu, op, left, right);
    else if (op >= INSN_ROL)
        result = shift(&alu, op, left, right);
    else
        result = basic(&alu, op, left, right);
    result &= mask;
    alu.flags |= result_flags(result, sign);
    *rflags = (*rflags & ~alu.changes) | (alu.flags & alu.changes);
    return result;
}

/* SDM Vol. 1 "EFLAGS Condition Codes" */
bool insn_condition(unsigned condition, uint64_t rflags)
{
    static const uint16_t flags[8] = {
        RFLAGS_OF, RFLAGS_CF, RFLAGS_ZF, RFLAGS_CF | RFLAGS_ZF, RFLAGS_SF, RFLAGS_PF, 0, RFLAGS_ZF,
    };
    bool less = ((rflags & RFLAGS_SF) != 0) != ((rflags & RFLAGS_OF) != 0);
    bool holds = (rflags & flags[condition >> 1 & 7]) != 0 || (condition >= 12 && less);
    return holds != ((condition & 1) != 0);
}

/* SPDX-License-Identifier: MIT */
/* Results and flags: against an adder of single bits, and against the processor that runs this. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arch/x86/model/insn.h"
#include "arch/x86/regs/cr.h"
#include "kernel/lib/types.h"

/* An adder, bit by bit. */
static uint64_t ripple(unsigned bits, uint64_t a, uint64_t b, unsigned carry, unsigned carries[64])
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < bits; i++) {
        unsigned x = a >> i & 1, y = b >> i & 1;
        sum |= (uint64_t)(x ^ y ^ carry) << i;
        carry = (x & y) | (carry & (x ^ y));
        carries[i] = carry;
    }
    return sum;
}

static uint64_t reference(enum insn_op op, unsigned bits, uint64_t a, uint64_t b, uint64_t *flags)
{
    unsigned carry = (unsigned)(*flags & RFLAGS_CF);
    unsigned carries[64] = {0};
    bool minus = op == INSN_SUB || op == INSN_SBB || op == INSN_CMP;
    bool with_carry = op == INSN_ADC || op == INSN_SBB;
    uint64_t sum = op == INSN_AND || op == INSN_TEST ? a & b : op == INSN_OR ? a | b : a ^ b;
    uint64_t out = 0;
    if (minus || op == INSN_ADD || op == INSN_ADC) {
        unsigned in = with_carry ? carry : 0;
        sum = ripple(bits, a, minus ? ~b : b, minus ? 1 - in : in, carries);
        out |= (carries[bits - 1] ^ minus) != 0 ? RFLAGS_CF : 0;
        out |= (carries[3] ^ minus) != 0 ? RFLAGS_AF : 0;
        out |= (carries[bits - 1] ^ carries[bits - 2]) != 0 ? RFLAGS_OF : 0;
    }
    sum &= ~UINT64_C(0) >> (64 - bits);
    unsigned ones = 0;
    for (unsigned i = 0; i < 8; i++)
        ones += sum >> i & 1;
    out |= (ones & 1) == 0 ? RFLAGS_PF : 0;
    out |= sum == 0 ? RFLAGS_ZF : 0;
    out |= (sum >> (bits - 1) & 1) != 0 ? RFLAGS_SF : 0;
    *flags = out | RFLAGS_IF | RFLAGS_ONE;
    return sum;
}

static void compare_alu(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t flags)
{
    uint64_t want_flags = flags, got_flags = flags;
    uint64_t want = reference(op, 8 * size, a, b, &want_flags);
    uint64_t got = insn_alu(op, size, a, b, &got_flags);
    if (got != want || got_flags != want_flags)
        fail_msg("op %d, size %u, %#llx, %#llx: %#llx, flags %#llx not %#llx", op, size,
                 (unsigned long long)a, (unsigned long long)b, (unsigned long long)got,
                 (unsigned long long)got_flags, (unsigned long long)want_flags);
}

static void alu_matches_an_adder(void **state)
{
    (void)state;
    static const uint64_t edges[] = {
        0,
        1,
        0xf,
        0x10,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x7fffffffffffffff,
        0x8000000000000000,
        0xffffffffffffffff,
    };
    uint64_t dirty = RFLAGS_IF | RFLAGS_ONE | RFLAGS_OF | RFLAGS_ZF;
    for (unsigned op = INSN_ADD; op <= INSN_TEST; op++) {
        for (unsigned pair = 0; pair < 0x10000; pair++)
            compare_alu((enum insn_op)op, 1, pair >> 8, pair & 0xff, dirty | (pair & 1));
        for (unsigned size = 2; size <= 8; size *= 2)
            for (unsigned i = 0; i < ARRAY_COUNT(edges) * ARRAY_COUNT(edges) * 2; i++)
                compare_alu((enum insn_op)op, size, edges[i / 2 % 16], edges[i / 32],
                            dirty | (i & 1));
    }
}

/* ---- the same instruction on this processor ---- */

#define ALU_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct native {
    uint64_t left, right, flags;
};

/* AX op BX or CL, with flags in and out; the red zone below the stack pointer stays as it is. */
#define RUN(text)                                                                                  \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %1\n\tpopfq\n\t" text                         \
                     "\n\tpushfq\n\tpop %1\n\tlea 128(%%rsp), %%rsp"                               \
                     : "+a"(n->left), "+d"(n->flags)                                               \
                     : "b"(n->right), "c"(n->right)                                                \
                     : "cc", "memory")
#define NATIVE(name, byte, word, dword, qword)                                                     \
    static void native_##name(struct native *n, unsigned size)                                     \
    {                                                                                              \
        if (size == 1)                                                                             \
            RUN(byte);                                                                             \
        else if (size == 2)                                                                        \
            RUN(#name "w " word);                                                                  \
        else if (size == 4)                                                                        \
            RUN(#name "l " dword);                                                                 \
        else                                                                                       \
            RUN(#name "q " qword);                                                                 \
    }
#define NATIVE_ONE(name) NATIVE(name, #name "b %%al", "%%ax", "%%eax", "%%rax")
#define NATIVE_CL(name)                                                                            \
    NATIVE(name, #name "b %%cl, %%al", "%%cl, %%ax", "%%cl, %%eax", "%%cl, %%rax")
#define NATIVE_WORD(name) NATIVE(name, "nop", "%%bx, %%ax", "%%ebx, %%eax", "%%rbx, %%rax")

NATIVE_ONE(not)
NATIVE_ONE(neg)
NATIVE_ONE(inc)
NATIVE_ONE(dec)
NATIVE_CL(rol)
NATIVE_CL(ror)
NATIVE_CL(rcl)
NATIVE_CL(rcr)
NATIVE_CL(shl)
NATIVE_CL(shr)
NATIVE_CL(sar)
NATIVE_WORD(bt)
NATIVE_WORD(bts)
NATIVE_WORD(btr)
NATIVE_WORD(btc)
NATIVE_WORD(imul)

static const struct native_case {
    enum insn_op op;
    void (*run)(struct native *n, unsigned size);
    uint64_t undefined; /* flags of which the manual says nothing */
    unsigned smallest;
} natives[] = {
    {INSN_NOT, native_not, 0, 1},
    {INSN_NEG, native_neg, 0, 1},
    {INSN_INC, native_inc, 0, 1},
    {INSN_DEC, native_dec, 0, 1},
    {INSN_ROL, native_rol, RFLAGS_OF, 1},
    {INSN_ROR, native_ror, RFLAGS_OF, 1},
    {INSN_RCL, native_rcl, RFLAGS_OF, 1},
    {INSN_RCR, native_rcr, RFLAGS_OF, 1},
    {INSN_SHL, native_shl, RFLAGS_OF | RFLAGS_AF, 1},
    {INSN_SHR, native_shr, RFLAGS_OF | RFLAGS_AF, 1},
    {INSN_SAL, native_shl, RFLAGS_OF | RFLAGS_AF, 1},
    {INSN_SAR, native_sar, RFLAGS_OF | RFLAGS_AF, 1},
    {INSN_BT, native_bt, ALU_FLAGS & ~(RFLAGS_CF | RFLAGS_ZF), 2},
    {INSN_BTS, native_bts, ALU_FLAGS & ~(RFLAGS_CF | RFLAGS_ZF), 2},
    {INSN_BTR, native_btr, ALU_FLAGS & ~(RFLAGS_CF | RFLAGS_ZF), 2},
    {INSN_BTC, native_btc, ALU_FLAGS & ~(RFLAGS_CF | RFLAGS_ZF), 2},
    {INSN_IMUL, native_imul, ALU_FLAGS & ~(RFLAGS_CF | RFLAGS_OF), 2},
};

static bool is_shift(enum insn_op op)
{
    return op >= INSN_ROL && op <= INSN_SAR;
}

/* What the manual leaves open, for this count. */
static uint64_t undefined_flags(const struct native_case *c, unsigned size, uint64_t right)
{
    unsigned count = right & (size == 8 ? 63 : 31);
    if (!is_shift(c->op))
        return c->undefined;
    uint64_t undefined = count == 1 ? c->undefined & ~RFLAGS_OF : count == 0 ? 0 : c->undefined;
    return c->op >= INSN_SHL && count >= 8 * size ? undefined | RFLAGS_CF : undefined;
}

static void compare_native(const struct native_case *c, unsigned size, struct native n)
{
    uint64_t left = n.left, right = n.right, flags = n.flags;
    uint64_t mask = ~UINT64_C(0) >> (64 - 8 * size);
    uint64_t got = insn_alu(c->op, size, left, right, &flags);
    uint64_t compared = ALU_FLAGS & ~undefined_flags(c, size, right);
    c->run(&n, size);
    if (got != (n.left & mask) || (flags & compared) != (n.flags & compared))
        fail_msg("op %d, size %u, %#llx, %#llx: %#llx not %#llx, flags %#llx not %#llx", c->op,
                 size, (unsigned long long)left, (unsigned long long)right, (unsigned long long)got,
                 (unsigned long long)(n.left & mask), (unsigned long long)flags,
                 (unsigned long long)n.flags);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void operations_match_this_processor(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (unsigned i = 0; i < ARRAY_COUNT(natives); i++) {
        for (unsigned size = natives[i].smallest; size <= 8; size *= 2) {
            for (unsigned round = 0; round < 3000; round++) {
                struct native n = {next_random(&seed), next_random(&seed), RFLAGS_ONE | RFLAGS_IF};
                unsigned shape = round % 4; /* edges and small numbers come too seldom by chance */
                n.left = shape == 0 ? n.left >> (n.left & 63) : shape == 1 ? -(n.left & 3) : n.left;
                n.right = shape < 2 ? (n.right >> 5) % 70 : n.right;
                n.flags |= next_random(&seed) & ALU_FLAGS;
                compare_native(&natives[i], size, n);
            }
        }
    }
}

static bool condition_by_name(unsigned condition, uint64_t flags)
{
    bool of = flags & RFLAGS_OF, cf = flags & RFLAGS_CF, zf = flags & RFLAGS_ZF;
    bool sf = flags & RFLAGS_SF, pf = flags & RFLAGS_PF;
    const bool holds[16] = {
        of, !of, cf, !cf, zf,       !zf,      cf || zf,       !cf && !zf,
        sf, !sf, pf, !pf, sf != of, sf == of, zf || sf != of, !zf && sf == of,
    };
    return holds[condition];
}

static void conditions_are_the_manuals(void **state)
{
    (void)state;
    for (uint64_t flags = 0; flags <= ALU_FLAGS; flags++)
        for (unsigned condition = 0; condition < 16; condition++)
            assert_int_equal(insn_condition(condition, flags), condition_by_name(condition, flags));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alu_matches_an_adder),
        cmocka_unit_test(operations_match_this_processor),
        cmocka_unit_test(conditions_are_the_manuals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an instruction: what is decoded keeps what insn.h and insn_cr.h promise, and the two
 * agree. First byte: the mode.
 */
#include <string.h>

#include "arch/x86/model/insn_cr.h"
#include "tests/fuzz/fuzz.h"

static bool is_size(uint8_t value)
{
    return value == 1 || value == 2 || value == 4 || value == 8;
}

static void check(const struct insn *insn, size_t size)
{
    PROMISE(insn->length >= 1 && insn->length <= INSN_MAX_LENGTH && insn->length <= size);
    PROMISE(insn->op < INSN_OP_COUNT);
    PROMISE(insn->address_size == 2 || insn->address_size == 4 || insn->address_size == 8);
    PROMISE(is_size(insn->operand_size));
    PROMISE(insn->reg < 16 || insn->reg == INSN_NO_REG);
    PROMISE(!insn->reg_high || insn->reg < 4);
    PROMISE(insn->base < 16 || insn->base == INSN_NO_REG);
    PROMISE(insn->index < 16 || insn->index == INSN_NO_REG);
    PROMISE(insn->segment <= INSN_GS);
    if (insn->op == INSN_OTHER) {
        PROMISE(insn->memory_size == 0);
        return;
    }
    bool string = insn->op >= INSN_MOVS;
    PROMISE(is_size(insn->memory_size) && insn->memory_size <= insn->operand_size);
    PROMISE(insn->has_memory != string);
    PROMISE((!insn->rep && !insn->repne) || string);
    PROMISE(!insn->repne || insn->rep);
    PROMISE(insn->condition < 16);
    /* At most one source beside memory, but for IMUL, whose register is the target. */
    PROMISE(insn->reg == INSN_NO_REG || !insn->has_immediate || insn->op == INSN_IMUL);
}

static void check_cr(enum insn_mode mode, const struct insn_cr *cr)
{
    bool moves = cr->op == INSN_CR_WRITE || cr->op == INSN_CR_READ;
    unsigned registers = mode == INSN_64 ? 16 : 8;
    PROMISE(cr->op <= INSN_CR_SMSW);
    PROMISE(cr->number < registers && (moves || cr->number == 0));
    PROMISE(cr->gpr < registers || (cr->gpr == INSN_NO_REG && !moves));
    PROMISE(cr->op != INSN_CR_CLTS || cr->gpr == INSN_NO_REG);
    PROMISE(cr->size == 2 || cr->size == 4 || (cr->size == 8 && mode == INSN_64));
}

/* Where both know the instruction they agree on its operand and on where it ends. */
static void compare_cr(enum insn_mode mode, const uint8_t *bytes, const struct insn *insn)
{
    struct insn_cr cr;
    if (!insn_cr_decode(mode, bytes, insn->length, &cr))
        return;
    bool memory = cr.gpr == INSN_NO_REG && cr.op != INSN_CR_CLTS;
    PROMISE(insn->op == INSN_OTHER && insn->has_memory == memory);
    PROMISE(memory || !insn_cr_decode(mode, bytes, insn->length - 1u, &cr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum insn_mode mode = (enum insn_mode)(data[0] % 3);
    struct insn insn, again;
    struct insn_cr cr;
    bool known_cr = insn_cr_decode(mode, data + 1, size - 1, &cr);
    if (known_cr)
        check_cr(mode, &cr);
    if (!insn_decode(mode, data + 1, size - 1, &insn))
        return 0;
    check(&insn, size - 1);
    /* Exactly these bytes are the instruction: an exact copy decodes alike, a shorter one never. */
    uint8_t *copy = malloc(insn.length);
    PROMISE(copy != NULL);
    memcpy(copy, data + 1, insn.length);
    PROMISE(insn_decode(mode, copy, insn.length, &again));
    PROMISE(again.length == insn.length && again.op == insn.op);
    PROMISE(!insn_decode(mode, copy, insn.length - 1u, &again));
    PROMISE(insn_cr_decode(mode, copy, insn.length, &cr) == known_cr);
    compare_cr(mode, copy, &insn);
    free(copy);
    return 0;
}

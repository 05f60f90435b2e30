/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/insn_emulate.h"

#include "arch/x86/regs/cr.h"

enum { RAX, RCX, RDX, RSP = 4, RSI = 6, RDI };

/* One run; `cpu` is the caller's. */
struct run {
    struct insn_cpu *cpu;
    const struct insn *insn;
    uint64_t *gpr;
};

/* An operand in memory, found: it may cross into a second page. */
struct place {
    gpa_t at, rest;
    unsigned size;
    unsigned first; /* bytes at `at`; the others are at `rest` */
};

static uint64_t mask_of(unsigned size)
{
    return ~UINT64_C(0) >> (64 - 8 * size);
}

static uint64_t sign_extend(uint64_t value, unsigned size)
{
    unsigned unused = 64 - 8 * size;
    return (uint64_t)((int64_t)(value << unused) >> unused);
}

/* As a register write does it: 4 bytes clear the rest, 1 and 2 leave it. */
static void set(uint64_t *reg, unsigned size, uint64_t value)
{
    uint64_t mask = mask_of(size);
    *reg = (size == 4 ? 0 : *reg & ~mask) | (value & mask);
}

/* The instruction's own register. */
static void set_result(const struct run *run, uint64_t value)
{
    uint64_t *reg = &run->gpr[run->insn->reg];
    if (run->insn->reg_high)
        set(reg, 2, (value & 0xff) << 8 | (*reg & 0xff));
    else
        set(reg, run->insn->operand_size, value);
}

/* ---- memory ---- */

/* The place of `size` bytes at `offset`, of which the bits in `mask` count, in a segment. */
static bool find(const struct run *run, unsigned segment, uint64_t offset, bool write,
                 struct place *place)
{
    const struct insn_cpu *cpu = run->cpu;
    uint64_t limit = run->insn->mode == INSN_64 ? UINT64_MAX : UINT32_MAX;
    uint64_t at = cpu->ops->base(cpu->context, (enum insn_segment)segment) + offset;
    struct insn_access access = {gva(at & limit), write, segment == INSN_SS};
    unsigned room = (unsigned)(PAGE_4K - (at & (PAGE_4K - 1)));
    place->size = run->insn->memory_size;
    place->first = place->size < room ? place->size : room;
    if (!cpu->ops->translate(cpu->context, &access, &place->at))
        return false;
    access.at.raw = (at + room) & limit;
    return place->first == place->size || cpu->ops->translate(cpu->context, &access, &place->rest);
}

static uint64_t load(const struct run *run, const struct place *place)
{
    const struct insn_cpu *cpu = run->cpu;
    uint64_t value = cpu->ops->read(cpu->context, place->at, place->first);
    unsigned left = place->size - place->first;
    if (left > 0)
        value |= cpu->ops->read(cpu->context, place->rest, left) << 8 * place->first;
    return value;
}

static void store(const struct run *run, const struct place *place, uint64_t value)
{
    const struct insn_cpu *cpu = run->cpu;
    unsigned left = place->size - place->first;
    cpu->ops->write(cpu->context, place->at, place->first, value);
    if (left > 0)
        cpu->ops->write(cpu->context, place->rest, left, value >> 8 * place->first);
}

/* The operand that ModRM names, `offset` bytes beside it. */
static bool find_operand(const struct run *run, bool write, uint64_t offset, struct place *place)
{
    const struct insn *insn = run->insn;
    offset += (uint64_t)insn->displacement;
    if (insn->base != INSN_NO_REG)
        offset += run->gpr[insn->base];
    if (insn->index != INSN_NO_REG)
        offset += run->gpr[insn->index] * insn->scale;
    if (insn->rip_relative)
        offset += run->cpu->next_rip;
    return find(run, insn->segment, offset & mask_of(insn->address_size), write, place);
}

/* ---- strings ---- */

#define IS_ONE_OF(insn, ops) ((1u << ((insn)->op - INSN_MOVS) & (ops)) != 0)
#define STRING(name)         (1u << (INSN_##name - INSN_MOVS))
#define WITH_SOURCE          (STRING(MOVS) | STRING(CMPS) | STRING(LODS) | STRING(OUTS))
#define WITH_TARGET          (WRITES | COMPARES)
#define WRITES               (STRING(MOVS) | STRING(STOS) | STRING(INS))
#define COMPARES             (STRING(CMPS) | STRING(SCAS))

static void move_element(const struct run *run, const struct place *from, const struct place *to)
{
    const struct insn *insn = run->insn;
    struct insn_cpu *cpu = run->cpu;
    unsigned size = insn->memory_size;
    uint16_t port = (uint16_t)run->gpr[RDX];
    uint64_t value = run->gpr[RAX];
    if (insn->op == INSN_INS)
        value = cpu->ops->in(cpu->context, port, size);
    else if (IS_ONE_OF(insn, WITH_SOURCE))
        value = load(run, from);
    if (insn->op == INSN_OUTS)
        cpu->ops->out(cpu->context, port, size, (uint32_t)value);
    else if (insn->op == INSN_LODS)
        set(&run->gpr[RAX], size, value);
    else if (IS_ONE_OF(insn, COMPARES))
        insn_alu(INSN_CMP, size, value, load(run, to), &cpu->rflags);
    else
        store(run, to, value);
}

static enum insn_outcome string(const struct run *run)
{
    const struct insn *insn = run->insn;
    uint64_t *gpr = run->gpr;
    struct place from, to;
    unsigned width = insn->address_size;
    uint64_t mask = mask_of(width);
    uint64_t step =
        (run->cpu->rflags & RFLAGS_DF) != 0 ? -(uint64_t)insn->memory_size : insn->memory_size;
    bool with_source = IS_ONE_OF(insn, WITH_SOURCE);
    bool with_target = IS_ONE_OF(insn, WITH_TARGET);
    if (insn->rep && (gpr[RCX] & mask) == 0)
        return INSN_DONE;
    if ((with_source && !find(run, insn->segment, gpr[RSI] & mask, false, &from)) ||
        (with_target && !find(run, INSN_ES, gpr[RDI] & mask, IS_ONE_OF(insn, WRITES), &to)))
        return INSN_FAULTED;
    move_element(run, &from, &to);
    if (with_source)
        set(&gpr[RSI], width, gpr[RSI] + step);
    if (with_target)
        set(&gpr[RDI], width, gpr[RDI] + step);
    if (!insn->rep)
        return INSN_DONE;
    set(&gpr[RCX], width, gpr[RCX] - 1);
    bool equal = (run->cpu->rflags & RFLAGS_ZF) != 0;
    bool decided = IS_ONE_OF(insn, COMPARES) && equal == insn->repne;
    return decided || (gpr[RCX] & mask) == 0 ? INSN_DONE : INSN_AGAIN;
}

/* ---- all others ---- */

/* PUSH and POP. An address relative to rSP means the rSP after a POP, and before a PUSH. */
static enum insn_outcome stack(const struct run *run)
{
    const struct insn *insn = run->insn;
    struct place operand, top;
    bool push = insn->op == INSN_PUSH;
    uint64_t mask = run->cpu->stack_mask, size = insn->memory_size;
    uint64_t *rsp = &run->gpr[RSP];
    uint64_t offset = (push ? *rsp - size : *rsp) & mask;
    uint64_t bias = !push && insn->base == RSP ? size : 0;
    if (!find(run, INSN_SS, offset, push, &top) || !find_operand(run, !push, bias, &operand))
        return INSN_FAULTED;
    store(run, push ? &top : &operand, load(run, push ? &operand : &top));
    set(rsp, mask == UINT16_MAX ? 2 : 8, push ? offset : (offset + size) & mask);
    return INSN_DONE;
}

static uint64_t source(const struct run *run)
{
    const struct insn *insn = run->insn;
    if (insn->has_immediate || insn->reg == INSN_NO_REG)
        return insn->immediate;
    uint64_t value = run->gpr[insn->reg];
    return insn->reg_high ? value >> 8 : value;
}

/* The memory that a bit's number means beyond the operand: whole operands, to both sides. */
static uint64_t bit_offset(const struct insn *insn, uint64_t bit)
{
    if (insn->op < INSN_BT || insn->has_immediate)
        return 0;
    unsigned size = insn->memory_size;
    return (uint64_t)((int64_t)sign_extend(bit, size) >> 3) & ~(uint64_t)(size - 1);
}

static uint64_t compare_exchange(const struct run *run, uint64_t memory, uint64_t value)
{
    unsigned size = run->insn->memory_size;
    uint64_t *rax = &run->gpr[RAX], *rflags = &run->cpu->rflags;
    insn_alu(INSN_CMP, size, *rax, memory, rflags);
    if ((*rflags & RFLAGS_ZF) != 0)
        return value;
    set(rax, size, memory);
    return memory; /* SDM Vol. 2A "CMPXCHG": the write cycle takes place all the same */
}

/* What comes of memory and the other operand: for one of the two, by memory_first. */
static uint64_t compute(const struct run *run, uint64_t memory, uint64_t other)
{
    const struct insn *insn = run->insn;
    unsigned size = insn->memory_size;
    enum insn_op op = (enum insn_op)insn->op;
    uint64_t *rflags = &run->cpu->rflags;
    uint64_t left = insn->memory_first ? memory : other;
    uint64_t right = insn->memory_first ? other : memory;
    if (op == INSN_XADD)
        op = INSN_ADD;
    if (op >= INSN_IMUL)
        return insn_alu(op, size, left, right, rflags);
    if (op == INSN_CMPXCHG)
        return compare_exchange(run, memory, other);
    if (op == INSN_LOAD_SIGN_EXTEND)
        return sign_extend(memory, size);
    if (op == INSN_SET || op == INSN_LOAD_IF) {
        bool holds = insn_condition(insn->condition, *rflags);
        return op == INSN_SET ? holds : holds ? memory : other;
    }
    return insn->swap ? __builtin_bswap64(right) >> (64 - 8 * size) : right;
}

static enum insn_outcome operate(const struct run *run)
{
    struct place place;
    const struct insn *insn = run->insn;
    enum insn_op op = (enum insn_op)insn->op;
    bool flags_only = op == INSN_CMP || op == INSN_TEST || op == INSN_BT;
    bool write = insn->memory_first && !flags_only;
    uint64_t other = source(run);
    if (!find_operand(run, write, bit_offset(insn, other), &place))
        return INSN_FAULTED;
    uint64_t memory = op == INSN_STORE || op == INSN_SET ? 0 : load(run, &place);
    uint64_t result = compute(run, memory, other);
    if (write)
        store(run, &place, result);
    else if (!flags_only)
        set_result(run, result);
    if (op == INSN_XCHG || op == INSN_XADD)
        set_result(run, memory);
    return INSN_DONE;
}

enum insn_outcome insn_emulate(struct insn_cpu *cpu, const struct insn *insn)
{
    struct run run = {cpu, insn, cpu->gpr};
    if (insn->op == INSN_OTHER)
        return INSN_REFUSED;
    if (insn->op == INSN_FLUSH)
        return INSN_DONE;
    if (insn->op >= INSN_MOVS)
        return string(&run);
    return insn->op >= INSN_PUSH ? stack(&run) : operate(&run);
}

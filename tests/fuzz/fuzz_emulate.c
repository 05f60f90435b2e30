/* SPDX-License-Identifier: MIT */
/*
 * Any instruction, carried out: accesses stay within their pages, nothing changes when one of them
 * faults, and registers change only as far as the instruction may. First byte: mode and which pages
 * fault; then 128 bytes of registers, then the instruction.
 */
#include <string.h>

#include "arch/x86/model/insn_emulate.h"
#include "arch/x86/regs/cr.h"
#include "tests/fuzz/fuzz.h"

#define GPRS        16
#define CHANGEABLE  (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)
#define RAX         0
#define RCX         1
#define RSP         4
#define RSI         6
#define RDI         7
#define READ_FILLER UINT64_C(0x5aa5c33c0ff08118)

struct machine {
    enum insn_mode mode;
    uint8_t refuse; /* a bit for each of the first translations */
    unsigned translations, faults, reads, writes, ports;
};

static uint64_t base(void *context, enum insn_segment segment)
{
    const struct machine *machine = context;
    PROMISE(segment <= INSN_GS);
    return machine->mode == INSN_64 && segment < INSN_FS ? 0 : (uint64_t)segment << 28;
}

static bool translate(void *context, const struct insn_access *access, gpa_t *to)
{
    struct machine *machine = context;
    PROMISE(machine->reads + machine->writes + machine->ports == 0); /* check, then act */
    PROMISE(machine->mode == INSN_64 || access->at.raw <= UINT32_MAX);
    PROMISE(machine->translations < 4);
    *to = gpa(access->at.raw);
    if ((machine->refuse >> machine->translations++ & 1) == 0)
        return true;
    machine->faults++;
    return false;
}

static void check_access(gpa_t at, unsigned size)
{
    PROMISE(size >= 1 && size <= 8);
    PROMISE((at.raw & 0xfff) + size <= 0x1000);
}

static uint64_t read_memory(void *context, gpa_t at, unsigned size)
{
    ((struct machine *)context)->reads++;
    check_access(at, size);
    return READ_FILLER & ~UINT64_C(0) >> (64 - 8 * size);
}

static void write_memory(void *context, gpa_t at, unsigned size, uint64_t value)
{
    (void)value;
    ((struct machine *)context)->writes++;
    check_access(at, size);
}

static uint32_t read_port(void *context, uint16_t port, unsigned size)
{
    (void)port;
    ((struct machine *)context)->ports++;
    PROMISE(size == 1 || size == 2 || size == 4);
    return size == 1 ? 0xaa : 0xbbbb;
}

static void write_port(void *context, uint16_t port, unsigned size, uint32_t value)
{
    (void)value;
    read_port(context, port, size);
}

static bool may_change(const struct insn *insn, unsigned number)
{
    if (insn->op >= INSN_MOVS)
        return number == RSI || number == RDI || (number == RCX && insn->rep) ||
               (number == RAX && insn->op == INSN_LODS);
    if (insn->op == INSN_PUSH || insn->op == INSN_POP)
        return number == RSP;
    return number == insn->reg || (number == RAX && insn->op == INSN_CMPXCHG);
}

static void check_end(const struct machine *machine, const struct insn *insn,
                      enum insn_outcome outcome, const uint64_t *before, const uint64_t *after)
{
    bool unchanged = memcmp(before, after, GPRS * sizeof(*before)) == 0;
    PROMISE((outcome == INSN_REFUSED) == (insn->op == INSN_OTHER));
    PROMISE((outcome == INSN_FAULTED) == (machine->faults > 0));
    PROMISE(outcome != INSN_AGAIN || insn->rep);
    PROMISE(machine->reads <= 4 && machine->writes <= 2 && machine->ports <= 1);
    if (outcome == INSN_FAULTED || outcome == INSN_REFUSED) {
        PROMISE(unchanged);
        PROMISE(machine->reads + machine->writes + machine->ports == 0);
    }
    for (unsigned i = 0; i < GPRS; i++)
        PROMISE(before[i] == after[i] || may_change(insn, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct insn_ops ops = {base,         translate, read_memory,
                                        write_memory, read_port, write_port};
    uint64_t gpr[GPRS], before[GPRS];
    struct insn insn;
    if (size <= 1 + sizeof(gpr))
        return 0;
    struct machine machine = {.mode = (enum insn_mode)(data[0] % 3), .refuse = data[0] >> 4};
    memcpy(gpr, data + 1, sizeof(gpr));
    memcpy(before, gpr, sizeof(gpr));
    data += 1 + sizeof(gpr);
    size -= 1 + sizeof(gpr);
    if (!insn_decode(machine.mode, data, size, &insn))
        return 0;
    uint64_t rflags = gpr[15] | RFLAGS_ONE;
    struct insn_cpu cpu = {
        .ops = &ops,
        .context = &machine,
        .gpr = gpr,
        .next_rip = gpr[14],
        .stack_mask = machine.mode == INSN_16 ? UINT16_MAX : UINT64_MAX,
        .rflags = rflags,
    };
    enum insn_outcome outcome = insn_emulate(&cpu, &insn);
    check_end(&machine, &insn, outcome, before, gpr);
    PROMISE(((cpu.rflags ^ rflags) & ~CHANGEABLE) == 0);
    PROMISE(cpu.rflags == rflags || outcome == INSN_DONE || outcome == INSN_AGAIN);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * A vCPU for the emulator's tests. Linear addresses:
 *   1000..2fff  RAM          3000..3fff  a device: reads as DEVICE_BYTE, keeps a log of writes
 *   4000..4fff  nothing      5000..5fff  RAM, read-only
 */
#ifndef BULKHEAD_TESTS_UNIT_EMULATE_WORLD_H
#define BULKHEAD_TESTS_UNIT_EMULATE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/insn_emulate.h"
#include "arch/x86/regs/cr.h"
#include "kernel/lib/types.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI, R8, R9, NO = INSN_NO_REG };

#define DEVICE      0x3000u
#define READ_ONLY   0x5000u
#define GPA_OFFSET  UINT64_C(0x7000000000)
#define DEVICE_BYTE 0x11u
#define LOG_SIZE    8u
#define PORT_VALUE  0xa1b2c3d4u

struct log_entry {
    uint64_t at; /* linear address, or the port */
    unsigned size;
    uint64_t value;
};

struct world {
    uint64_t gpr[16];
    uint64_t fs_base, ss_base;
    uint8_t ram[0x6000];
    struct log_entry writes[LOG_SIZE], outs[LOG_SIZE];
    unsigned write_count, out_count, read_count, in_count;
    struct insn_access fault; /* that translate() refused */
    unsigned faults;
};

static uint64_t world_base(void *context, enum insn_segment segment)
{
    const struct world *world = context;
    return segment == INSN_FS ? world->fs_base : segment == INSN_SS ? world->ss_base : 0;
}

static bool world_translate(void *context, const struct insn_access *access, gpa_t *to)
{
    struct world *world = context;
    uint64_t page = access->at.raw >> 12;
    *to = gpa(access->at.raw + GPA_OFFSET);
    if ((page >= 1 && page <= 3) || (page == 5 && !access->write))
        return true;
    world->fault = *access;
    world->faults++;
    return false;
}

static uint64_t cut(uint64_t value, unsigned size)
{
    return value & ~UINT64_C(0) >> (64 - 8 * size);
}

static uint64_t world_read(void *context, gpa_t at, unsigned size)
{
    struct world *world = context;
    uint64_t linear = at.raw - GPA_OFFSET, value = 0;
    assert_true(size >= 1 && size <= 8 && (linear & 0xfff) + size <= 0x1000);
    if (linear >> 12 == DEVICE >> 12) {
        world->read_count++;
        return cut(UINT64_C(0x0101010101010101) * DEVICE_BYTE, size);
    }
    memcpy(&value, world->ram + linear, size);
    return value;
}

static void world_write(void *context, gpa_t at, unsigned size, uint64_t value)
{
    struct world *world = context;
    uint64_t linear = at.raw - GPA_OFFSET;
    assert_true(size >= 1 && size <= 8 && (linear & 0xfff) + size <= 0x1000);
    assert_true(linear >> 12 != READ_ONLY >> 12);
    if (linear >> 12 == DEVICE >> 12)
        world->writes[world->write_count++ % LOG_SIZE] =
            (struct log_entry){linear, size, cut(value, size)};
    else
        memcpy(world->ram + linear, &value, size);
}

static uint32_t world_in(void *context, uint16_t port, unsigned size)
{
    struct world *world = context;
    (void)port;
    world->in_count++;
    return (uint32_t)cut(PORT_VALUE, size);
}

static void world_out(void *context, uint16_t port, unsigned size, uint32_t value)
{
    struct world *world = context;
    world->outs[world->out_count++ % LOG_SIZE] = (struct log_entry){port, size, cut(value, size)};
}

static const struct insn_ops world_ops = {
    .base = world_base,
    .translate = world_translate,
    .read = world_read,
    .write = world_write,
    .in = world_in,
    .out = world_out,
};

/* Decode and carry out; *rflags in and out. */
static enum insn_outcome world_run(struct world *world, enum insn_mode mode, const uint8_t *bytes,
                                   size_t size, uint64_t *rflags)
{
    struct insn insn;
    assert_true(insn_decode(mode, bytes, size, &insn));
    struct insn_cpu cpu = {
        .ops = &world_ops,
        .context = world,
        .gpr = world->gpr,
        .next_rip = 0x2000,
        .stack_mask = mode == INSN_64   ? UINT64_MAX
                      : mode == INSN_32 ? UINT32_MAX
                                        : UINT16_MAX,
        .rflags = *rflags,
    };
    enum insn_outcome outcome = insn_emulate(&cpu, &insn);
    *rflags = cpu.rflags;
    return outcome;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "tests/unit/emulate_world.h"

#define BYTES(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* ---- one operand in device memory: rDI is DEVICE, the others are as START says ---- */

#define START  UINT64_C(0x8877665544332281)
#define ONES_8 UINT64_C(0x1111111111111111)
#define CF     RFLAGS_CF
#define ZF     RFLAGS_ZF

struct device_case {
    const char *text;
    uint8_t bytes[16];
    size_t length;
    unsigned reg; /* what changes, NO: no register */
    uint64_t want;
    unsigned write_size; /* 0: nothing is written */
    uint64_t written;
    uint64_t flags_in, flags_out; /* CF and ZF */
    uint64_t offset;              /* of the access from DEVICE */
};

static const struct device_case device_cases[] = {
    {"mov al, [rdi]", BYTES(0x8a, 0x07), AX, 0x8877665544332211, 0, 0, 0, 0, 0},
    {"mov ah, [rdi]", BYTES(0x8a, 0x27), AX, 0x8877665544331181, 0, 0, 0, 0, 0},
    {"mov ax, [rdi]", BYTES(0x66, 0x8b, 0x07), AX, 0x8877665544331111, 0, 0, 0, 0, 0},
    {"mov eax, [rdi]", BYTES(0x8b, 0x07), AX, 0x11111111, 0, 0, 0, 0, 0},
    {"mov rax, [rdi]", BYTES(0x48, 0x8b, 0x07), AX, ONES_8, 0, 0, 0, 0, 0},
    {"movzx edx, byte", BYTES(0x0f, 0xb6, 0x17), DX, 0x11, 0, 0, 0, 0, 0},
    {"movsx rdx, word", BYTES(0x48, 0x0f, 0xbf, 0x17), DX, 0x1111, 0, 0, 0, 0, 0},
    {"movbe ecx, [rdi]", BYTES(0x0f, 0x38, 0xf0, 0x0f), CX, 0x11111111, 0, 0, 0, 0, 0},
    {"cmovz rax", BYTES(0x48, 0x0f, 0x44, 0x07), AX, ONES_8, 0, 0, ZF, ZF, 0},
    {"cmovz eax, not", BYTES(0x0f, 0x44, 0x07), AX, 0x44332281, 0, 0, 0, 0, 0},
    {"imul eax, [rdi], 3", BYTES(0x6b, 0x07, 3), AX, 0x33333333, 0, 0, CF, 0, 0},
    {"imul dx, [rdi]", BYTES(0x66, 0x0f, 0xaf, 0x17), DX, 0x887766554433db91, 0, 0, 0, CF, 0},
    {"mov [rdi], al", BYTES(0x88, 0x07), NO, 0, 1, 0x81, 0, 0, 0},
    {"mov [rdi], ah", BYTES(0x88, 0x27), NO, 0, 1, 0x22, 0, 0, 0},
    {"mov [rdi+8], rax", BYTES(0x48, 0x89, 0x47, 8), NO, 0, 8, START, 0, 0, 8},
    {"mov dword [rdi], 5", BYTES(0xc7, 0x07, 5, 0, 0, 0), NO, 0, 4, 5, 0, 0, 0},
    {"mov qword [rdi], -2", BYTES(0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff), NO, 0, 8, ~UINT64_C(1),
     0, 0, 0},
    {"movnti [rdi], eax", BYTES(0x0f, 0xc3, 0x07), NO, 0, 4, 0x44332281, 0, 0, 0},
    {"movbe [rdi], ax", BYTES(0x66, 0x0f, 0x38, 0xf1, 0x07), NO, 0, 2, 0x8122, 0, 0, 0},
    {"setc [rdi], c", BYTES(0x0f, 0x92, 0x07), NO, 0, 1, 1, CF, CF, 0},
    {"setnc [rdi], c", BYTES(0x0f, 0x93, 0x07), NO, 0, 1, 0, CF, CF, 0},
    {"xchg [rdi], ax", BYTES(0x66, 0x87, 0x07), AX, 0x8877665544331111, 2, 0x2281, 0, 0, 0},
    {"xadd [rdi], dl", BYTES(0x0f, 0xc0, 0x17), DX, 0x8877665544332211, 1, 0x92, 0, 0, 0},
    {"cmpxchg [rdi], dx, unequal", BYTES(0x66, 0x0f, 0xb1, 0x17), AX, 0x8877665544331111, 2, 0x1111,
     ZF | CF, 0, 0},
    {"add [rdi], al", BYTES(0x00, 0x07), NO, 0, 1, 0x92, CF, 0, 0},
    {"add al, [rdi]", BYTES(0x02, 0x07), AX, 0x8877665544332292, 0, 0, CF, 0, 0},
    {"sub al, [rdi]", BYTES(0x2a, 0x07), AX, 0x8877665544332270, 0, 0, CF, 0, 0},
    {"sub [rdi], al", BYTES(0x28, 0x07), NO, 0, 1, 0x90, 0, CF, 0},
    {"sbb byte [rdi], 1", BYTES(0x80, 0x1f, 1), NO, 0, 1, 0x0f, CF, 0, 0},
    {"cmp [rdi], al", BYTES(0x38, 0x07), NO, 0, 0, 0, 0, CF, 0},
    {"cmp al, [rdi]", BYTES(0x3a, 0x07), NO, 0, 0, 0, CF, 0, 0},
    {"cmp byte [rdi], 0x11", BYTES(0x80, 0x3f, 0x11), NO, 0, 0, 0, 0, ZF, 0},
    {"cmp byte [rdi], 0x12", BYTES(0x80, 0x3f, 0x12), NO, 0, 0, 0, 0, CF, 0},
    {"test byte [rdi], 2", BYTES(0xf6, 0x07, 2), NO, 0, 0, 0, CF, ZF, 0},
    {"not dword [rdi]", BYTES(0xf7, 0x17), NO, 0, 4, 0xeeeeeeee, CF, CF, 0},
    {"neg word [rdi]", BYTES(0x66, 0xf7, 0x1f), NO, 0, 2, 0xeeef, 0, CF, 0},
    {"inc byte [rdi]", BYTES(0xfe, 0x07), NO, 0, 1, 0x12, CF, CF, 0},
    {"dec qword [rdi]", BYTES(0x48, 0xff, 0x0f), NO, 0, 8, ONES_8 - 1, ZF, 0, 0},
    {"shl dword [rdi], 1", BYTES(0xd1, 0x27), NO, 0, 4, 0x22222222, CF, 0, 0},
    {"shr byte [rdi], 5", BYTES(0xc0, 0x2f, 5), NO, 0, 1, 0, 0, CF | ZF, 0},
    {"rcl byte [rdi], cl (1)", BYTES(0xd2, 0x17), NO, 0, 1, 0x23, CF, 0, 0},
    {"bt dword [rdi], 4", BYTES(0x0f, 0xba, 0x27, 4), NO, 0, 0, 0, 0, CF, 0},
    {"bts dword [rdi], 33", BYTES(0x0f, 0xba, 0x2f, 33), NO, 0, 4, 0x11111113, CF, 0, 0},
    {"btr word [rdi], 8", BYTES(0x66, 0x0f, 0xba, 0x37, 8), NO, 0, 2, 0x1011, 0, CF, 0},
    {"btc [rdi], r8 (100)", BYTES(0x4c, 0x0f, 0xbb, 0x07), NO, 0, 8, ONES_8 ^ UINT64_C(1) << 36, 0,
     CF, 8},
    {"bts [rdi+64], r9d (-1)", BYTES(0x44, 0x0f, 0xab, 0x4f, 64), NO, 0, 4, 0x91111111, CF, 0, 60},
    {"btr [rdi+64], r9w (-1)", BYTES(0x66, 0x44, 0x0f, 0xb3, 0x4f, 64), NO, 0, 2, 0x1111, CF, 0,
     62},
};

static void check_device_case(const struct device_case *c)
{
    static struct world world, before;
    memset(&world, 0, sizeof(world));
    world.gpr[AX] = world.gpr[CX] = world.gpr[DX] = START;
    world.gpr[DI] = DEVICE;
    world.gpr[R8] = 100;
    world.gpr[R9] = ~UINT64_C(0);
    before = world;
    uint64_t rflags = c->flags_in | RFLAGS_ONE | RFLAGS_IF;
    if (world_run(&world, INSN_64, c->bytes, c->length, &rflags) != INSN_DONE)
        fail_msg("%s: refused", c->text);
    if (c->reg != NO)
        before.gpr[c->reg] = c->want;
    for (unsigned i = 0; i < 16; i++)
        if (world.gpr[i] != before.gpr[i])
            fail_msg("%s: register %u is %#llx", c->text, i, (unsigned long long)world.gpr[i]);
    if ((rflags & (CF | ZF)) != c->flags_out || (rflags & RFLAGS_IF) == 0)
        fail_msg("%s: flags %#llx", c->text, (unsigned long long)rflags);
    if (world.write_count != (c->write_size > 0))
        fail_msg("%s: %u writes", c->text, world.write_count);
    const struct log_entry *log = &world.writes[0];
    if (c->write_size > 0 &&
        (log->size != c->write_size || log->value != c->written || log->at != DEVICE + c->offset))
        fail_msg("%s: wrote %u bytes %#llx at %#llx", c->text, log->size,
                 (unsigned long long)log->value, (unsigned long long)log->at);
}

static void one_operand(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(device_cases); i++)
        check_device_case(&device_cases[i]);
}

static void compare_exchange_that_is_equal(void **state)
{
    (void)state;
    static struct world world;
    uint64_t rflags = RFLAGS_ONE;
    world.gpr[AX] = UINT64_C(0xffffffff11111111);
    world.gpr[DX] = 77;
    world.gpr[DI] = DEVICE;
    assert_int_equal(world_run(&world, INSN_64, (uint8_t[]){0xf0, 0x0f, 0xb1, 0x17}, 4, &rflags),
                     INSN_DONE);
    assert_true((rflags & ZF) != 0);
    assert_int_equal(world.writes[0].value, 77);
    assert_int_equal(world.gpr[AX], UINT64_C(0xffffffff11111111));
}

/* ---- strings ---- */

struct string_case {
    const char *text;
    uint8_t bytes[8];
    size_t length;
    uint64_t si, di, cx, ax;
    uint64_t rflags;
    enum insn_outcome outcome;
    int64_t si_step, di_step, cx_step;
};

static const struct string_case string_cases[] = {
    {"rep movsd to device", BYTES(0xf3, 0xa5), 0x1000, DEVICE, 3, 0, 0, INSN_AGAIN, 4, 4, -1},
    {"the last of it", BYTES(0xf3, 0xa5), 0x1000, DEVICE, 1, 0, 0, INSN_DONE, 4, 4, -1},
    {"a count of 0", BYTES(0xf3, 0xa5), 0x4000, 0x4000, 0, 0, 0, INSN_DONE, 0, 0, 0},
    {"movsb backwards", BYTES(0xa4), DEVICE, 0x1000, 5, 0, RFLAGS_DF, INSN_DONE, -1, -1, 0},
    {"rep stosq", BYTES(0xf3, 0x48, 0xab), 0, DEVICE, 9, 7, 0, INSN_AGAIN, 0, 8, -1},
    {"rep lodsb", BYTES(0xf3, 0xac), DEVICE, 0, 9, 7, 0, INSN_AGAIN, 1, 0, -1},
    {"repe cmpsb, unequal", BYTES(0xf3, 0xa6), DEVICE, 0x1000, 9, 0, 0, INSN_DONE, 1, 1, -1},
    {"repne cmpsb, unequal", BYTES(0xf2, 0xa6), DEVICE, 0x1000, 9, 0, 0, INSN_AGAIN, 1, 1, -1},
    {"repe cmpsw, equal", BYTES(0xf3, 0x66, 0xa7), DEVICE, DEVICE, 9, 0, 0, INSN_AGAIN, 2, 2, -1},
    {"repne scasb, found", BYTES(0xf2, 0xae), 0, DEVICE, 9, 0x11, 0, INSN_DONE, 0, 1, -1},
    {"repne scasb, other", BYTES(0xf2, 0xae), 0, DEVICE, 9, 0x12, 0, INSN_AGAIN, 0, 1, -1},
    {"rep insd", BYTES(0xf3, 0x6d), 0, 0x1000, 2, 0, 0, INSN_AGAIN, 0, 4, -1},
    {"outsw", BYTES(0x66, 0x6f), 0x1000, 0, 2, 0, 0, INSN_DONE, 2, 0, 0},
    {"movs from nowhere", BYTES(0xf3, 0xa4), 0x4000, DEVICE, 2, 0, 0, INSN_FAULTED, 0, 0, 0},
    {"movs to nowhere", BYTES(0xf3, 0xa4), DEVICE, 0x4000, 2, 0, 0, INSN_FAULTED, 0, 0, 0},
    {"movs to read-only", BYTES(0xf3, 0xa4), DEVICE, READ_ONLY, 2, 0, 0, INSN_FAULTED, 0, 0, 0},
    {"ins to read-only", BYTES(0x6c), 0, READ_ONLY, 2, 0, 0, INSN_FAULTED, 0, 0, 0},
    {"half a movsd fits", BYTES(0xa5), 0x1000, 0x3ffe, 2, 0, 0, INSN_FAULTED, 0, 0, 0},
};

static void strings_progress_exactly(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(string_cases); i++) {
        const struct string_case *c = &string_cases[i];
        static struct world world;
        memset(&world, 0, sizeof(world));
        uint64_t rflags = c->rflags | RFLAGS_ONE;
        world.gpr[SI] = c->si;
        world.gpr[DI] = c->di;
        world.gpr[CX] = c->cx;
        world.gpr[AX] = c->ax;
        enum insn_outcome outcome = world_run(&world, INSN_64, c->bytes, c->length, &rflags);
        if (outcome != c->outcome)
            fail_msg("%s: outcome %d", c->text, outcome);
        if (world.gpr[SI] != c->si + (uint64_t)c->si_step ||
            world.gpr[DI] != c->di + (uint64_t)c->di_step ||
            world.gpr[CX] != c->cx + (uint64_t)c->cx_step)
            fail_msg("%s: rSI %#llx, rDI %#llx, rCX %#llx", c->text,
                     (unsigned long long)world.gpr[SI], (unsigned long long)world.gpr[DI],
                     (unsigned long long)world.gpr[CX]);
        if (outcome == INSN_FAULTED && (world.read_count || world.write_count || world.in_count))
            fail_msg("%s: a device was touched before the fault", c->text);
    }
}

static void strings_move_the_data(void **state)
{
    (void)state;
    static struct world world;
    uint64_t rflags = RFLAGS_ONE;
    world.gpr[SI] = DEVICE;
    world.gpr[DI] = 0x1ffe; /* crosses into the next page of RAM */
    world_run(&world, INSN_64, (uint8_t[]){0xa5}, 1, &rflags);
    assert_memory_equal(world.ram + 0x1ffe, "\x11\x11\x11\x11\0", 5);
    world.gpr[DX] = 0x1234;
    world_run(&world, INSN_64, (uint8_t[]){0x6d}, 1, &rflags);
    assert_memory_equal(world.ram + 0x2002, "\xd4\xc3\xb2\xa1", 4);
    world.gpr[SI] = 0x2002;
    world_run(&world, INSN_64, (uint8_t[]){0x66, 0x6f}, 2, &rflags);
    assert_int_equal(world.outs[0].at, 0x1234);
    assert_int_equal(world.outs[0].value, 0xc3d4);
    world.gpr[AX] = UINT64_MAX;
    world.gpr[SI] = DEVICE;
    world_run(&world, INSN_64, (uint8_t[]){0xad}, 1, &rflags);
    assert_int_equal(world.gpr[AX], 0x11111111);
    world.fs_base = 0x1000;
    world.gpr[SI] = 0x1002;
    world.gpr[DI] = DEVICE;
    world_run(&world, INSN_64, (uint8_t[]){0x64, 0xa4}, 2, &rflags);
    assert_int_equal(world.writes[0].value, 0xd4);
}

static void small_addresses_wrap(void **state)
{
    (void)state;
    static struct world world;
    uint64_t rflags = RFLAGS_ONE, high = UINT64_C(0xabcd000000000000);
    world.gpr[SI] = high | 0x1000;
    world.gpr[DI] = high | DEVICE;
    world.gpr[CX] = high | 2;
    /* 32-bit addresses in 64-bit mode clear the upper halves. */
    assert_int_equal(world_run(&world, INSN_64, (uint8_t[]){0xf3, 0x67, 0xa4}, 3, &rflags),
                     INSN_AGAIN);
    assert_int_equal(world.gpr[SI], 0x1001);
    assert_int_equal(world.gpr[DI], DEVICE + 1);
    assert_int_equal(world.gpr[CX], 1);
    /* 16-bit ones keep the rest. */
    world.gpr[SI] = 0x51000;
    world.gpr[DI] = 0x60000 | DEVICE;
    world.gpr[CX] = 0x10001;
    assert_int_equal(world_run(&world, INSN_16, (uint8_t[]){0xf3, 0xa4}, 2, &rflags), INSN_DONE);
    assert_int_equal(world.gpr[SI], 0x51001);
    assert_int_equal(world.gpr[DI], 0x63001);
    assert_int_equal(world.gpr[CX], 0x10000);
    /* A segment's base wraps at 4 GiB outside 64-bit mode. */
    world.fs_base = 0xfffff000;
    world.gpr[AX] = 0;
    world.gpr[BX] = 0x4000;
    assert_int_equal(world_run(&world, INSN_32, (uint8_t[]){0x64, 0x8a, 0x03}, 3, &rflags),
                     INSN_DONE);
    assert_int_equal(world.gpr[AX], DEVICE_BYTE);
}

/* ---- the stack, addresses, borders ---- */

static void push_and_pop(void **state)
{
    (void)state;
    static struct world world;
    uint64_t rflags = RFLAGS_ONE;
    world.gpr[DI] = DEVICE;
    world.gpr[SP] = 0x1010;
    assert_int_equal(world_run(&world, INSN_64, (uint8_t[]){0xff, 0x37}, 2, &rflags), INSN_DONE);
    assert_int_equal(world.gpr[SP], 0x1008);
    assert_memory_equal(world.ram + 0x1008, "\x11\x11\x11\x11\x11\x11\x11\x11\0", 9);
    assert_int_equal(world_run(&world, INSN_64, (uint8_t[]){0x8f, 0x07}, 2, &rflags), INSN_DONE);
    assert_int_equal(world.gpr[SP], 0x1010);
    assert_int_equal(world.writes[0].value, ONES_8);
    /* pop [rsp+0x1ff0] counts from the new rSP, push [rsp+0x1ff0] from the old one. */
    assert_int_equal(
        world_run(&world, INSN_64, (uint8_t[]){0x8f, 0x84, 0x24, 0xf0, 0x1f, 0, 0}, 7, &rflags),
        INSN_DONE);
    assert_int_equal(world.writes[1].at, 0x1018 + 0x1ff0);
    world_run(&world, INSN_64, (uint8_t[]){0x66, 0xff, 0xb4, 0x24, 0xf0, 0x1f, 0, 0}, 8, &rflags);
    assert_int_equal(world.gpr[SP], 0x1016);
    assert_int_equal(world.read_count, 2);
    /* A stack of 16 bits in a segment of its own: 2 bytes, and it wraps. */
    world.ss_base = 0x2000 - 0xfffe;
    world.ss_base &= UINT32_MAX;
    world.gpr[SP] = 0x50000;
    world.gpr[BX] = DEVICE;
    assert_int_equal(world_run(&world, INSN_16, (uint8_t[]){0xff, 0x37}, 2, &rflags), INSN_DONE);
    assert_int_equal(world.gpr[SP], 0x5fffe);
    assert_memory_equal(world.ram + 0x2000, "\x11\x11\0", 3);
    world.gpr[SP] = 0x4008;
    world.ss_base = 0;
    assert_int_equal(world_run(&world, INSN_64, (uint8_t[]){0xff, 0x37}, 2, &rflags), INSN_FAULTED);
    assert_true(world.fault.stack && world.fault.write);
    assert_int_equal(world.gpr[SP], 0x4008);
}

static void addresses_are_computed(void **state)
{
    (void)state;
    static struct world world;
    uint64_t rflags = RFLAGS_ONE;
    world.gpr[BX] = 0x1000;
    world.gpr[CX] = 0x400;
    /* mov byte [rbx+rcx*8+0x10], 1 and [rip+0x1020], which is relative to what follows */
    world_run(&world, INSN_64, (uint8_t[]){0xc6, 0x44, 0xcb, 0x10, 1}, 5, &rflags);
    assert_int_equal(world.writes[0].at, 0x3010);
    world_run(&world, INSN_64, (uint8_t[]){0xc6, 0x05, 0x20, 0x10, 0, 0, 2}, 7, &rflags);
    assert_int_equal(world.writes[1].at, 0x3020);
    /* mov fs:[moffs], eax */
    world.fs_base = 0x1000;
    world_run(&world, INSN_32, (uint8_t[]){0x64, 0xa3, 0x30, 0x20, 0, 0}, 6, &rflags);
    assert_int_equal(world.writes[2].at, 0x3030);
    /* 16-bit addresses wrap before the segment is added. */
    world.gpr[BX] = 0xf000;
    world.gpr[SI] = 0x3040;
    world.fs_base = 0xfff;
    world_run(&world, INSN_16, (uint8_t[]){0x64, 0xc6, 0x40, 1, 3}, 5, &rflags);
    assert_int_equal(world.writes[3].at, 0x3040);
}

static void an_access_may_cross_a_page(void **state)
{
    (void)state;
    static struct world world;
    uint64_t rflags = RFLAGS_ONE;
    /* RAM before the device: each half goes where it belongs. */
    world.gpr[AX] = UINT64_C(0x0807060504030201);
    world.gpr[DI] = DEVICE - 3;
    world_run(&world, INSN_64, (uint8_t[]){0x48, 0x89, 0x07}, 3, &rflags);
    assert_memory_equal(world.ram + DEVICE - 3, "\1\2\3\0", 4);
    assert_int_equal(world.writes[0].size, 5);
    assert_int_equal(world.writes[0].value, UINT64_C(0x0807060504));
    world_run(&world, INSN_64, (uint8_t[]){0x48, 0x8b, 0x0f}, 3, &rflags);
    assert_int_equal(world.gpr[CX], UINT64_C(0x1111111111030201));
    /* The second half faults: at its own address, and nothing is written. */
    world.gpr[DI] = DEVICE + 0xffe;
    assert_int_equal(world_run(&world, INSN_64, (uint8_t[]){0x01, 0x07}, 2, &rflags), INSN_FAULTED);
    assert_int_equal(world.fault.at.raw, 0x4000);
    assert_true(world.fault.write && !world.fault.stack);
    assert_int_equal(world.write_count, 1);
}

static void the_rest_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        enum insn_outcome outcome;
    } cases[] = {
        {{0x0f, 0x11, 0x07}, INSN_REFUSED},       /* movups [rdi], xmm0 */
        {{0xc5, 0xfe, 0x7f, 0x07}, INSN_REFUSED}, /* vmovdqu [rdi], ymm0 */
        {{0xdd, 0x07}, INSN_REFUSED},             /* fld qword [rdi] */
        {{0xf7, 0x37}, INSN_REFUSED},             /* div dword [rdi] */
        {{0x0f, 0xc7, 0x0f}, INSN_REFUSED},       /* cmpxchg8b [rdi] */
        {{0x90}, INSN_REFUSED},                   /* nop */
        {{0x0f, 0xae, 0x3f}, INSN_DONE},          /* clflush [rdi] */
        {{0x66, 0x0f, 0xae, 0x37}, INSN_DONE},    /* clwb [rdi] */
    };
    for (unsigned i = 0; i < ARRAY_COUNT(cases); i++) {
        static struct world world;
        uint64_t rflags = RFLAGS_ONE;
        world.gpr[DI] = DEVICE;
        assert_int_equal(world_run(&world, INSN_64, cases[i].bytes, 8, &rflags), cases[i].outcome);
        assert_int_equal(world.read_count + world.write_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_operand),
        cmocka_unit_test(compare_exchange_that_is_equal),
        cmocka_unit_test(strings_progress_exactly),
        cmocka_unit_test(strings_move_the_data),
        cmocka_unit_test(small_addresses_wrap),
        cmocka_unit_test(push_and_pop),
        cmocka_unit_test(addresses_are_computed),
        cmocka_unit_test(an_access_may_cross_a_page),
        cmocka_unit_test(the_rest_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/insn_cr.h"
#include "kernel/lib/types.h"

#define IN(mode) (1u << INSN_##mode)
#define LEGACY   (IN(16) | IN(32))
#define ANY      (LEGACY | IN(64))
#define NONE     INSN_NO_REG

/* Bytes with their meaning in each of `modes`; in the others they are none of these instructions.
 */
struct encoding {
    const char *text;
    unsigned modes;
    uint8_t length;
    uint8_t bytes[15];
    uint8_t op, number, gpr;
    uint8_t size; /* SMSW to a register; else 0 */
};

static const struct encoding encodings[] = {
    {"mov cr0, eax", ANY, 3, {0x0f, 0x22, 0xc0}, INSN_CR_WRITE, 0, 0, 0},
    {"mov cr0, edi", ANY, 3, {0x0f, 0x22, 0xc7}, INSN_CR_WRITE, 0, 7, 0},
    {"mov cr4, ebx", ANY, 3, {0x0f, 0x22, 0xe3}, INSN_CR_WRITE, 4, 3, 0},
    {"mov cr3, esp", ANY, 3, {0x0f, 0x22, 0xdc}, INSN_CR_WRITE, 3, 4, 0},
    {"mov eax, cr0", ANY, 3, {0x0f, 0x20, 0xc0}, INSN_CR_READ, 0, 0, 0},
    {"mov edx, cr2", ANY, 3, {0x0f, 0x20, 0xd2}, INSN_CR_READ, 2, 2, 0},
    {"mov esi, cr4", ANY, 3, {0x0f, 0x20, 0xe6}, INSN_CR_READ, 4, 6, 0},
    /* The mode bits of ModRM are ignored: no displacement follows. */
    {"mov cr0, eax; mod 0", ANY, 3, {0x0f, 0x22, 0x00}, INSN_CR_WRITE, 0, 0, 0},
    {"mov cr0, ebp; mod 1", ANY, 3, {0x0f, 0x22, 0x45}, INSN_CR_WRITE, 0, 5, 0},
    {"mov esp, cr4; mod 2", ANY, 3, {0x0f, 0x20, 0xa4}, INSN_CR_READ, 4, 4, 0},
    /* Prefixes that change nothing. */
    {"66 mov cr0, eax", ANY, 4, {0x66, 0x0f, 0x22, 0xc0}, INSN_CR_WRITE, 0, 0, 0},
    {"rep mov cr0, ecx", ANY, 4, {0xf3, 0x0f, 0x22, 0xc1}, INSN_CR_WRITE, 0, 1, 0},
    {"many mov cr4, eax",
     ANY,
     14,
     {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x0f, 0x22, 0xe0},
     INSN_CR_WRITE,
     4,
     0,
     0},
    {"rex.b mov cr0, r15", IN(64), 4, {0x41, 0x0f, 0x22, 0xc7}, INSN_CR_WRITE, 0, 15, 0},
    {"rex.r mov cr8, rcx", IN(64), 4, {0x44, 0x0f, 0x22, 0xc1}, INSN_CR_WRITE, 8, 1, 0},
    {"rex.rb mov r12, cr8", IN(64), 4, {0x45, 0x0f, 0x20, 0xc4}, INSN_CR_READ, 8, 12, 0},
    {"rex.w mov cr0, rax", IN(64), 4, {0x48, 0x0f, 0x22, 0xc0}, INSN_CR_WRITE, 0, 0, 0},
    {"rex.x mov cr0, rdx", IN(64), 4, {0x42, 0x0f, 0x22, 0xc2}, INSN_CR_WRITE, 0, 2, 0},
    {"66 rex.b mov cr0, r8", IN(64), 5, {0x66, 0x41, 0x0f, 0x22, 0xc0}, INSN_CR_WRITE, 0, 8, 0},
    {"rex.b before 66: ignored", IN(64), 5, {0x41, 0x66, 0x0f, 0x22, 0xc0}, INSN_CR_WRITE, 0, 0, 0},
    {"two rex: the last counts", IN(64), 5, {0x41, 0x44, 0x0f, 0x22, 0xc0}, INSN_CR_WRITE, 8, 0, 0},
    {"clts", ANY, 2, {0x0f, 0x06}, INSN_CR_CLTS, 0, NONE, 0},
    {"66 clts", ANY, 3, {0x66, 0x0f, 0x06}, INSN_CR_CLTS, 0, NONE, 0},
    {"rex.w clts", IN(64), 3, {0x48, 0x0f, 0x06}, INSN_CR_CLTS, 0, NONE, 0},
    {"lmsw ax", ANY, 3, {0x0f, 0x01, 0xf0}, INSN_CR_LMSW, 0, 0, 0},
    {"lmsw di", ANY, 3, {0x0f, 0x01, 0xf7}, INSN_CR_LMSW, 0, 7, 0},
    {"lmsw r9w", IN(64), 4, {0x41, 0x0f, 0x01, 0xf1}, INSN_CR_LMSW, 0, 9, 0},
    {"lmsw memory, mod 0", ANY, 3, {0x0f, 0x01, 0x30}, INSN_CR_LMSW, 0, NONE, 0},
    {"lmsw memory, mod 1", ANY, 3, {0x0f, 0x01, 0x70}, INSN_CR_LMSW, 0, NONE, 0},
    {"lmsw memory, mod 2", ANY, 3, {0x0f, 0x01, 0xb7}, INSN_CR_LMSW, 0, NONE, 0},
    {"smsw memory", ANY, 3, {0x0f, 0x01, 0x20}, INSN_CR_SMSW, 0, NONE, 0},
    {"smsw memory by rex.b", IN(64), 4, {0x41, 0x0f, 0x01, 0x67}, INSN_CR_SMSW, 0, NONE, 0},
    {"smsw ax", IN(16), 3, {0x0f, 0x01, 0xe0}, INSN_CR_SMSW, 0, 0, 2},
    {"smsw ecx by 66", IN(16), 4, {0x66, 0x0f, 0x01, 0xe1}, INSN_CR_SMSW, 0, 1, 4},
    {"smsw eax", IN(32) | IN(64), 3, {0x0f, 0x01, 0xe0}, INSN_CR_SMSW, 0, 0, 4},
    {"smsw si by 66", IN(32) | IN(64), 4, {0x66, 0x0f, 0x01, 0xe6}, INSN_CR_SMSW, 0, 6, 2},
    {"smsw r11", IN(64), 4, {0x49, 0x0f, 0x01, 0xe3}, INSN_CR_SMSW, 0, 11, 8},
    {"smsw rax, 66 rex.w", IN(64), 5, {0x66, 0x48, 0x0f, 0x01, 0xe0}, INSN_CR_SMSW, 0, 0, 8},
    {"smsw ax, rex.w before 66", IN(64), 5, {0x48, 0x66, 0x0f, 0x01, 0xe0}, INSN_CR_SMSW, 0, 0, 2},
    {"smsw r8d", IN(64), 4, {0x41, 0x0f, 0x01, 0xe0}, INSN_CR_SMSW, 0, 8, 4},
};

/* From a copy of just that size, so that a sanitizer sees one byte too many. */
static bool decode(enum insn_mode mode, const uint8_t *bytes, size_t size, struct insn_cr *out)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    memset(out, 0xa5, sizeof(*out));
    bool known = insn_cr_decode(mode, copy + (size ? 0 : 1), size, out);
    free(copy);
    return known;
}

static void by_hand(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(encodings); i++)
        for (unsigned mode = INSN_16; mode <= INSN_64; mode++) {
            const struct encoding *e = &encodings[i];
            struct insn_cr cr;
            if (!(e->modes >> mode & 1))
                continue;
            if (!decode((enum insn_mode)mode, e->bytes, e->length, &cr))
                fail_msg("%s, mode %u: unknown", e->text, mode);
            if (cr.op != e->op || cr.number != e->number || cr.gpr != e->gpr ||
                (e->size != 0 && cr.size != e->size))
                fail_msg("%s, mode %u: op %u, cr%u, gpr %u, %u bytes", e->text, mode, cr.op,
                         cr.number, cr.gpr, cr.size);
            for (size_t cut = 0; cut < e->length; cut++)
                if (decode((enum insn_mode)mode, e->bytes, cut, &cr))
                    fail_msg("%s, mode %u: known after %zu bytes", e->text, mode, cut);
        }
}

/* Outside 64-bit mode REX is INC or DEC. */
static void rex_is_for_64_bits(void **state)
{
    (void)state;
    struct insn_cr cr;
    for (unsigned rex = 0x40; rex < 0x50; rex++) {
        const uint8_t bytes[] = {(uint8_t)rex, 0x0f, 0x22, 0xc0};
        assert_false(decode(INSN_16, bytes, sizeof(bytes), &cr));
        assert_false(decode(INSN_32, bytes, sizeof(bytes), &cr));
        assert_true(decode(INSN_64, bytes, sizeof(bytes), &cr));
    }
}

/* Everything behind 0F without prefix: nothing else is taken for one of these. */
static void no_other(void **state)
{
    (void)state;
    for (unsigned mode = INSN_16; mode <= INSN_64; mode++)
        for (unsigned n = 0; n < 0x10000; n++) {
            const uint8_t bytes[] = {0x0f, (uint8_t)(n >> 8), (uint8_t)n};
            unsigned reg = n >> 3 & 7;
            bool group = bytes[1] == 0x01 && (reg == 4 || reg == 6);
            bool want = bytes[1] == 0x06 || bytes[1] == 0x20 || bytes[1] == 0x22 || group;
            struct insn_cr cr;
            if (decode((enum insn_mode)mode, bytes, sizeof(bytes), &cr) != want)
                fail_msg("mode %u: 0f %02x %02x", mode, bytes[1], bytes[2]);
        }
    for (unsigned first = 0; first < 0x100; first++) {
        const uint8_t bytes[] = {(uint8_t)first, 0x22, 0xc0};
        struct insn_cr cr;
        assert_int_equal(decode(INSN_64, bytes, sizeof(bytes), &cr), first == 0x0f);
    }
}

static void prefixes_only(void **state)
{
    (void)state;
    uint8_t bytes[15];
    struct insn_cr cr;
    memset(bytes, 0x66, sizeof(bytes));
    assert_false(decode(INSN_64, bytes, sizeof(bytes), &cr));
    memset(bytes, 0x48, sizeof(bytes));
    assert_false(decode(INSN_64, bytes, sizeof(bytes), &cr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(rex_is_for_64_bits),
        cmocka_unit_test(no_other),
        cmocka_unit_test(prefixes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * \_S5 without an AML interpreter: it must be a plain package of numbers, so its bytes can be found
 * and read as they are. ACPI Specification "ACPI Machine Language (AML) Specification" and
 * "\_Sx (System States)".
 */
#include "kernel/acpi/parse.h"
#include "kernel/lib/mem.h"

enum aml_op {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_QWORD = 0x0e,
    AML_PACKAGE = 0x12,
    AML_ONES = 0xff,
};

#define SLP_TYP_MASK 7

/* The bytes of a package behind its opcode, which its PkgLength (of 1 to 4 bytes) counts. */
static struct cursor read_package(struct cursor *aml)
{
    size_t before = cursor_left(aml);
    uint8_t lead = cursor_u8(aml);
    unsigned more = lead >> 6;
    uint32_t length = more ? lead & 0x0f : lead & 0x3f;
    size_t used;

    for (unsigned i = 0; i < more; i++)
        length |= (uint32_t)cursor_u8(aml) << (4 + 8 * i);
    used = before - cursor_left(aml);
    if (!cursor_ok(aml) || length < used)
        return cursor_over(NULL, 0);
    return cursor_sub(aml, length - used);
}

static bool read_integer(struct cursor *aml, uint64_t *value)
{
    uint8_t op = cursor_u8(aml);

    switch (op) {
    case AML_ZERO:
    case AML_ONE:
        *value = op;
        break;
    case AML_BYTE:
        *value = cursor_u8(aml);
        break;
    case AML_WORD:
        *value = cursor_u16(aml);
        break;
    case AML_DWORD:
        *value = cursor_u32(aml);
        break;
    case AML_QWORD:
        *value = cursor_u64(aml);
        break;
    case AML_ONES:
        *value = UINT64_MAX;
        break;
    default:
        return false;
    }
    return cursor_ok(aml);
}

/* Behind the name. A package of one number holds both types in its bytes. */
static bool read_s5(struct cursor aml, uint8_t *type_a, uint8_t *type_b)
{
    struct cursor package;
    uint64_t a, b;
    uint8_t count;

    if (cursor_u8(&aml) != AML_PACKAGE)
        return false;
    package = read_package(&aml);
    count = cursor_u8(&package);
    if (!cursor_ok(&package) || count == 0 || !read_integer(&package, &a))
        return false;
    b = a >> 8;
    if (count > 1 && !read_integer(&package, &b))
        return false;
    *type_a = a & SLP_TYP_MASK;
    *type_b = b & SLP_TYP_MASK;
    return true;
}

bool acpi_find_s5(const uint8_t *aml, size_t size, uint8_t *type_a, uint8_t *type_b)
{
    struct cursor at = cursor_over(aml, size);

    while (cursor_left(&at) > 0) {
        struct cursor name;

        if (cursor_u8(&at) != AML_NAME)
            continue;
        name = at;
        if (cursor_left(&name) > 0 && cursor_peek_u8(&name, 0) == '\\')
            cursor_skip(&name, 1);
        if (cursor_left(&name) > 4 && memcmp(cursor_bytes(&name, 4), "_S5_", 4) == 0 &&
            read_s5(name, type_a, type_b))
            return true;
    }
    return false;
}

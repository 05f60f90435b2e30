/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/insn_table.h"

#define M     INSN_SHAPE_MODRM
#define NOT64 INSN_SHAPE_NOT_64
#define UNDEF INSN_SHAPE_UNDEFINED

struct range {
    uint8_t first, last, shape;
};

/* SDM Vol. 2D "One-Byte Opcode Map"; 00..3F by rule, what is not listed is one byte long. */
static const struct range map_1[] = {
    {0x60, 0x61, NOT64},
    {0x62, 0x62, M | NOT64},
    {0x63, 0x63, M},
    {0x68, 0x68, INSN_IMM_Z},
    {0x69, 0x69, M | INSN_IMM_Z},
    {0x6a, 0x6a, INSN_IMM_8},
    {0x6b, 0x6b, M | INSN_IMM_8},
    {0x70, 0x7f, INSN_IMM_8},
    {0x80, 0x80, M | INSN_IMM_8},
    {0x81, 0x81, M | INSN_IMM_Z},
    {0x82, 0x82, M | NOT64 | INSN_IMM_8},
    {0x83, 0x83, M | INSN_IMM_8},
    {0x84, 0x8f, M},
    {0x9a, 0x9a, NOT64 | INSN_IMM_FAR},
    {0xa0, 0xa3, INSN_IMM_ADDRESS},
    {0xa8, 0xa8, INSN_IMM_8},
    {0xa9, 0xa9, INSN_IMM_Z},
    {0xb0, 0xb7, INSN_IMM_8},
    {0xb8, 0xbf, INSN_IMM_V},
    {0xc0, 0xc1, M | INSN_IMM_8},
    {0xc2, 0xc2, INSN_IMM_16},
    {0xc4, 0xc5, M | NOT64},
    {0xc6, 0xc6, M | INSN_IMM_8},
    {0xc7, 0xc7, M | INSN_IMM_Z},
    {0xc8, 0xc8, INSN_IMM_16_8},
    {0xca, 0xca, INSN_IMM_16},
    {0xcd, 0xcd, INSN_IMM_8},
    {0xce, 0xce, NOT64},
    {0xd0, 0xd3, M},
    {0xd4, 0xd5, NOT64 | INSN_IMM_8},
    {0xd6, 0xd6, UNDEF},
    {0xd8, 0xdf, M},
    {0xe0, 0xe7, INSN_IMM_8},
    {0xe8, 0xe9, INSN_IMM_NEAR},
    {0xea, 0xea, NOT64 | INSN_IMM_FAR},
    {0xeb, 0xeb, INSN_IMM_8},
    {0xf6, 0xf7, M | INSN_IMM_GROUP3},
    {0xfe, 0xff, M},
};

/* SDM Vol. 2D "Two-Byte Opcode Map"; what is not listed has a ModRM byte and no immediate. */
static const struct range map_0f[] = {
    {0x04, 0x04, UNDEF},
    {0x05, 0x09, 0},
    {0x0a, 0x0a, UNDEF},
    {0x0b, 0x0b, 0},
    {0x0c, 0x0c, UNDEF},
    {0x0e, 0x0f, UNDEF},
    {0x24, 0x27, UNDEF},
    {0x30, 0x35, 0},
    {0x36, 0x36, UNDEF},
    {0x37, 0x37, 0},
    {0x39, 0x39, UNDEF},
    {0x3b, 0x3f, UNDEF},
    {0x70, 0x73, M | INSN_IMM_8},
    {0x77, 0x77, 0},
    {0x7a, 0x7b, UNDEF},
    {0x80, 0x8f, INSN_IMM_NEAR},
    {0xa0, 0xa2, 0},
    {0xa4, 0xa4, M | INSN_IMM_8},
    {0xa6, 0xa7, UNDEF},
    {0xa8, 0xaa, 0},
    {0xac, 0xac, M | INSN_IMM_8},
    {0xba, 0xba, M | INSN_IMM_8},
    {0xc2, 0xc2, M | INSN_IMM_8},
    {0xc4, 0xc6, M | INSN_IMM_8},
    {0xc8, 0xcf, 0},
};

/* The VEX and EVEX half of that map: as above, but the general instructions are not there. */
static const struct range map_vex_0f[] = {
    {0x70, 0x73, M | INSN_IMM_8},
    {0x77, 0x77, 0},
    {0xc2, 0xc2, M | INSN_IMM_8},
    {0xc4, 0xc6, M | INSN_IMM_8},
};

#undef M
#undef NOT64
#undef UNDEF

static uint8_t find(const struct range *ranges, size_t count, uint8_t opcode, uint8_t otherwise)
{
    for (size_t i = 0; i < count && ranges[i].first <= opcode; i++)
        if (opcode <= ranges[i].last)
            return ranges[i].shape;
    return otherwise;
}

/* 00..3F: eight ALU operations in six forms each; the rest are segments, decimals and prefixes. */
static uint8_t shape_alu(uint8_t opcode)
{
    static const uint8_t forms[8] = {
        INSN_SHAPE_MODRM, INSN_SHAPE_MODRM, INSN_SHAPE_MODRM,  INSN_SHAPE_MODRM,
        INSN_IMM_8,       INSN_IMM_Z,       INSN_SHAPE_NOT_64, INSN_SHAPE_NOT_64,
    };
    return forms[opcode & 7];
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint8_t insn_shape(unsigned map, uint8_t opcode)
{
    switch ((enum insn_map)map) {
    case INSN_MAP_1:
        return opcode < 0x40 ? shape_alu(opcode) : find(map_1, COUNT(map_1), opcode, 0);
    case INSN_MAP_0F:
        return find(map_0f, COUNT(map_0f), opcode, INSN_SHAPE_MODRM);
    case INSN_MAP_VEX_0F:
        return find(map_vex_0f, COUNT(map_vex_0f), opcode, INSN_SHAPE_MODRM);
    case INSN_MAP_0F3A:
    case INSN_MAP_VEX_0F3A:
        return INSN_SHAPE_MODRM | INSN_IMM_8;
    case INSN_MAP_0F38:
    case INSN_MAP_VEX_0F38:
    case INSN_MAP_VEX_5:
    case INSN_MAP_VEX_LAST:
        return INSN_SHAPE_MODRM;
    case INSN_MAP_VEX_4:
        break;
    }
    return INSN_SHAPE_UNDEFINED;
}

/* Pairs of opcodes (byte, then word) that touch memory in a way we emulate. */
static const struct pair {
    uint8_t map;
    uint8_t opcode; /* the even one */
    uint8_t op;
    uint8_t flags;
} pairs[] = {
    {INSN_MAP_1, 0x84, INSN_TEST, 0},
    {INSN_MAP_1, 0x86, INSN_XCHG, INSN_FORM_TO_MEMORY},
    {INSN_MAP_1, 0x88, INSN_STORE, INSN_FORM_TO_MEMORY},
    {INSN_MAP_1, 0x8a, INSN_LOAD, 0},
    {INSN_MAP_1, 0xa0, INSN_LOAD, INSN_FORM_ACCUMULATOR},
    {INSN_MAP_1, 0xa2, INSN_STORE, INSN_FORM_TO_MEMORY | INSN_FORM_ACCUMULATOR},
    {INSN_MAP_1, 0xa4, INSN_MOVS, INSN_FORM_STRING},
    {INSN_MAP_1, 0xaa, INSN_STOS, INSN_FORM_STRING | INSN_FORM_TO_MEMORY},
    {INSN_MAP_1, 0xac, INSN_LODS, INSN_FORM_STRING},
    {INSN_MAP_0F, 0xb6, INSN_LOAD_ZERO_EXTEND, 0},
    {INSN_MAP_0F, 0xbe, INSN_LOAD_SIGN_EXTEND, 0},
};

/* Groups 1, 3 and 11: ModRM.reg chooses the operation on memory and an immediate. */
static bool group_form(uint8_t opcode, unsigned reg, struct insn_form *out)
{
    uint8_t byte = (opcode & 1) == 0 ? INSN_FORM_BYTE : 0;
    if (opcode >= 0x80 && opcode <= 0x83) {
        uint8_t op = (uint8_t)(INSN_ADD + reg);
        uint8_t to_memory = op == INSN_CMP ? 0 : INSN_FORM_TO_MEMORY;
        *out = (struct insn_form){op, (uint8_t)(byte | INSN_FORM_IMMEDIATE | to_memory)};
        return true;
    }
    if ((opcode & 0xfe) == 0xf6 && reg <= 1) {
        *out = (struct insn_form){INSN_TEST, (uint8_t)(byte | INSN_FORM_IMMEDIATE)};
        return true;
    }
    if ((opcode & 0xfe) == 0xc6 && reg == 0) {
        *out = (struct insn_form){INSN_STORE,
                                  (uint8_t)(byte | INSN_FORM_IMMEDIATE | INSN_FORM_TO_MEMORY)};
        return true;
    }
    return false;
}

bool insn_form_find(unsigned map, uint8_t opcode, unsigned reg, struct insn_form *out)
{
    uint8_t byte = (opcode & 1) == 0 ? INSN_FORM_BYTE : 0;
    if (map == INSN_MAP_1 && opcode < 0x40 && (opcode & 7) < 4) {
        uint8_t op = (uint8_t)(INSN_ADD + (opcode >> 3));
        bool to_memory = (opcode & 2) == 0 && op != INSN_CMP;
        *out = (struct insn_form){op, (uint8_t)(byte | (to_memory ? INSN_FORM_TO_MEMORY : 0))};
        return true;
    }
    if (map == INSN_MAP_1 && opcode == 0x63) {
        *out = (struct insn_form){INSN_LOAD_SIGN_EXTEND, INSN_FORM_DWORD};
        return true;
    }
    for (size_t i = 0; i < COUNT(pairs); i++) {
        if (pairs[i].map != map || pairs[i].opcode != (opcode & 0xfe))
            continue;
        *out = (struct insn_form){pairs[i].op, (uint8_t)(byte | pairs[i].flags)};
        return true;
    }
    return map == INSN_MAP_1 && group_form(opcode, reg, out);
}

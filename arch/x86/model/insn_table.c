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

/*
 * What touches memory in a way we emulate: opcodes `first` to `last` with ModRM.reg in a range,
 * which for a group counts on from `op`. Encodings that the processor refuses before it touches
 * memory (LOCK or 66 where they may not be) are not told apart.
 */
static const struct row {
    uint8_t map, first, last;
    uint8_t regs; /* first in the high digit, last in the low one */
    uint8_t op, flags;
} rows[] = {
#define ANY       0x07
#define MEMORY    INSN_FORM_MEMORY_FIRST
#define IMMEDIATE INSN_FORM_IMMEDIATE
#define STRING    INSN_FORM_STRING
#define FIXED     INSN_FORM_FIXED
#define WHOLE     INSN_FORM_WHOLE
#define GROUP     (INSN_FORM_GROUP | INSN_FORM_MEMORY_FIRST)
    {INSN_MAP_1, 0x63, 0x63, ANY, INSN_LOAD_SIGN_EXTEND, WHOLE},
    {INSN_MAP_1, 0x69, 0x69, ANY, INSN_IMUL, WHOLE | IMMEDIATE},
    {INSN_MAP_1, 0x6b, 0x6b, ANY, INSN_IMUL, WHOLE | IMMEDIATE},
    {INSN_MAP_1, 0x6c, 0x6d, ANY, INSN_INS, STRING},
    {INSN_MAP_1, 0x6e, 0x6f, ANY, INSN_OUTS, STRING},
    {INSN_MAP_1, 0x80, 0x83, ANY, INSN_ADD, GROUP | IMMEDIATE},
    {INSN_MAP_1, 0x84, 0x85, ANY, INSN_TEST, MEMORY},
    {INSN_MAP_1, 0x86, 0x87, ANY, INSN_XCHG, MEMORY},
    {INSN_MAP_1, 0x88, 0x89, ANY, INSN_STORE, MEMORY},
    {INSN_MAP_1, 0x8a, 0x8b, ANY, INSN_LOAD, 0},
    {INSN_MAP_1, 0x8f, 0x8f, 0x00, INSN_POP, GROUP | WHOLE | INSN_FORM_STACK},
    {INSN_MAP_1, 0xa0, 0xa1, ANY, INSN_LOAD, FIXED},
    {INSN_MAP_1, 0xa2, 0xa3, ANY, INSN_STORE, MEMORY | FIXED},
    {INSN_MAP_1, 0xa4, 0xa5, ANY, INSN_MOVS, STRING},
    {INSN_MAP_1, 0xa6, 0xa7, ANY, INSN_CMPS, STRING},
    {INSN_MAP_1, 0xaa, 0xab, ANY, INSN_STOS, STRING | FIXED},
    {INSN_MAP_1, 0xac, 0xad, ANY, INSN_LODS, STRING | FIXED},
    {INSN_MAP_1, 0xae, 0xaf, ANY, INSN_SCAS, STRING | FIXED},
    {INSN_MAP_1, 0xc0, 0xc1, ANY, INSN_ROL, GROUP | IMMEDIATE},
    {INSN_MAP_1, 0xc6, 0xc7, 0x00, INSN_STORE, GROUP | IMMEDIATE},
    {INSN_MAP_1, 0xd0, 0xd3, ANY, INSN_ROL, GROUP | FIXED},
    {INSN_MAP_1, 0xf6, 0xf7, 0x00, INSN_TEST, GROUP | IMMEDIATE},
    {INSN_MAP_1, 0xf6, 0xf7, 0x11, INSN_TEST, GROUP | IMMEDIATE},
    {INSN_MAP_1, 0xf6, 0xf7, 0x23, INSN_NOT, GROUP},
    {INSN_MAP_1, 0xfe, 0xff, 0x01, INSN_INC, GROUP},
    {INSN_MAP_1, 0xff, 0xff, 0x66, INSN_PUSH, INSN_FORM_GROUP | WHOLE | INSN_FORM_STACK},
    {INSN_MAP_0F, 0x40, 0x4f, ANY, INSN_LOAD_IF, WHOLE},
    {INSN_MAP_0F, 0x90, 0x9f, ANY, INSN_SET, GROUP},
    {INSN_MAP_0F, 0xa3, 0xa3, ANY, INSN_BT, MEMORY | WHOLE},
    {INSN_MAP_0F, 0xab, 0xab, ANY, INSN_BTS, MEMORY | WHOLE},
    {INSN_MAP_0F, 0xae, 0xae, 0x66, INSN_FLUSH, INSN_FORM_GROUP | INSN_FORM_PLAIN},
    {INSN_MAP_0F, 0xae, 0xae, 0x77, INSN_FLUSH, INSN_FORM_GROUP | INSN_FORM_PLAIN},
    {INSN_MAP_0F, 0xaf, 0xaf, ANY, INSN_IMUL, WHOLE},
    {INSN_MAP_0F, 0xb0, 0xb1, ANY, INSN_CMPXCHG, MEMORY},
    {INSN_MAP_0F, 0xb3, 0xb3, ANY, INSN_BTR, MEMORY | WHOLE},
    {INSN_MAP_0F, 0xb6, 0xb7, ANY, INSN_LOAD_ZERO_EXTEND, 0},
    {INSN_MAP_0F, 0xba, 0xba, 0x47, INSN_BT, GROUP | IMMEDIATE | WHOLE},
    {INSN_MAP_0F, 0xbb, 0xbb, ANY, INSN_BTC, MEMORY | WHOLE},
    {INSN_MAP_0F, 0xbe, 0xbf, ANY, INSN_LOAD_SIGN_EXTEND, 0},
    {INSN_MAP_0F, 0xc0, 0xc1, ANY, INSN_XADD, MEMORY},
    {INSN_MAP_0F, 0xc3, 0xc3, ANY, INSN_STORE, MEMORY | WHOLE},
    {INSN_MAP_0F38, 0xf0, 0xf0, ANY, INSN_LOAD, WHOLE | INSN_FORM_PLAIN},
    {INSN_MAP_0F38, 0xf1, 0xf1, ANY, INSN_STORE, MEMORY | WHOLE | INSN_FORM_PLAIN},
#undef ANY
#undef MEMORY
#undef IMMEDIATE
#undef STRING
#undef FIXED
#undef WHOLE
#undef GROUP
};

bool insn_form_find(unsigned map, uint8_t opcode, unsigned reg, struct insn_form *out)
{
    if (map == INSN_MAP_1 && opcode < 0x40 && (opcode & 7) < 4) {
        out->op = (uint8_t)(INSN_ADD + (opcode >> 3));
        out->flags = (opcode & 2) == 0 ? INSN_FORM_MEMORY_FIRST : 0;
        return true;
    }
    for (const struct row *row = rows; row < rows + COUNT(rows); row++) {
        unsigned first = row->regs >> 4;
        if (row->map != map || opcode < row->first || opcode > row->last || reg < first ||
            reg > (row->regs & 7u))
            continue;
        out->op = row->op;
        out->flags = row->flags;
        if ((row->flags & INSN_FORM_GROUP) != 0 && row->op != INSN_SET)
            out->op = (uint8_t)(row->op + reg - first);
        return true;
    }
    return false;
}

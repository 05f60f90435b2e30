/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/insn.h"

#include "arch/x86/model/insn_table.h"

/* Where we are in the bytes, and what the prefixes said. */
struct decoder {
    enum insn_mode mode;
    const uint8_t *bytes;
    size_t size; /* at most 15 */
    size_t at;
    struct insn *out;
    uint8_t rex;    /* 0, or 0x40..0x4f */
    bool operand16; /* 66 */
    bool address;   /* 67 */
    bool vex_bars;  /* a prefix that no VEX or EVEX may follow */
    uint8_t repeat; /* F2, F3 or 0 */
    uint8_t segment;
    uint8_t map; /* enum insn_map */
    uint8_t opcode;
    uint8_t modrm;
};

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

#define NO_SEGMENT 0xffu

static bool peek(const struct decoder *d, uint8_t *byte)
{
    if (d->at >= d->size)
        return false;
    *byte = d->bytes[d->at];
    return true;
}

static bool take(struct decoder *d, uint8_t *byte)
{
    if (!peek(d, byte))
        return false;
    d->at++;
    return true;
}

/* `count` bytes (0..8), little-endian, sign-extended. */
static bool take_signed(struct decoder *d, unsigned count, uint64_t *value)
{
    uint64_t bits = 0;
    if (d->size - d->at < count)
        return false;
    for (unsigned i = 0; i < count; i++)
        bits |= (uint64_t)d->bytes[d->at + i] << 8 * i;
    d->at += count;
    if (count > 0 && count < 8 && (bits >> (8 * count - 1) & 1) != 0)
        bits |= ~UINT64_C(0) << 8 * count;
    *value = bits;
    return true;
}

/* ---- prefixes ---- */

static bool legacy_prefix(struct decoder *d, uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        /* In 64-bit mode these four mean nothing. */
        if (d->mode != INSN_64)
            d->segment = (uint8_t)(byte >> 3 & 3);
        return true;
    case 0x64:
    case 0x65:
        d->segment = (uint8_t)(byte - 0x64 + INSN_FS);
        return true;
    case 0x66:
        d->operand16 = true;
        d->vex_bars = true;
        return true;
    case 0x67:
        d->address = true;
        return true;
    case 0xf0:
        d->out->lock = true;
        d->vex_bars = true;
        return true;
    case 0xf2:
    case 0xf3:
        d->repeat = byte;
        d->vex_bars = true;
        return true;
    default:
        return false;
    }
}

static bool prefixes(struct decoder *d)
{
    uint8_t byte;
    while (peek(d, &byte)) {
        if (legacy_prefix(d, byte))
            d->rex = 0; /* a REX counts only right before the opcode */
        else if (d->mode == INSN_64 && (byte & 0xf0) == 0x40)
            d->rex = byte;
        else
            return true;
        d->at++;
    }
    return false;
}

static void sizes(struct decoder *d)
{
    bool default16 = d->mode == INSN_16;
    d->out->operand_size = d->operand16 != default16 ? 2 : 4;
    if ((d->rex & REX_W) != 0)
        d->out->operand_size = 8;
    if (d->mode == INSN_64)
        d->out->address_size = d->address ? 4 : 8;
    else
        d->out->address_size = d->address != default16 ? 2 : 4;
}

/* ---- opcode ---- */

/* VEX (2 or 3 bytes) and EVEX: skip to the opcode, note its map. */
static bool vex_opcode(struct decoder *d, uint8_t first)
{
    uint8_t payload = 0;
    uint8_t skip = 0;
    if (d->vex_bars || d->rex != 0 || !take(d, &payload))
        return false;
    d->map = INSN_MAP_VEX_0F;
    if (first == 0xc4)
        d->map = (uint8_t)(INSN_MAP_VEX_0F - 1 + (payload & 0x1f));
    if (first == 0x62)
        d->map = (uint8_t)(INSN_MAP_VEX_0F - 1 + (payload & 7));
    if (d->map < INSN_MAP_VEX_0F || d->map > INSN_MAP_VEX_LAST)
        return false;
    if (d->map > INSN_MAP_VEX_0F3A && first != 0x62)
        return false;
    for (unsigned i = first == 0xc5 ? 0 : first == 0xc4 ? 1 : 2; i > 0; i--)
        if (!take(d, &skip))
            return false;
    return take(d, &d->opcode);
}

/* C4, C5 and 62 are LES, LDS and BOUND outside 64-bit mode, unless ModRM would name a register. */
static bool is_vex(const struct decoder *d, uint8_t byte)
{
    uint8_t next = 0;
    if (byte != 0xc4 && byte != 0xc5 && byte != 0x62)
        return false;
    return d->mode == INSN_64 || (peek(d, &next) && next >= 0xc0);
}

static bool opcode(struct decoder *d)
{
    uint8_t byte;
    if (!take(d, &byte))
        return false;
    if (is_vex(d, byte))
        return vex_opcode(d, byte);
    d->map = INSN_MAP_1;
    if (byte == 0x0f) {
        d->map = INSN_MAP_0F;
        if (!take(d, &byte))
            return false;
        if (byte == 0x38 || byte == 0x3a) {
            d->map = byte == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
            if (!take(d, &byte))
                return false;
        }
    }
    d->opcode = byte;
    return true;
}

/* ---- ModRM ---- */

/* Base and index of 16-bit addressing, by ModRM.rm. */
static const struct {
    uint8_t base, index;
} rm16[8] = {
    {3, 6},           {3, 7},           {5, 6},           {5, 7},
    {6, INSN_NO_REG}, {7, INSN_NO_REG}, {5, INSN_NO_REG}, {3, INSN_NO_REG},
};

static bool memory16(struct decoder *d)
{
    struct insn *out = d->out;
    unsigned mod = d->modrm >> 6;
    unsigned rm = d->modrm & 7;
    unsigned count = mod;
    out->base = rm16[rm].base;
    out->index = rm16[rm].index;
    if (mod == 0 && rm == 6) {
        out->base = INSN_NO_REG;
        count = 2;
    }
    uint64_t displacement = 0;
    if (!take_signed(d, count, &displacement))
        return false;
    out->displacement = (int64_t)displacement;
    return true;
}

static bool sib(struct decoder *d)
{
    struct insn *out = d->out;
    uint8_t byte;
    if (!take(d, &byte))
        return false;
    out->scale = (uint8_t)(1u << (byte >> 6));
    out->index = (uint8_t)((byte >> 3 & 7) | ((d->rex & REX_X) != 0 ? 8 : 0));
    if (out->index == 4)
        out->index = INSN_NO_REG;
    out->base = (uint8_t)((byte & 7) | ((d->rex & REX_B) != 0 ? 8 : 0));
    if ((byte & 7) == 5 && d->modrm >> 6 == 0)
        out->base = INSN_NO_REG;
    return true;
}

static bool memory32(struct decoder *d)
{
    struct insn *out = d->out;
    unsigned mod = d->modrm >> 6;
    unsigned rm = d->modrm & 7;
    unsigned count = mod == 2 ? 4 : mod;
    out->base = (uint8_t)(rm | ((d->rex & REX_B) != 0 ? 8 : 0));
    if (rm == 4 && !sib(d))
        return false;
    if (mod == 0 && rm == 5) {
        out->base = INSN_NO_REG;
        out->rip_relative = d->mode == INSN_64;
        count = 4;
    }
    if (mod == 0 && rm == 4 && out->base == INSN_NO_REG)
        count = 4;
    uint64_t displacement = 0;
    if (!take_signed(d, count, &displacement))
        return false;
    out->displacement = (int64_t)displacement;
    return true;
}

static bool modrm(struct decoder *d)
{
    struct insn *out = d->out;
    if (!take(d, &d->modrm))
        return false;
    bool register_only = d->map == INSN_MAP_0F && (d->opcode & 0xfc) == 0x20; /* MOV CR, DR */
    if (d->modrm >= 0xc0 || register_only)
        return true;
    out->has_memory = true;
    out->scale = 1;
    if (!(out->address_size == 2 ? memory16(d) : memory32(d)))
        return false;
    bool stack = out->base == 4 || out->base == 5; /* rSP, rBP */
    out->segment = stack ? INSN_SS : INSN_DS;
    return true;
}

/* ---- immediates ---- */

static bool immediate(struct decoder *d, unsigned kind)
{
    struct insn *out = d->out;
    unsigned z = out->operand_size == 2 ? 2 : 4;
    unsigned count = 0;
    switch ((enum insn_immediate)kind) {
    case INSN_IMM_NONE:
        return true;
    case INSN_IMM_GROUP3:
        if ((d->modrm & 0x30) != 0) /* only TEST has one */
            return true;
        count = d->opcode == 0xf6 ? 1 : z;
        break;
    case INSN_IMM_8:
        count = 1;
        break;
    case INSN_IMM_16:
        count = 2;
        break;
    case INSN_IMM_16_8:
        count = 3;
        break;
    case INSN_IMM_Z:
        count = z;
        break;
    case INSN_IMM_V:
        count = out->operand_size;
        break;
    case INSN_IMM_NEAR:
        count = d->mode == INSN_64 ? 4 : z;
        break;
    case INSN_IMM_FAR:
        count = z + 2;
        break;
    case INSN_IMM_ADDRESS:
        count = out->address_size;
        out->has_memory = true;
        out->segment = INSN_DS;
        break;
    }
    if (kind != INSN_IMM_ADDRESS)
        return take_signed(d, count, &out->immediate);
    uint64_t address = 0;
    if (!take_signed(d, count, &address))
        return false;
    if (count < 8)
        address &= (UINT64_C(1) << 8 * count) - 1;
    out->displacement = (int64_t)address;
    return true;
}

/* ---- what it does ---- */

/* The register of a byte instruction: AH..BH without REX. */
static void set_reg(struct decoder *d, unsigned size, unsigned number)
{
    struct insn *out = d->out;
    out->reg = (uint8_t)number;
    if (size == 1 && d->rex == 0 && number >= 4 && number < 8) {
        out->reg = (uint8_t)(number - 4);
        out->reg_high = true;
    }
}

static void classify(struct decoder *d)
{
    struct insn *out = d->out;
    struct insn_form form;
    if (!insn_form_find(d->map, d->opcode, d->modrm >> 3 & 7, &form))
        return;
    bool byte = (form.flags & INSN_FORM_BYTE) != 0;
    bool string = (form.flags & INSN_FORM_STRING) != 0;
    bool arpl = d->map == INSN_MAP_1 && d->opcode == 0x63 && d->mode != INSN_64;
    if ((!out->has_memory && !string) || arpl)
        return;
    out->op = form.op;
    out->memory_size = byte ? 1 : out->operand_size;
    out->to_memory = (form.flags & INSN_FORM_TO_MEMORY) != 0;
    out->has_immediate = (form.flags & INSN_FORM_IMMEDIATE) != 0;
    unsigned reg = (d->modrm >> 3 & 7u) | ((d->rex & REX_R) != 0 ? 8 : 0);
    if (string) {
        out->rep = d->repeat != 0;
        out->segment = (form.flags & INSN_FORM_TO_MEMORY) != 0 ? INSN_ES : INSN_DS;
        reg = form.op == INSN_MOVS ? INSN_NO_REG : 0;
    }
    if ((form.flags & INSN_FORM_ACCUMULATOR) != 0)
        reg = 0;
    if (form.op == INSN_LOAD_ZERO_EXTEND || form.op == INSN_LOAD_SIGN_EXTEND) {
        unsigned from = (form.flags & INSN_FORM_DWORD) != 0 ? 4 : 2;
        out->memory_size =
            byte ? 1 : (uint8_t)(from < out->operand_size ? from : out->operand_size);
        out->reg = (uint8_t)reg;
        return;
    }
    if (byte)
        out->operand_size = 1;
    if (!out->has_immediate && reg != INSN_NO_REG)
        set_reg(d, out->operand_size, reg);
}

bool insn_decode(enum insn_mode mode, const uint8_t *bytes, size_t size, struct insn *out)
{
    *out = (struct insn){
        .reg = INSN_NO_REG, .base = INSN_NO_REG, .index = INSN_NO_REG, .segment = INSN_DS};
    struct decoder d = {
        .mode = mode,
        .bytes = bytes,
        .size = size < INSN_MAX_LENGTH ? size : INSN_MAX_LENGTH,
        .out = out,
        .segment = NO_SEGMENT,
    };
    if (!prefixes(&d))
        return false;
    sizes(&d);
    if (!opcode(&d))
        return false;
    uint8_t shape = insn_shape(d.map, d.opcode);
    if ((shape & INSN_SHAPE_UNDEFINED) != 0 ||
        ((shape & INSN_SHAPE_NOT_64) != 0 && mode == INSN_64))
        return false;
    if ((shape & INSN_SHAPE_MODRM) != 0 && !modrm(&d))
        return false;
    if (!immediate(&d, shape & INSN_SHAPE_IMMEDIATE))
        return false;
    classify(&d);
    bool es_only = out->op == INSN_STOS;
    if (d.segment != NO_SEGMENT && !es_only)
        out->segment = d.segment;
    out->length = (uint8_t)d.at;
    return true;
}

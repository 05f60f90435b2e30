/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/insn.h"

#include "arch/x86/model/insn_table.h"

/* More than the prefixes of 15 bytes, an opcode, ModRM, SIB, displacement and immediate take. */
#define PADDED 48

/* Where we are in the bytes, and what the prefixes said. */
struct decoder {
    enum insn_mode mode;
    const uint8_t *at; /* behind the instruction's bytes follow zeros: only the end is checked */
    struct insn *out;
    uint8_t rex;    /* 0, or 0x40..0x4f */
    bool operand16; /* 66 */
    bool address;   /* 67 */
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

/* A register number's fourth bit. */
static unsigned eight_if(const struct decoder *d, unsigned bit)
{
    return (d->rex & bit) != 0 ? 8 : 0;
}

/* `count` bytes (0..8), little-endian, sign-extended. */
static uint64_t take(struct decoder *d, unsigned count)
{
    uint64_t bits;
    unsigned unused = 64 - 8 * count;
    __builtin_memcpy(&bits, d->at, sizeof(bits));
    d->at += count;
    return count == 0 ? 0 : (uint64_t)((int64_t)(bits << unused) >> unused);
}

/* ---- prefixes ---- */

static bool legacy_prefix(struct decoder *d, uint8_t byte)
{
    if ((byte & 0xe7) == 0x26) {
        /* 26 2E 36 3E: in 64-bit mode these four mean nothing. */
        if (d->mode != INSN_64)
            d->segment = (uint8_t)(byte >> 3 & 3);
    } else if ((byte & 0xfe) == 0x64) {
        d->segment = (uint8_t)(byte - 0x64 + INSN_FS);
    } else if ((byte & 0xfe) == 0xf2) {
        d->repeat = byte;
    } else if (byte == 0x66) {
        d->operand16 = true;
    } else if (byte == 0x67) {
        d->address = true;
    } else if (byte == 0xf0) {
        d->out->lock = true;
    } else {
        return false;
    }
    return true;
}

static void prefixes(struct decoder *d)
{
    for (unsigned i = 0; i < INSN_MAX_LENGTH; i++, d->at++)
        if (legacy_prefix(d, *d->at))
            d->rex = 0; /* a REX counts only right before the opcode */
        else if (d->mode == INSN_64 && (*d->at & 0xf0) == 0x40)
            d->rex = *d->at;
        else
            return;
}

static void sizes(struct decoder *d)
{
    bool default16 = d->mode == INSN_16;
    d->out->operand_size = d->operand16 != default16 ? 2 : 4;
    if ((d->rex & REX_W) != 0)
        d->out->operand_size = 8;
    d->out->address_size = d->address != default16 ? 2 : 4;
    if (d->mode == INSN_64)
        d->out->address_size = d->address ? 4 : 8;
}

/* ---- opcode ---- */

/* VEX (2 or 3 bytes) and EVEX: skip to the opcode, note its map. */
static bool vex_opcode(struct decoder *d, uint8_t first)
{
    unsigned map = 1;
    bool evex = first == 0x62;
    if (d->operand16 || d->out->lock || d->repeat != 0 || d->rex != 0)
        return false;
    if (first != 0xc5)
        map = *d->at & (evex ? 7 : 0x1f);
    d->at += first == 0xc5 ? 1 : evex ? 3 : 2;
    d->opcode = *d->at++;
    d->map = (uint8_t)(INSN_MAP_VEX_0F - 1 + map);
    unsigned last = evex ? INSN_MAP_VEX_LAST : INSN_MAP_VEX_0F3A;
    return map != 0 && d->map <= last;
}

/* C4, C5 and 62 are LES, LDS and BOUND outside 64-bit mode, unless ModRM would name a register. */
static bool is_vex(const struct decoder *d, uint8_t byte)
{
    return (byte == 0xc4 || byte == 0xc5 || byte == 0x62) && (d->mode == INSN_64 || *d->at >= 0xc0);
}

static bool opcode(struct decoder *d)
{
    uint8_t byte = *d->at++;
    if (is_vex(d, byte))
        return vex_opcode(d, byte);
    d->map = INSN_MAP_1;
    if (byte == 0x0f) {
        d->map = INSN_MAP_0F;
        byte = *d->at++;
        if (byte == 0x38 || byte == 0x3a) {
            d->map = byte == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
            byte = *d->at++;
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

/* Returns how many bytes of displacement follow. */
static unsigned memory16(struct decoder *d)
{
    struct insn *out = d->out;
    unsigned mod = d->modrm >> 6;
    unsigned rm = d->modrm & 7;
    out->base = rm16[rm].base;
    out->index = rm16[rm].index;
    if (mod != 0 || rm != 6)
        return mod;
    out->base = INSN_NO_REG;
    return 2;
}

static unsigned memory32(struct decoder *d)
{
    struct insn *out = d->out;
    unsigned mod = d->modrm >> 6;
    unsigned base = d->modrm & 7;
    bool sib = base == 4;
    if (sib) {
        uint8_t byte = *d->at++;
        unsigned index = (byte >> 3 & 7u) | eight_if(d, REX_X);
        out->scale = (uint8_t)(1u << (byte >> 6));
        if (index != 4)
            out->index = (uint8_t)index;
        base = byte & 7;
    }
    if (base == 5 && mod == 0) {
        out->rip_relative = !sib && d->mode == INSN_64;
        return 4;
    }
    out->base = (uint8_t)(base | eight_if(d, REX_B));
    return mod == 2 ? 4 : mod;
}

static void modrm(struct decoder *d)
{
    struct insn *out = d->out;
    d->modrm = *d->at++;
    bool register_only = d->map == INSN_MAP_0F && (d->opcode & 0xfc) == 0x20; /* MOV CR, DR */
    if (d->modrm >= 0xc0 || register_only)
        return;
    out->has_memory = true;
    out->scale = 1;
    out->displacement = (int64_t)take(d, out->address_size == 2 ? memory16(d) : memory32(d));
    bool stack = out->base == 4 || out->base == 5; /* rSP, rBP */
    out->segment = stack ? INSN_SS : INSN_DS;
}

/* ---- immediates ---- */

static void immediate(struct decoder *d, unsigned kind)
{
    struct insn *out = d->out;
    unsigned z = out->operand_size == 2 ? 2 : 4;
    unsigned count = kind;
    switch ((enum insn_immediate)kind) {
    case INSN_IMM_NONE:
    case INSN_IMM_8:
    case INSN_IMM_16:
    case INSN_IMM_16_8:
        break;
    case INSN_IMM_GROUP3:
        count = (d->modrm & 0x30) != 0 ? 0 : d->opcode == 0xf6 ? 1 : z; /* only TEST has one */
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
        out->has_memory = true;
        out->displacement = (int64_t)take(d, out->address_size);
        return;
    }
    out->immediate = take(d, count);
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

/* A flush without 66 is XSAVEOPT, ARPL is no MOVSXD, and MOVBE is CRC32 with F2. */
static bool is_another(const struct decoder *d, const struct insn_form *form)
{
    if ((form->flags & INSN_FORM_PLAIN) != 0 && d->repeat != 0)
        return true;
    if (form->op == INSN_FLUSH)
        return (d->modrm & 0x08) == 0 && !d->operand16;
    return d->map == INSN_MAP_1 && d->opcode == 0x63 && d->mode != INSN_64;
}

static void set_sizes(struct decoder *d, const struct insn_form *form)
{
    struct insn *out = d->out;
    bool whole = (form->flags & INSN_FORM_WHOLE) != 0;
    bool byte = form->op == INSN_SET || (!whole && (d->opcode & 1) == 0);
    if ((form->flags & INSN_FORM_STACK) != 0 && d->mode == INSN_64 && out->operand_size == 4)
        out->operand_size = 8;
    bool movnti = form->op == INSN_STORE && d->opcode == 0xc3;
    if ((form->op >= INSN_INS && out->operand_size == 8) || (movnti && out->operand_size == 2))
        out->operand_size = 4; /* they have no other */
    bool extend = form->op == INSN_LOAD_ZERO_EXTEND || form->op == INSN_LOAD_SIGN_EXTEND;
    unsigned from = byte ? 1 : whole ? 4 : 2;
    if (byte && !extend)
        out->operand_size = 1;
    out->memory_size = out->operand_size;
    if (extend && from < out->operand_size)
        out->memory_size = (uint8_t)from;
}

/* The register operand, or the count of a shift. */
static void set_source(struct decoder *d, const struct insn_form *form)
{
    struct insn *out = d->out;
    unsigned reg = (d->modrm >> 3 & 7u) | eight_if(d, REX_R);
    bool fixed = (form->flags & INSN_FORM_FIXED) != 0;
    bool group = (form->flags & INSN_FORM_GROUP) != 0;
    bool string = (form->flags & INSN_FORM_STRING) != 0;
    if (group && fixed) {
        out->has_immediate = d->opcode < 0xd2; /* by 1, else by CL */
        out->immediate = out->has_immediate;
        if (!out->has_immediate)
            out->reg = 1;
    } else if (fixed) {
        out->reg = 0;
    } else if (!group && !string) {
        set_reg(d, out->operand_size, reg);
    }
}

static void classify(struct decoder *d)
{
    struct insn *out = d->out;
    struct insn_form form;
    if (!insn_form_find(d->map, d->opcode, d->modrm >> 3 & 7, &form))
        return;
    bool string = (form.flags & INSN_FORM_STRING) != 0;
    if ((!out->has_memory && !string) || is_another(d, &form))
        return;
    out->op = form.op;
    out->memory_first = (form.flags & INSN_FORM_MEMORY_FIRST) != 0;
    out->has_immediate = (form.flags & INSN_FORM_IMMEDIATE) != 0;
    out->swap = d->map == INSN_MAP_0F38;
    out->condition = d->opcode & 15;
    out->rep = string && d->repeat != 0;
    out->repne = string && d->repeat == 0xf2;
    set_sizes(d, &form);
    set_source(d, &form);
}

bool insn_decode(enum insn_mode mode, const uint8_t *bytes, size_t size, struct insn *out)
{
    uint8_t padded[PADDED] = {0};
    *out = (struct insn){
        .mode = (uint8_t)mode,
        .reg = INSN_NO_REG,
        .base = INSN_NO_REG,
        .index = INSN_NO_REG,
        .segment = INSN_DS,
    };
    struct decoder d = {.mode = mode, .at = padded, .out = out, .segment = NO_SEGMENT};
    if (size > INSN_MAX_LENGTH)
        size = INSN_MAX_LENGTH;
    for (size_t i = 0; i < size; i++)
        padded[i] = bytes[i];
    prefixes(&d);
    sizes(&d);
    if (!opcode(&d))
        return false;
    unsigned shape = insn_shape(d.map, d.opcode);
    if ((shape & INSN_SHAPE_UNDEFINED) != 0 ||
        ((shape & INSN_SHAPE_NOT_64) != 0 && mode == INSN_64))
        return false;
    if ((shape & INSN_SHAPE_MODRM) != 0)
        modrm(&d);
    immediate(&d, shape & INSN_SHAPE_IMMEDIATE);
    classify(&d);
    if (d.segment != NO_SEGMENT)
        out->segment = d.segment;
    if (out->op == INSN_STOS || out->op == INSN_SCAS || out->op == INSN_INS)
        out->segment = INSN_ES;
    out->length = (uint8_t)(d.at - padded);
    return out->length <= size;
}

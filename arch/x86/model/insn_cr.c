/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/insn_cr.h"

#define REX_R 4
#define REX_B 1
#define REX_W 8

struct prefixes {
    size_t length;
    uint8_t rex;
    bool operand_size;
};

static bool is_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

static struct prefixes prefixes_of(enum insn_mode mode, const uint8_t *bytes, size_t size)
{
    struct prefixes p = {0, 0, false};
    for (; p.length < size; p.length++) {
        uint8_t byte = bytes[p.length];
        bool rex = mode == INSN_64 && (byte & 0xf0) == 0x40;
        if (!rex && !is_prefix(byte))
            break;
        p.rex = rex ? byte : 0; /* a REX counts only right before the opcode */
        p.operand_size |= byte == 0x66;
    }
    return p;
}

/* Bytes of a register operand of SMSW. */
static uint8_t smsw_size(enum insn_mode mode, const struct prefixes *p)
{
    if (p->rex & REX_W)
        return 8;
    return (mode == INSN_16) == p->operand_size ? 4 : 2;
}

bool insn_cr_decode(enum insn_mode mode, const uint8_t *bytes, size_t size, struct insn_cr *out)
{
    struct prefixes p = prefixes_of(mode, bytes, size);
    if (size - p.length < 2 || bytes[p.length] != 0x0f)
        return false;
    uint8_t opcode = bytes[p.length + 1];
    *out = (struct insn_cr){.op = INSN_CR_CLTS, .gpr = INSN_NO_REG, .size = smsw_size(mode, &p)};
    if (opcode == 0x06)
        return true;
    if (size - p.length < 3)
        return false;
    uint8_t modrm = bytes[p.length + 2], reg = modrm >> 3 & 7;
    uint8_t rm = (uint8_t)((modrm & 7) | (p.rex & REX_B ? 8 : 0));
    if (opcode == 0x20 || opcode == 0x22) { /* always registers, whatever the mode bits say */
        out->op = opcode == 0x22 ? INSN_CR_WRITE : INSN_CR_READ;
        out->number = (uint8_t)(reg | (p.rex & REX_R ? 8 : 0));
        out->gpr = rm;
        return true;
    }
    if (opcode != 0x01 || (reg != 4 && reg != 6))
        return false;
    out->op = reg == 6 ? INSN_CR_LMSW : INSN_CR_SMSW;
    out->gpr = modrm >= 0xc0 ? rm : INSN_NO_REG;
    return true;
}

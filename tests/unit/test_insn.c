/* SPDX-License-Identifier: MIT */
/* tests/decoder compares the decoder with objdump on many more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/insn.h"
#include "kernel/lib/types.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI, R8, R9, R10, R11, R12, R13, R14, R15, NO = INSN_NO_REG };

#define BYTES(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* ---- what an access means ---- */

struct access_case {
    const char *text;
    enum insn_mode mode;
    uint8_t bytes[16];
    size_t length;
    struct insn want; /* length is taken from the bytes */
};

/* What most cases have in common. */
#define MEM(o, memory, operand, address, r, b)                                                     \
    .op = (o), .memory_size = (memory), .operand_size = (operand), .address_size = (address),      \
    .reg = (r), .base = (b), .has_memory = true
#define AT_DS             .index = NO, .scale = 1, .segment = INSN_DS
#define ALONE(o, size, b) MEM(o, size, size, 8, NO, b), AT_DS
#define STRING(o, memory, address, r, s)                                                           \
    .op = (o), .memory_size = (memory), .operand_size = (memory), .address_size = (address),       \
    .reg = (r), .base = NO, .index = NO, .segment = (s)

static const struct access_case accesses[] = {
    {"mov [rdi], eax",
     INSN_64,
     BYTES(0x89, 0x07),
     {MEM(INSN_STORE, 4, 4, 8, AX, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true}},
    {"mov [r8+0x10], r9b",
     INSN_64,
     BYTES(0x45, 0x88, 0x48, 0x10),
     {MEM(INSN_STORE, 1, 1, 8, R9, R8), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .displacement = 0x10}},
    {"mov [rbx], ah",
     INSN_64,
     BYTES(0x88, 0x23),
     {MEM(INSN_STORE, 1, 1, 8, AX, BX), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .reg_high = true}},
    {"mov [rbx], spl",
     INSN_64,
     BYTES(0x40, 0x88, 0x23),
     {MEM(INSN_STORE, 1, 1, 8, SP, BX), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true}},
    {"mov ax, [rsi-8]",
     INSN_64,
     BYTES(0x66, 0x8b, 0x46, 0xf8),
     {MEM(INSN_LOAD, 2, 2, 8, AX, SI), .index = NO, .scale = 1, .segment = INSN_DS,
      .displacement = -8}},
    {"mov rax, [rsi-0x80000000]",
     INSN_64,
     BYTES(0x48, 0x8b, 0x86, 0x00, 0x00, 0x00, 0x80),
     {MEM(INSN_LOAD, 8, 8, 8, AX, SI), .index = NO, .scale = 1, .segment = INSN_DS,
      .displacement = -0x80000000ll}},
    {"mov dl, [rip+0x100]",
     INSN_64,
     BYTES(0x8a, 0x15, 0x00, 0x01, 0x00, 0x00),
     {MEM(INSN_LOAD, 1, 1, 8, DX, NO), .index = NO, .scale = 1, .segment = INSN_DS,
      .rip_relative = true, .displacement = 0x100}},
    {"mov eax, [rbp+rcx*4+0x20]",
     INSN_64,
     BYTES(0x8b, 0x44, 0x8d, 0x20),
     {MEM(INSN_LOAD, 4, 4, 8, AX, BP), .index = CX, .scale = 4, .segment = INSN_SS,
      .displacement = 0x20}},
    {"mov eax, [r13+r12*8]",
     INSN_64,
     BYTES(0x43, 0x8b, 0x44, 0xe5, 0x00),
     {MEM(INSN_LOAD, 4, 4, 8, AX, R13), .segment = INSN_DS, .index = R12, .scale = 8}},
    {"mov eax, [rsp]",
     INSN_64,
     BYTES(0x8b, 0x04, 0x24),
     {MEM(INSN_LOAD, 4, 4, 8, AX, SP), .index = NO, .scale = 1, .segment = INSN_SS}},
    {"mov eax, [0xfee00020]",
     INSN_64,
     BYTES(0x8b, 0x04, 0x25, 0x20, 0x00, 0xe0, 0xfe),
     {MEM(INSN_LOAD, 4, 4, 8, AX, NO), .index = NO, .scale = 1, .segment = INSN_DS,
      .displacement = (int32_t)0xfee00020}},
    {"mov eax, gs:[edi]",
     INSN_64,
     BYTES(0x65, 0x67, 0x8b, 0x07),
     {MEM(INSN_LOAD, 4, 4, 4, AX, DI), .index = NO, .scale = 1, .segment = INSN_GS}},
    {"mov eax, ds:[rdi] (ignored)",
     INSN_64,
     BYTES(0x2e, 0x8b, 0x45, 0x00),
     {MEM(INSN_LOAD, 4, 4, 8, AX, BP), .index = NO, .scale = 1, .segment = INSN_SS}},
    {"mov dword [rdi], -1",
     INSN_64,
     BYTES(0xc7, 0x07, 0xff, 0xff, 0xff, 0xff),
     {MEM(INSN_STORE, 4, 4, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = ~UINT64_C(0)}},
    {"mov qword [rdi], 5",
     INSN_64,
     BYTES(0x48, 0xc7, 0x07, 0x05, 0, 0, 0),
     {MEM(INSN_STORE, 8, 8, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = 5}},
    {"mov byte [rdi], 0x80",
     INSN_64,
     BYTES(0xc6, 0x07, 0x80),
     {MEM(INSN_STORE, 1, 1, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = ~UINT64_C(0x7f)}},
    {"mov al, [moffs64]",
     INSN_64,
     BYTES(0xa0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11),
     {MEM(INSN_LOAD, 1, 1, 8, AX, NO), .index = NO, .segment = INSN_DS,
      .displacement = 0x1122334455667788}},
    {"mov [moffs32], eax",
     INSN_64,
     BYTES(0x67, 0xa3, 0x00, 0x00, 0xe0, 0xfe),
     {MEM(INSN_STORE, 4, 4, 4, AX, NO), .index = NO, .segment = INSN_DS, .memory_first = true,
      .displacement = (int32_t)0xfee00000}},
    {"movzx eax, byte [rdi]",
     INSN_64,
     BYTES(0x0f, 0xb6, 0x07),
     {MEM(INSN_LOAD_ZERO_EXTEND, 1, 4, 8, AX, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"movzx esp, byte [rdi]",
     INSN_64,
     BYTES(0x0f, 0xb6, 0x27),
     {MEM(INSN_LOAD_ZERO_EXTEND, 1, 4, 8, SP, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"movzx rax, word [rdi]",
     INSN_64,
     BYTES(0x48, 0x0f, 0xb7, 0x07),
     {MEM(INSN_LOAD_ZERO_EXTEND, 2, 8, 8, AX, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"movsx ax, byte [rdi]",
     INSN_64,
     BYTES(0x66, 0x0f, 0xbe, 0x07),
     {MEM(INSN_LOAD_SIGN_EXTEND, 1, 2, 8, AX, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"movsx r8d, word [rdi]",
     INSN_64,
     BYTES(0x44, 0x0f, 0xbf, 0x07),
     {MEM(INSN_LOAD_SIGN_EXTEND, 2, 4, 8, R8, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"movsxd rax, dword [rdi]",
     INSN_64,
     BYTES(0x48, 0x63, 0x07),
     {MEM(INSN_LOAD_SIGN_EXTEND, 4, 8, 8, AX, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"lock xchg [rdi], eax",
     INSN_64,
     BYTES(0xf0, 0x87, 0x07),
     {MEM(INSN_XCHG, 4, 4, 8, AX, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .lock = true}},
    {"add [rdi], ecx",
     INSN_64,
     BYTES(0x01, 0x0f),
     {MEM(INSN_ADD, 4, 4, 8, CX, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true}},
    {"or cl, [rdi]",
     INSN_64,
     BYTES(0x0a, 0x0f),
     {MEM(INSN_OR, 1, 1, 8, CX, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"adc word [rdi], 0x1234",
     INSN_64,
     BYTES(0x66, 0x81, 0x17, 0x34, 0x12),
     {MEM(INSN_ADC, 2, 2, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = 0x1234}},
    {"sbb [rdi], edx",
     INSN_64,
     BYTES(0x19, 0x17),
     {MEM(INSN_SBB, 4, 4, 8, DX, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true}},
    {"and dword [rdi], -2",
     INSN_64,
     BYTES(0x83, 0x27, 0xfe),
     {MEM(INSN_AND, 4, 4, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = ~UINT64_C(1)}},
    {"sub rdx, [rdi]",
     INSN_64,
     BYTES(0x48, 0x2b, 0x17),
     {MEM(INSN_SUB, 8, 8, 8, DX, DI), .index = NO, .scale = 1, .segment = INSN_DS}},
    {"xor byte [rdi], 1",
     INSN_64,
     BYTES(0x80, 0x37, 0x01),
     {MEM(INSN_XOR, 1, 1, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = 1}},
    {"cmp [rdi], edx",
     INSN_64,
     BYTES(0x39, 0x17),
     {MEM(INSN_CMP, 4, 4, 8, DX, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true}},
    {"cmp dword [rdi], 7",
     INSN_64,
     BYTES(0x83, 0x3f, 0x07),
     {MEM(INSN_CMP, 4, 4, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = 7}},
    {"test [rdi], al",
     INSN_64,
     BYTES(0x84, 0x07),
     {MEM(INSN_TEST, 1, 1, 8, AX, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true}},
    {"test dword [rdi], 0x80",
     INSN_64,
     BYTES(0xf7, 0x07, 0x80, 0, 0, 0),
     {MEM(INSN_TEST, 4, 4, 8, NO, DI), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .immediate = 0x80}},
    {"rep stosd", INSN_64, BYTES(0xf3, 0xab), {STRING(INSN_STOS, 4, 8, AX, INSN_ES), .rep = true}},
    {"stosb", INSN_64, BYTES(0xaa), {STRING(INSN_STOS, 1, 8, AX, INSN_ES)}},
    {"fs stosb (ignored)", INSN_64, BYTES(0x64, 0xaa), {STRING(INSN_STOS, 1, 8, AX, INSN_ES)}},
    {"rep movsq",
     INSN_64,
     BYTES(0xf3, 0x48, 0xa5),
     {STRING(INSN_MOVS, 8, 8, NO, INSN_DS), .rep = true}},
    {"lodsw fs", INSN_64, BYTES(0x64, 0x66, 0xad), {STRING(INSN_LODS, 2, 8, AX, INSN_FS)}},
    {"inc dword [rdi]", INSN_64, BYTES(0xff, 0x07), {ALONE(INSN_INC, 4, DI), .memory_first = true}},
    {"dec byte [rdi]", INSN_64, BYTES(0xfe, 0x0f), {ALONE(INSN_DEC, 1, DI), .memory_first = true}},
    {"not qword [rdi]",
     INSN_64,
     BYTES(0x48, 0xf7, 0x17),
     {ALONE(INSN_NOT, 8, DI), .memory_first = true}},
    {"lock neg word [rdi]",
     INSN_64,
     BYTES(0xf0, 0x66, 0xf7, 0x1f),
     {ALONE(INSN_NEG, 2, DI), .memory_first = true, .lock = true}},
    {"test byte [rdi], 1 (second form)",
     INSN_64,
     BYTES(0xf6, 0x0f, 1),
     {ALONE(INSN_TEST, 1, DI), .memory_first = true, .has_immediate = true, .immediate = 1}},
    {"shl dword [rdi], 1",
     INSN_64,
     BYTES(0xd1, 0x27),
     {ALONE(INSN_SHL, 4, DI), .memory_first = true, .has_immediate = true, .immediate = 1}},
    {"sar byte [rdi], 3",
     INSN_64,
     BYTES(0xc0, 0x3f, 3),
     {ALONE(INSN_SAR, 1, DI), .memory_first = true, .has_immediate = true, .immediate = 3}},
    {"rcr qword [rdi], cl",
     INSN_64,
     BYTES(0x48, 0xd3, 0x1f),
     {MEM(INSN_RCR, 8, 8, 8, CX, DI), AT_DS, .memory_first = true}},
    {"rol byte [rdi], cl",
     INSN_64,
     BYTES(0xd2, 0x07),
     {MEM(INSN_ROL, 1, 1, 8, CX, DI), AT_DS, .memory_first = true}},
    {"bt [rdi], eax",
     INSN_64,
     BYTES(0x0f, 0xa3, 0x07),
     {MEM(INSN_BT, 4, 4, 8, AX, DI), AT_DS, .memory_first = true}},
    {"lock bts [rdi], r9",
     INSN_64,
     BYTES(0xf0, 0x4c, 0x0f, 0xab, 0x0f),
     {MEM(INSN_BTS, 8, 8, 8, R9, DI), AT_DS, .memory_first = true, .lock = true}},
    {"btr [rdi], ax",
     INSN_64,
     BYTES(0x66, 0x0f, 0xb3, 0x07),
     {MEM(INSN_BTR, 2, 2, 8, AX, DI), AT_DS, .memory_first = true}},
    {"btc [rdi], ecx",
     INSN_64,
     BYTES(0x0f, 0xbb, 0x0f),
     {MEM(INSN_BTC, 4, 4, 8, CX, DI), AT_DS, .memory_first = true}},
    {"bt dword [rdi], 5",
     INSN_64,
     BYTES(0x0f, 0xba, 0x27, 5),
     {ALONE(INSN_BT, 4, DI), .memory_first = true, .has_immediate = true, .immediate = 5}},
    {"btc qword [rdi], 5",
     INSN_64,
     BYTES(0x48, 0x0f, 0xba, 0x3f, 5),
     {ALONE(INSN_BTC, 8, DI), .memory_first = true, .has_immediate = true, .immediate = 5}},
    {"lock cmpxchg [rdi], dl",
     INSN_64,
     BYTES(0xf0, 0x0f, 0xb0, 0x17),
     {MEM(INSN_CMPXCHG, 1, 1, 8, DX, DI), AT_DS, .memory_first = true, .lock = true}},
    {"xadd [rdi], rdx",
     INSN_64,
     BYTES(0x48, 0x0f, 0xc1, 0x17),
     {MEM(INSN_XADD, 8, 8, 8, DX, DI), AT_DS, .memory_first = true}},
    {"imul eax, [rdi]", INSN_64, BYTES(0x0f, 0xaf, 0x07), {MEM(INSN_IMUL, 4, 4, 8, AX, DI), AT_DS}},
    {"imul edx, [rdi], -3",
     INSN_64,
     BYTES(0x6b, 0x17, 0xfd),
     {MEM(INSN_IMUL, 4, 4, 8, DX, DI), AT_DS, .has_immediate = true, .immediate = ~UINT64_C(2)}},
    {"imul dx, [rdi], 0x1234",
     INSN_64,
     BYTES(0x66, 0x69, 0x17, 0x34, 0x12),
     {MEM(INSN_IMUL, 2, 2, 8, DX, DI), AT_DS, .has_immediate = true, .immediate = 0x1234}},
    {"cmovle rcx, [rdi]",
     INSN_64,
     BYTES(0x48, 0x0f, 0x4e, 0x0f),
     {MEM(INSN_LOAD_IF, 8, 8, 8, CX, DI), AT_DS, .condition = 14}},
    {"setb [rdi]",
     INSN_64,
     BYTES(0x0f, 0x92, 0x07),
     {ALONE(INSN_SET, 1, DI), .memory_first = true, .condition = 2}},
    {"setnz [rdi]",
     INSN_64,
     BYTES(0x0f, 0x95, 0x07),
     {ALONE(INSN_SET, 1, DI), .memory_first = true, .condition = 5}},
    {"movnti [rdi], rax",
     INSN_64,
     BYTES(0x48, 0x0f, 0xc3, 0x07),
     {MEM(INSN_STORE, 8, 8, 8, AX, DI), AT_DS, .memory_first = true}},
    {"movbe eax, [rdi]",
     INSN_64,
     BYTES(0x0f, 0x38, 0xf0, 0x07),
     {MEM(INSN_LOAD, 4, 4, 8, AX, DI), AT_DS, .swap = true}},
    {"movbe [rdi], ax",
     INSN_64,
     BYTES(0x66, 0x0f, 0x38, 0xf1, 0x07),
     {MEM(INSN_STORE, 2, 2, 8, AX, DI), AT_DS, .memory_first = true, .swap = true}},
    {"push qword [rdi]", INSN_64, BYTES(0xff, 0x37), {ALONE(INSN_PUSH, 8, DI)}},
    {"push word [rdi]", INSN_64, BYTES(0x66, 0xff, 0x37), {ALONE(INSN_PUSH, 2, DI)}},
    {"pop qword [rdi]", INSN_64, BYTES(0x8f, 0x07), {ALONE(INSN_POP, 8, DI), .memory_first = true}},
    {"clflush [rdi]", INSN_64, BYTES(0x0f, 0xae, 0x3f), {ALONE(INSN_FLUSH, 1, DI)}},
    {"clwb [rdi]", INSN_64, BYTES(0x66, 0x0f, 0xae, 0x37), {ALONE(INSN_FLUSH, 1, DI)}},
    {"repe cmpsb", INSN_64, BYTES(0xf3, 0xa6), {STRING(INSN_CMPS, 1, 8, NO, INSN_DS), .rep = true}},
    {"repne scasw",
     INSN_64,
     BYTES(0xf2, 0x66, 0xaf),
     {STRING(INSN_SCAS, 2, 8, AX, INSN_ES), .rep = true, .repne = true}},
    {"rep insd",
     INSN_64,
     BYTES(0xf3, 0x48, 0x6d),
     {STRING(INSN_INS, 4, 8, NO, INSN_ES), .rep = true}},
    {"gs outsb", INSN_64, BYTES(0x65, 0x6e), {STRING(INSN_OUTS, 1, 8, NO, INSN_GS)}},
    /* 32 and 16 bits */
    {"push dword [edi]", INSN_32, BYTES(0xff, 0x37), {MEM(INSN_PUSH, 4, 4, 4, NO, DI), AT_DS}},
    {"mov [0xfee000b0], eax",
     INSN_32,
     BYTES(0xa3, 0xb0, 0x00, 0xe0, 0xfe),
     {MEM(INSN_STORE, 4, 4, 4, AX, NO), .index = NO, .segment = INSN_DS, .memory_first = true,
      .displacement = (int32_t)0xfee000b0}},
    {"mov ds:[0xfee000b0], 0",
     INSN_32,
     BYTES(0xc7, 0x05, 0xb0, 0x00, 0xe0, 0xfe, 0, 0, 0, 0),
     {MEM(INSN_STORE, 4, 4, 4, NO, NO), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .has_immediate = true, .displacement = (int32_t)0xfee000b0}},
    {"mov es:[edi], dh",
     INSN_32,
     BYTES(0x26, 0x88, 0x37),
     {MEM(INSN_STORE, 1, 1, 4, DX, DI), .index = NO, .scale = 1, .memory_first = true,
      .reg_high = true, .segment = INSN_ES}},
    {"mov ax, [bx+si]",
     INSN_32,
     BYTES(0x66, 0x67, 0x8b, 0x00),
     {MEM(INSN_LOAD, 2, 2, 2, AX, BX), .scale = 1, .segment = INSN_DS, .index = SI}},
    {"mov ax, [bp+di-1]",
     INSN_16,
     BYTES(0x8b, 0x43, 0xff),
     {MEM(INSN_LOAD, 2, 2, 2, AX, BP), .scale = 1, .index = DI, .segment = INSN_SS,
      .displacement = -1}},
    {"mov [0x1234], al",
     INSN_16,
     BYTES(0x88, 0x06, 0x34, 0x12),
     {MEM(INSN_STORE, 1, 1, 2, AX, NO), .index = NO, .scale = 1, .segment = INSN_DS,
      .memory_first = true, .displacement = 0x1234}},
    {"mov eax, [bx+0x100]",
     INSN_16,
     BYTES(0x66, 0x8b, 0x87, 0x00, 0x01),
     {MEM(INSN_LOAD, 4, 4, 2, AX, BX), .index = NO, .scale = 1, .segment = INSN_DS,
      .displacement = 0x100}},
    {"mov ax, [eax]",
     INSN_16,
     BYTES(0x67, 0x8b, 0x00),
     {MEM(INSN_LOAD, 2, 2, 4, AX, AX), .index = NO, .scale = 1, .segment = INSN_DS}},
};

static void accesses_are_understood(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(accesses); i++) {
        const struct access_case *c = &accesses[i];
        const struct insn *want = &c->want;
        struct insn got;
        if (!insn_decode(c->mode, c->bytes, c->length, &got))
            fail_msg("%s: not decoded", c->text);
        if (got.length != c->length || got.op != want->op || got.memory_size != want->memory_size ||
            got.operand_size != want->operand_size || got.address_size != want->address_size)
            fail_msg("%s: length %u, op %u, memory %u, operand %u, address %u", c->text, got.length,
                     got.op, got.memory_size, got.operand_size, got.address_size);
        if (got.reg != want->reg || got.reg_high != want->reg_high || got.base != want->base ||
            got.index != want->index || got.scale != want->scale || got.segment != want->segment)
            fail_msg("%s: reg %u, base %u, index %u, scale %u, segment %u", c->text, got.reg,
                     got.base, got.index, got.scale, got.segment);
        if (got.has_memory != want->has_memory || got.memory_first != want->memory_first ||
            got.rep != want->rep || got.repne != want->repne || got.swap != want->swap ||
            got.lock != want->lock || got.rip_relative != want->rip_relative ||
            got.has_immediate != want->has_immediate)
            fail_msg("%s: flags", c->text);
        bool conditional = got.op == INSN_LOAD_IF || got.op == INSN_SET;
        assert_int_equal(got.mode, c->mode);
        if (conditional && got.condition != want->condition)
            fail_msg("%s: condition %u", c->text, got.condition);
        if (got.displacement != want->displacement || got.immediate != want->immediate)
            fail_msg("%s: displacement %#llx, immediate %#llx", c->text,
                     (unsigned long long)got.displacement, (unsigned long long)got.immediate);
    }
}

/* ---- length only ---- */

static const struct length_case {
    const char *text;
    enum insn_mode mode;
    uint8_t bytes[16];
    size_t length;
} lengths[] = {
    {"nop", INSN_64, BYTES(0x90)},
    {"mov eax, ebx", INSN_64, BYTES(0x89, 0xd8)},
    {"movabs rax, imm64", INSN_64, BYTES(0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8)},
    {"mov ax, imm16", INSN_64, BYTES(0x66, 0xb8, 1, 2)},
    {"push imm32", INSN_64, BYTES(0x68, 1, 2, 3, 4)},
    {"call rel32", INSN_64, BYTES(0xe8, 1, 2, 3, 4)},
    {"call rel16", INSN_16, BYTES(0xe8, 1, 2)},
    {"jnz rel32", INSN_64, BYTES(0x0f, 0x85, 1, 2, 3, 4)},
    {"jnz rel16", INSN_16, BYTES(0x0f, 0x85, 1, 2)},
    {"enter 16, 1", INSN_64, BYTES(0xc8, 0x10, 0, 1)},
    {"ret 8", INSN_64, BYTES(0xc2, 8, 0)},
    {"far jmp", INSN_32, BYTES(0xea, 1, 2, 3, 4, 8, 0)},
    {"far call 16", INSN_16, BYTES(0x9a, 1, 2, 8, 0)},
    {"cpuid", INSN_64, BYTES(0x0f, 0xa2)},
    {"rdmsr", INSN_64, BYTES(0x0f, 0x32)},
    {"syscall", INSN_64, BYTES(0x0f, 0x05)},
    {"mov cr0, rax", INSN_64, BYTES(0x0f, 0x22, 0xc0)},
    {"mov cr0 with mod 0", INSN_64, BYTES(0x0f, 0x20, 0x05)},
    {"vmcall", INSN_64, BYTES(0x0f, 0x01, 0xc1)},
    {"xsetbv", INSN_64, BYTES(0x0f, 0x01, 0xd1)},
    {"test rcx, imm32", INSN_64, BYTES(0x48, 0xf7, 0xc1, 1, 2, 3, 4)},
    {"not rcx", INSN_64, BYTES(0x48, 0xf7, 0xd1)},
    {"imul eax, edi, imm32", INSN_64, BYTES(0x69, 0xc7, 1, 2, 3, 4)},
    {"pshufd xmm0, xmm1, 0", INSN_64, BYTES(0x66, 0x0f, 0x70, 0xc1, 0)},
    {"pshufb xmm0, [rdi]", INSN_64, BYTES(0x66, 0x0f, 0x38, 0x00, 0x07)},
    {"palignr xmm0, xmm1, 8", INSN_64, BYTES(0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8)},
    {"vzeroupper", INSN_64, BYTES(0xc5, 0xf8, 0x77)},
    {"vmovdqu ymm0, [rdi+8]", INSN_64, BYTES(0xc5, 0xfe, 0x6f, 0x47, 8)},
    {"vpshufd xmm0, xmm1, 0", INSN_64, BYTES(0xc5, 0xf9, 0x70, 0xc1, 0)},
    {"vpalignr", INSN_64, BYTES(0xc4, 0xe3, 0x71, 0x0f, 0xc2, 8)},
    {"rorx eax, ecx, 3", INSN_64, BYTES(0xc4, 0xe3, 0x7b, 0xf0, 0xc1, 3)},
    {"vmovdqu64 zmm0, [rdi+64]", INSN_64, BYTES(0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x47, 1)},
    {"les eax, [edi]", INSN_32, BYTES(0xc4, 0x07)},
    {"vzeroupper, 32 bits", INSN_32, BYTES(0xc5, 0xf8, 0x77)},
    {"bound eax, [edi]", INSN_32, BYTES(0x62, 0x07)},
    {"arpl [edi], ax", INSN_32, BYTES(0x63, 0x07)},
    {"inc eax", INSN_32, BYTES(0x40)},
    {"pusha", INSN_32, BYTES(0x60)},
    {"aam", INSN_32, BYTES(0xd4, 10)},
    {"movups [rdi], xmm0: vectors are only measured", INSN_64, BYTES(0x0f, 0x11, 0x07)},
    {"vmovdqu [rdi], ymm0", INSN_64, BYTES(0xc5, 0xfe, 0x7f, 0x07)},
    {"movntdq [rdi], xmm0", INSN_64, BYTES(0x66, 0x0f, 0xe7, 0x07)},
    {"xsaveopt [rdi] is CLWB without 66", INSN_64, BYTES(0x0f, 0xae, 0x37)},
    {"clrssbsy [rdi] is CLWB with F3", INSN_64, BYTES(0xf3, 0x0f, 0xae, 0x37)},
    {"crc32 eax, byte [rdi]", INSN_64, BYTES(0xf2, 0x0f, 0x38, 0xf0, 0x07)},
    {"cmpxchg8b [rdi]", INSN_64, BYTES(0x0f, 0xc7, 0x0f)},
    {"mul dword [rdi]", INSN_64, BYTES(0xf7, 0x27)},
    {"call [rdi]", INSN_64, BYTES(0xff, 0x17)},
    {"push rax", INSN_64, BYTES(0x50)},
    {"pop rcx in the long form", INSN_64, BYTES(0x8f, 0xc1)},
    {"mov [rdi], ds", INSN_64, BYTES(0x8c, 0x1f)},
    {"REX before a prefix counts for nothing", INSN_64, BYTES(0x48, 0x66, 0xb8, 1, 2)},
    {"15 bytes", INSN_64,
     BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
           0x90)},
};

static void lengths_are_right(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(lengths); i++) {
        const struct length_case *c = &lengths[i];
        struct insn got;
        if (!insn_decode(c->mode, c->bytes, sizeof(c->bytes), &got) || got.length != c->length)
            fail_msg("%s: length %u", c->text, got.length);
        assert_int_equal(got.op, INSN_OTHER);
        assert_int_equal(got.memory_size, 0);
    }
}

/* No shorter prefix of an instruction is one. */
static void truncated_is_refused(void **state)
{
    (void)state;
    struct insn got;
    for (unsigned i = 0; i < ARRAY_COUNT(lengths); i++)
        for (size_t size = 0; size < lengths[i].length; size++)
            assert_false(insn_decode(lengths[i].mode, lengths[i].bytes, size, &got));
    for (unsigned i = 0; i < ARRAY_COUNT(accesses); i++)
        for (size_t size = 0; size < accesses[i].length; size++)
            assert_false(insn_decode(accesses[i].mode, accesses[i].bytes, size, &got));
}

static const struct length_case refused[] = {
    {"push es", INSN_64, BYTES(0x06)},
    {"daa", INSN_64, BYTES(0x27)},
    {"pusha", INSN_64, BYTES(0x60)},
    {"far call", INSN_64, BYTES(0x9a, 1, 2, 3, 4, 5, 6)},
    {"into", INSN_64, BYTES(0xce)},
    {"salc", INSN_32, BYTES(0xd6)},
    {"0F 0A", INSN_64, BYTES(0x0f, 0x0a)},
    {"0F FF is UD0 with ModRM; 0F 04 is nothing", INSN_64, BYTES(0x0f, 0x04)},
    {"VEX after 66", INSN_64, BYTES(0x66, 0xc5, 0xf8, 0x77)},
    {"VEX after REX", INSN_64, BYTES(0x48, 0xc5, 0xf8, 0x77)},
    {"VEX map 0", INSN_64, BYTES(0xc4, 0xe0, 0x78, 0x77)},
    {"VEX map 5", INSN_64, BYTES(0xc4, 0xe5, 0x78, 0x10, 0xc0)},
    {"EVEX map 4", INSN_64, BYTES(0x62, 0xf4, 0x7c, 0x48, 0x10, 0xc0)},
    {"VEX map 31", INSN_64, BYTES(0xc4, 0xff, 0x78, 0x10, 0xc0)},
    {"16 bytes", INSN_64,
     BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
           0x90)},
};

static void undefined_is_refused(void **state)
{
    (void)state;
    struct insn got;
    for (unsigned i = 0; i < ARRAY_COUNT(refused); i++)
        if (insn_decode(refused[i].mode, refused[i].bytes, sizeof(refused[i].bytes), &got))
            fail_msg("%s: length %u", refused[i].text, got.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_are_understood),
        cmocka_unit_test(lengths_are_right),
        cmocka_unit_test(truncated_is_refused),
        cmocka_unit_test(undefined_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

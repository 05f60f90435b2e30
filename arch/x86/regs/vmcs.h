/* SPDX-License-Identifier: MIT */
/*
 * The VMCS fields that we use, once, in the order of SDM Vol. 3D "Field Encoding in VMCS". Each
 * line is X(NAME, encoding, width, class); from it come enum vmcs_field, the names of a dump
 * (arch/x86/model/vmcs_names.h) and the proof that width and class agree with the encoding.
 */
#ifndef BULKHEAD_ARCH_X86_REGS_VMCS_H
#define BULKHEAD_ARCH_X86_REGS_VMCS_H

#include "kernel/lib/bits.h"

/* SDM Vol. 3C "Structure of VMCS Component Encoding". */
#define VMCS_ENCODING_HIGH  BIT(0)
#define VMCS_ENCODING_INDEX BITS(9, 1)
#define VMCS_ENCODING_CLASS BITS(11, 10)
#define VMCS_ENCODING_WIDTH BITS(14, 13)

enum vmcs_width { VMCS_W16 = 0, VMCS_W64 = 1, VMCS_W32 = 2, VMCS_NATURAL = 3 };
enum vmcs_class { VMCS_CONTROL = 0, VMCS_READ_ONLY = 1, VMCS_GUEST = 2, VMCS_HOST = 3 };

// clang-format off
#define VMCS_FIELDS(X)                                                                             \
    /* 16-bit control fields */                                                                    \
    X(VPID,                           0x0000, W16,     CONTROL)                                    \
    /* 16-bit guest-state fields */                                                                \
    X(GUEST_ES_SELECTOR,              0x0800, W16,     GUEST)                                      \
    X(GUEST_CS_SELECTOR,              0x0802, W16,     GUEST)                                      \
    X(GUEST_SS_SELECTOR,              0x0804, W16,     GUEST)                                      \
    X(GUEST_DS_SELECTOR,              0x0806, W16,     GUEST)                                      \
    X(GUEST_FS_SELECTOR,              0x0808, W16,     GUEST)                                      \
    X(GUEST_GS_SELECTOR,              0x080a, W16,     GUEST)                                      \
    X(GUEST_LDTR_SELECTOR,            0x080c, W16,     GUEST)                                      \
    X(GUEST_TR_SELECTOR,              0x080e, W16,     GUEST)                                      \
    /* 16-bit host-state fields */                                                                 \
    X(HOST_ES_SELECTOR,               0x0c00, W16,     HOST)                                       \
    X(HOST_CS_SELECTOR,               0x0c02, W16,     HOST)                                       \
    X(HOST_SS_SELECTOR,               0x0c04, W16,     HOST)                                       \
    X(HOST_DS_SELECTOR,               0x0c06, W16,     HOST)                                       \
    X(HOST_FS_SELECTOR,               0x0c08, W16,     HOST)                                       \
    X(HOST_GS_SELECTOR,               0x0c0a, W16,     HOST)                                       \
    X(HOST_TR_SELECTOR,               0x0c0c, W16,     HOST)                                       \
    /* 64-bit control fields */                                                                    \
    X(IO_BITMAP_A,                    0x2000, W64,     CONTROL)                                    \
    X(IO_BITMAP_B,                    0x2002, W64,     CONTROL)                                    \
    X(MSR_BITMAPS,                    0x2004, W64,     CONTROL)                                    \
    X(EXIT_MSR_STORE_ADDRESS,         0x2006, W64,     CONTROL)                                    \
    X(EXIT_MSR_LOAD_ADDRESS,          0x2008, W64,     CONTROL)                                    \
    X(ENTRY_MSR_LOAD_ADDRESS,         0x200a, W64,     CONTROL)                                    \
    X(TSC_OFFSET,                     0x2010, W64,     CONTROL)                                    \
    X(EPT_POINTER,                    0x201a, W64,     CONTROL)                                    \
    X(XSS_EXITING_BITMAP,             0x202c, W64,     CONTROL)                                    \
    X(ENCLS_EXITING_BITMAP,           0x202e, W64,     CONTROL)                                    \
    X(ENCLV_EXITING_BITMAP,           0x2036, W64,     CONTROL)                                    \
    /* 64-bit read-only data field */                                                              \
    X(GUEST_PHYSICAL_ADDRESS,         0x2400, W64,     READ_ONLY)                                  \
    /* 64-bit guest-state fields */                                                                \
    X(VMCS_LINK_POINTER,              0x2800, W64,     GUEST)                                      \
    X(GUEST_IA32_DEBUGCTL,            0x2802, W64,     GUEST)                                      \
    X(GUEST_IA32_PAT,                 0x2804, W64,     GUEST)                                      \
    X(GUEST_IA32_EFER,                0x2806, W64,     GUEST)                                      \
    X(GUEST_PDPTE0,                   0x280a, W64,     GUEST)                                      \
    X(GUEST_PDPTE1,                   0x280c, W64,     GUEST)                                      \
    X(GUEST_PDPTE2,                   0x280e, W64,     GUEST)                                      \
    X(GUEST_PDPTE3,                   0x2810, W64,     GUEST)                                      \
    /* 64-bit host-state fields */                                                                 \
    X(HOST_IA32_PAT,                  0x2c00, W64,     HOST)                                       \
    X(HOST_IA32_EFER,                 0x2c02, W64,     HOST)                                       \
    /* 32-bit control fields */                                                                    \
    X(PIN_CONTROLS,                   0x4000, W32,     CONTROL)                                    \
    X(PROC_CONTROLS,                  0x4002, W32,     CONTROL)                                    \
    X(EXCEPTION_BITMAP,               0x4004, W32,     CONTROL)                                    \
    X(PAGE_FAULT_ERROR_MASK,          0x4006, W32,     CONTROL)                                    \
    X(PAGE_FAULT_ERROR_MATCH,         0x4008, W32,     CONTROL)                                    \
    X(CR3_TARGET_COUNT,               0x400a, W32,     CONTROL)                                    \
    X(EXIT_CONTROLS,                  0x400c, W32,     CONTROL)                                    \
    X(EXIT_MSR_STORE_COUNT,           0x400e, W32,     CONTROL)                                    \
    X(EXIT_MSR_LOAD_COUNT,            0x4010, W32,     CONTROL)                                    \
    X(ENTRY_CONTROLS,                 0x4012, W32,     CONTROL)                                    \
    X(ENTRY_MSR_LOAD_COUNT,           0x4014, W32,     CONTROL)                                    \
    X(ENTRY_INTERRUPTION_INFO,        0x4016, W32,     CONTROL)                                    \
    X(ENTRY_EXCEPTION_ERROR_CODE,     0x4018, W32,     CONTROL)                                    \
    X(ENTRY_INSTRUCTION_LENGTH,       0x401a, W32,     CONTROL)                                    \
    X(PROC2_CONTROLS,                 0x401e, W32,     CONTROL)                                    \
    /* 32-bit read-only data fields */                                                             \
    X(INSTRUCTION_ERROR,              0x4400, W32,     READ_ONLY)                                  \
    X(EXIT_REASON,                    0x4402, W32,     READ_ONLY)                                  \
    X(EXIT_INTERRUPTION_INFO,         0x4404, W32,     READ_ONLY)                                  \
    X(EXIT_INTERRUPTION_ERROR_CODE,   0x4406, W32,     READ_ONLY)                                  \
    X(IDT_VECTORING_INFO,             0x4408, W32,     READ_ONLY)                                  \
    X(IDT_VECTORING_ERROR_CODE,       0x440a, W32,     READ_ONLY)                                  \
    X(EXIT_INSTRUCTION_LENGTH,        0x440c, W32,     READ_ONLY)                                  \
    X(EXIT_INSTRUCTION_INFO,          0x440e, W32,     READ_ONLY)                                  \
    /* 32-bit guest-state fields */                                                                \
    X(GUEST_ES_LIMIT,                 0x4800, W32,     GUEST)                                      \
    X(GUEST_CS_LIMIT,                 0x4802, W32,     GUEST)                                      \
    X(GUEST_SS_LIMIT,                 0x4804, W32,     GUEST)                                      \
    X(GUEST_DS_LIMIT,                 0x4806, W32,     GUEST)                                      \
    X(GUEST_FS_LIMIT,                 0x4808, W32,     GUEST)                                      \
    X(GUEST_GS_LIMIT,                 0x480a, W32,     GUEST)                                      \
    X(GUEST_LDTR_LIMIT,               0x480c, W32,     GUEST)                                      \
    X(GUEST_TR_LIMIT,                 0x480e, W32,     GUEST)                                      \
    X(GUEST_GDTR_LIMIT,               0x4810, W32,     GUEST)                                      \
    X(GUEST_IDTR_LIMIT,               0x4812, W32,     GUEST)                                      \
    X(GUEST_ES_ACCESS_RIGHTS,         0x4814, W32,     GUEST)                                      \
    X(GUEST_CS_ACCESS_RIGHTS,         0x4816, W32,     GUEST)                                      \
    X(GUEST_SS_ACCESS_RIGHTS,         0x4818, W32,     GUEST)                                      \
    X(GUEST_DS_ACCESS_RIGHTS,         0x481a, W32,     GUEST)                                      \
    X(GUEST_FS_ACCESS_RIGHTS,         0x481c, W32,     GUEST)                                      \
    X(GUEST_GS_ACCESS_RIGHTS,         0x481e, W32,     GUEST)                                      \
    X(GUEST_LDTR_ACCESS_RIGHTS,       0x4820, W32,     GUEST)                                      \
    X(GUEST_TR_ACCESS_RIGHTS,         0x4822, W32,     GUEST)                                      \
    X(GUEST_INTERRUPTIBILITY_STATE,   0x4824, W32,     GUEST)                                      \
    X(GUEST_ACTIVITY_STATE,           0x4826, W32,     GUEST)                                      \
    X(GUEST_IA32_SYSENTER_CS,         0x482a, W32,     GUEST)                                      \
    /* 32-bit host-state field */                                                                  \
    X(HOST_IA32_SYSENTER_CS,          0x4c00, W32,     HOST)                                       \
    /* natural-width control fields */                                                             \
    X(CR0_MASK,                       0x6000, NATURAL, CONTROL)                                    \
    X(CR4_MASK,                       0x6002, NATURAL, CONTROL)                                    \
    X(CR0_READ_SHADOW,                0x6004, NATURAL, CONTROL)                                    \
    X(CR4_READ_SHADOW,                0x6006, NATURAL, CONTROL)                                    \
    /* natural-width read-only data fields */                                                      \
    X(EXIT_QUALIFICATION,             0x6400, NATURAL, READ_ONLY)                                  \
    X(IO_RCX,                         0x6402, NATURAL, READ_ONLY)                                  \
    X(IO_RSI,                         0x6404, NATURAL, READ_ONLY)                                  \
    X(IO_RDI,                         0x6406, NATURAL, READ_ONLY)                                  \
    X(IO_RIP,                         0x6408, NATURAL, READ_ONLY)                                  \
    X(GUEST_LINEAR_ADDRESS,           0x640a, NATURAL, READ_ONLY)                                  \
    /* natural-width guest-state fields */                                                         \
    X(GUEST_CR0,                      0x6800, NATURAL, GUEST)                                      \
    X(GUEST_CR3,                      0x6802, NATURAL, GUEST)                                      \
    X(GUEST_CR4,                      0x6804, NATURAL, GUEST)                                      \
    X(GUEST_ES_BASE,                  0x6806, NATURAL, GUEST)                                      \
    X(GUEST_CS_BASE,                  0x6808, NATURAL, GUEST)                                      \
    X(GUEST_SS_BASE,                  0x680a, NATURAL, GUEST)                                      \
    X(GUEST_DS_BASE,                  0x680c, NATURAL, GUEST)                                      \
    X(GUEST_FS_BASE,                  0x680e, NATURAL, GUEST)                                      \
    X(GUEST_GS_BASE,                  0x6810, NATURAL, GUEST)                                      \
    X(GUEST_LDTR_BASE,                0x6812, NATURAL, GUEST)                                      \
    X(GUEST_TR_BASE,                  0x6814, NATURAL, GUEST)                                      \
    X(GUEST_GDTR_BASE,                0x6816, NATURAL, GUEST)                                      \
    X(GUEST_IDTR_BASE,                0x6818, NATURAL, GUEST)                                      \
    X(GUEST_DR7,                      0x681a, NATURAL, GUEST)                                      \
    X(GUEST_RSP,                      0x681c, NATURAL, GUEST)                                      \
    X(GUEST_RIP,                      0x681e, NATURAL, GUEST)                                      \
    X(GUEST_RFLAGS,                   0x6820, NATURAL, GUEST)                                      \
    X(GUEST_PENDING_DEBUG,            0x6822, NATURAL, GUEST)                                      \
    X(GUEST_IA32_SYSENTER_ESP,        0x6824, NATURAL, GUEST)                                      \
    X(GUEST_IA32_SYSENTER_EIP,        0x6826, NATURAL, GUEST)                                      \
    /* natural-width host-state fields */                                                          \
    X(HOST_CR0,                       0x6c00, NATURAL, HOST)                                       \
    X(HOST_CR3,                       0x6c02, NATURAL, HOST)                                       \
    X(HOST_CR4,                       0x6c04, NATURAL, HOST)                                       \
    X(HOST_FS_BASE,                   0x6c06, NATURAL, HOST)                                       \
    X(HOST_GS_BASE,                   0x6c08, NATURAL, HOST)                                       \
    X(HOST_TR_BASE,                   0x6c0a, NATURAL, HOST)                                       \
    X(HOST_GDTR_BASE,                 0x6c0c, NATURAL, HOST)                                       \
    X(HOST_IDTR_BASE,                 0x6c0e, NATURAL, HOST)                                       \
    X(HOST_IA32_SYSENTER_ESP,         0x6c10, NATURAL, HOST)                                       \
    X(HOST_IA32_SYSENTER_EIP,         0x6c12, NATURAL, HOST)                                       \
    X(HOST_RSP,                       0x6c14, NATURAL, HOST)                                       \
    X(HOST_RIP,                       0x6c16, NATURAL, HOST)
// clang-format on

#define VMCS_AS_ENUM(NAME, encoding, width, class) VMCS_##NAME = (encoding),
enum vmcs_field { VMCS_FIELDS(VMCS_AS_ENUM) };
#undef VMCS_AS_ENUM

#define VMCS_AS_ASSERT(NAME, encoding, width, class)                                               \
    _Static_assert(((encoding) >> 13 & 3) == VMCS_##width &&                                       \
                       ((encoding) >> 10 & 3) == VMCS_##class,                                     \
                   "width or class of VMCS field " #NAME " disagrees with its encoding");          \
    _Static_assert(((encoding) & ~0x6ffe) == 0, "not the full access of a VMCS field: " #NAME);
VMCS_FIELDS(VMCS_AS_ASSERT)
#undef VMCS_AS_ASSERT

#define VMCS_AS_ONE(NAME, encoding, width, class) +1
enum { VMCS_FIELD_COUNT = 0 VMCS_FIELDS(VMCS_AS_ONE) };
#undef VMCS_AS_ONE

/*
 * The segment registers' four fields lie in the same order (ES CS SS DS FS GS LDTR TR), two apart:
 * the field of segment n is that of ES plus 2 * n.
 */
enum vmcs_segment {
    VMCS_SEG_ES,
    VMCS_SEG_CS,
    VMCS_SEG_SS,
    VMCS_SEG_DS,
    VMCS_SEG_FS,
    VMCS_SEG_GS,
    VMCS_SEG_LDTR,
    VMCS_SEG_TR,
};

#define VMCS_SEG_COUNT 8

/* `es` is the ES field of one of the four groups. */
static inline enum vmcs_field vmcs_segment_field(enum vmcs_field es, enum vmcs_segment segment)
{
    return (enum vmcs_field)((unsigned)es + 2u * (unsigned)segment);
}

#endif

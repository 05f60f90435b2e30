/* SPDX-License-Identifier: MIT */
/* Exception vectors. SDM Vol. 3A "Exceptions and Interrupts", "Protected-Mode Exceptions". */
#ifndef BULKHEAD_ARCH_X86_REGS_EXCEPTION_H
#define BULKHEAD_ARCH_X86_REGS_EXCEPTION_H

#include "kernel/lib/bits.h"

enum exception {
    EXC_DE = 0,
    EXC_DB = 1,
    EXC_NMI = 2,
    EXC_BP = 3,
    EXC_OF = 4,
    EXC_BR = 5,
    EXC_UD = 6,
    EXC_NM = 7,
    EXC_DF = 8,
    EXC_TS = 10,
    EXC_NP = 11,
    EXC_SS = 12,
    EXC_GP = 13,
    EXC_PF = 14,
    EXC_MF = 16,
    EXC_AC = 17,
    EXC_MC = 18,
    EXC_XM = 19,
    EXC_VE = 20,
    EXC_CP = 21,
};

#define EXC_COUNT 32

/* The vectors that push an error code: bit n is vector n. */
#define EXC_WITH_ERROR_CODE                                                                        \
    (BIT(EXC_DF) | BIT(EXC_TS) | BIT(EXC_NP) | BIT(EXC_SS) | BIT(EXC_GP) | BIT(EXC_PF) |           \
     BIT(EXC_AC) | BIT(EXC_CP))

/* Page-fault error code. SDM Vol. 3A "Page-Fault Exceptions". */
#define PF_PRESENT  BIT(0)
#define PF_WRITE    BIT(1)
#define PF_USER     BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH    BIT(4)
#define PF_PKEY     BIT(5)

/* `vector` of a hardware exception (not an external interrupt). */
static inline bool exception_has_error_code(uint32_t vector)
{
    return vector < EXC_COUNT && (EXC_WITH_ERROR_CODE >> vector & 1) != 0;
}

#endif

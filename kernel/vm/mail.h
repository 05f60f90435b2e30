/* SPDX-License-Identifier: MIT */
/*
 * The mailbox of a vCPU: one word, changed by any processor, read by the vCPU's own, which gets an
 * NMI with each new letter. A letter sent twice arrives once. Pure.
 */
#ifndef BULKHEAD_KERNEL_VM_MAIL_H
#define BULKHEAD_KERNEL_VM_MAIL_H

#include <stdint.h>

enum mail {
    MAIL_INPUT = 1 << 0, /* bytes for the virtual UART, or room in its output ring */
    MAIL_NMI = 1 << 1,   /* an NMI from another vCPU */
    MAIL_INIT = 1 << 2,
    MAIL_SIPI = 1 << 3,  /* with the vector in the highest byte */
    MAIL_STOP = 1 << 4,  /* the guest stops: guest->stop says why */
    MAIL_TIMER = 1 << 5, /* vplatform_advance() is due, or vCPU 0 has an interrupt of the 8259s */
    MAIL_FAULT = 1 << 6, /* a device of the guest needs an answer to its faults: to vCPU 0 */
};

#define MAIL_VECTOR_SHIFT 24
#define MAIL_STARTUP      (MAIL_SIPI | 0xffu << MAIL_VECTOR_SHIFT)

static inline uint32_t mail_sipi(uint8_t vector)
{
    return MAIL_SIPI | (uint32_t)vector << MAIL_VECTOR_SHIFT;
}

/*
 * The word once `letter` has come. INIT outdates what came before it; of several SIPIs the first
 * counts. SDM Vol. 3A "MP Initialization Protocol Algorithm".
 */
static inline uint32_t mail_add(uint32_t word, uint32_t letter)
{
    if (letter & MAIL_INIT)
        word &= ~(MAIL_STARTUP | MAIL_NMI);
    if ((letter & MAIL_SIPI) && (word & MAIL_SIPI))
        return word;
    return word | letter;
}

/* What stays when a running vCPU takes its mail: it ignores a SIPI, but not one behind an INIT. */
static inline uint32_t mail_left(uint32_t word)
{
    return word & MAIL_INIT ? word & MAIL_STARTUP : 0;
}

#endif

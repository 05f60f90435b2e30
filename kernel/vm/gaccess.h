/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's memory by linear address, through its own page tables: for the few instructions that the
 * hypervisor carries out for it (emulate.c). On the vCPU's own processor; nothing here is trusted.
 */
#ifndef BULKHEAD_KERNEL_VM_GACCESS_H
#define BULKHEAD_KERNEL_VM_GACCESS_H

#include "arch/x86/model/insn.h"
#include "kernel/vm/guest.h"

/*
 * Where one byte leads; `access` as in arch/x86/model/walk.h. False: *fault is the verdict with
 * which the access ends (a page fault for the guest, with CR2 set, the same instruction again, or a
 * stop where no fault can say it).
 */
bool gaccess_translate(struct vcpu *vcpu, gva_t at, uint32_t access, gpa_t *to,
                       struct verdict *fault);

/* Fetch and decode the instruction at RIP. False: as above. */
bool gaccess_insn(struct vcpu *vcpu, struct insn *insn, struct verdict *fault);

/* The bytes at RIP as far as they can be read, for the crash record; returns how many. */
uint32_t gaccess_code(struct vcpu *vcpu, uint8_t *bytes, uint32_t size);

/* Where the next instruction lies, and how it is read. */
gva_t gaccess_rip(struct vcpu *vcpu);
enum insn_mode gaccess_mode(struct vcpu *vcpu);

/* The base of a segment for memory operands; 0 in 64-bit mode but for FS and GS. */
uint64_t gaccess_base(struct vcpu *vcpu, enum insn_segment segment);

#endif

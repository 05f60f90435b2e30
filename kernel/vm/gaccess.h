/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's memory by linear address, through its own page tables: for the few instructions that the
 * hypervisor carries out for it. On the vCPU's own processor; nothing here is trusted.
 */
#ifndef BULKHEAD_KERNEL_VM_GACCESS_H
#define BULKHEAD_KERNEL_VM_GACCESS_H

#include "arch/x86/model/insn.h"
#include "kernel/vm/guest.h"

/*
 * Copy at most 16 bytes. False: *fault is the verdict with which the access ends (a page fault for
 * the guest, with CR2 set, or a stop where no fault can say it).
 */
bool gaccess_read(struct vcpu *vcpu, gva_t from, void *to, uint32_t size, struct verdict *fault);
bool gaccess_write(struct vcpu *vcpu, gva_t to, const void *from, uint32_t size,
                   struct verdict *fault);

/* Fetch and decode the instruction at RIP. False: as above. */
bool gaccess_insn(struct vcpu *vcpu, struct insn *insn, struct verdict *fault);

/* The bytes at RIP as far as they can be read, for the crash record; returns how many. */
uint32_t gaccess_code(struct vcpu *vcpu, uint8_t *bytes, uint32_t size);

/* The base of a segment for memory operands; 0 in 64-bit mode but for FS and GS. */
uint64_t gaccess_base(struct vcpu *vcpu, enum insn_segment segment);

/* One element of INS or OUTS. */
struct string_access {
    gva_t at;
    uint64_t address_mask; /* of RSI, RDI, RCX, by the address size */
    bool done;             /* REP with a count of zero */
};

/* Where the next element lies. False: *fault as above. */
bool string_begin(struct vcpu *vcpu, const struct vm_exit *exit, struct string_access *access,
                  struct verdict *fault);
/* Count and pointer move on. True: that was the last element. */
bool string_advance(struct vcpu *vcpu, const struct vm_exit *exit,
                    const struct string_access *access);

#endif

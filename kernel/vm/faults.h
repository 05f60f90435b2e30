/* SPDX-License-Identifier: MIT */
/*
 * What the IOMMU has blocked: whose device it was, how often, and what follows.
 *
 *     unit --(NMI, or the alarm)--> attendant: faults_poll()
 *         iommu_poll() -> source id -> passthrough device -> its counters
 *                                          |
 *                            at FAULTS_MOST, and from FAULTS_TOLD on: MAIL_FAULT
 *                                          v
 *     the owner's vCPU 0: faults_answer(), on-device-fault = ignore | detach | stop
 *                                      and: iommu_silence(), until the guest starts anew
 *
 * The attendant may run another guest. However often devices are blocked, it looks FAULTS_PAUSE_US
 * apart and takes at most 32 faults each time: with three register reads and a write for each (AMD:
 * two and one), and one read (three) of each unit. It waits for no unit, no device and no lock that
 * others hold while they do; what may take long the owner's processor does. The log tells of a
 * device's first, second, fourth, eighth, ... fault; of sources that are nobody's, a few lines a
 * second.
 *
 * In the end a source costs nothing: a device that is detached is silent, one that goes on with
 * `ignore` is silenced by its owner. What a device sends under a number that is none of its own
 * counts as its owner's, if nobody else has devices where it comes from. Sources that are nobody's,
 * or a stopped guest's, are silenced by the attendant itself, which waits for each unit then; one
 * in a look. Where units tell nevertheless (of interrupts by entries of others), the attendant
 * stops listening after 64 looks for nothing: for a minute it looks only when something else has
 * woken it, a second apart.
 */
#ifndef BULKHEAD_KERNEL_VM_FAULTS_H
#define BULKHEAD_KERNEL_VM_FAULTS_H

#include "arch/x86/cpu/percpu.h"
#include "kernel/vm/guest.h"

/* Of one device in one life of its guest: then on-device-fault is followed. Drivers that do what
 * they should cause none. */
#define FAULTS_MOST 16
/* From here on its sources are silenced: blocked as before, but not told any more. */
#define FAULTS_TOLD 256

/* This processor looks after them. Once, after guests_create() and alarm_init(), before
 * memory_seal() and before anything else sends NMIs to it. */
void faults_attend(const struct cpu *cpu);

/* After an NMI, and after alarm_poll(): what was blocked, when `cpu` is the attendant. With no lock
 * held; cheap when it is not yet time again. */
void faults_poll(const struct cpu *cpu);

/* After MAIL_FAULT: do as on-device-fault says. On the processor of the guest's vCPU 0, with no
 * lock held. True: the guest stops. */
bool faults_answer(struct vcpu *vcpu);

/* A guest's devices have been detached: whatever they did before is counted, so that nothing of it
 * counts for the guest's next life. On the processor of its vCPU 0. */
void faults_settle(void);

/*
 * Log a line for each device of the guest: `stats guest=web device=00:03.0 faults=N reads=N
 * writes=N interrupts=N last=0xADDRESS state=on|off|removed`, as counted since the guest's start.
 */
void faults_statistics(const struct guest *guest);

/* And one for the machine: `stats iommu faults=N unowned=N lost=N`, where there is an IOMMU: all
 * that units have told, what was nobody's, and how often they had no room to tell. */
void faults_statistics_machine(void);

#endif

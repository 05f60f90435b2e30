/* SPDX-License-Identifier: MIT */
/*
 * Single instructions that C cannot say. Privileged: kernel, drivers and boot only. What needs more
 * than an instruction is in arch/x86/cpu/.
 */
#ifndef BULKHEAD_ARCH_CPU_H
#define BULKHEAD_ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpu_cpuid_regs cpu_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpu_cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

/* The caller knows that the MSR exists; otherwise #GP, which panics. */
static inline uint64_t cpu_rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

/* As cpu_rdmsr(). The memory clobber orders it against stores, as x2APIC IPIs need. */
static inline void cpu_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t cpu_rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* Stop until the next NMI (or, with interrupts on, interrupt). */
static inline void cpu_halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

static inline void cpu_interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline uint64_t cpu_read_cr0(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr0(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline uint64_t cpu_read_cr2(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr2(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr2" : : "r"(value));
}

static inline uint64_t cpu_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr3(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline uint64_t cpu_read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static inline void cpu_write_cr4(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

/* The task priority class of the calling processor's APIC. */
static inline uint64_t cpu_read_cr8(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr8, %0" : "=r"(value));
    return value;
}

static inline void cpu_invlpg(const void *address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* The caller knows that CR4.OSXSAVE is set. */
static inline uint64_t cpu_xgetbv(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_xsetbv(uint32_t index, uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* Write the cache line of `address` back to memory and forget it: for devices that do not snoop. */
static inline void cpu_flush_line(const void *address)
{
    __asm__ volatile("clflush (%0)" : : "r"(address) : "memory");
}

/* All loads and stores (and flushes of lines) before it are done before any after it. */
static inline void cpu_fence(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

/* Store 16 bytes at once, for devices that read them at once. `to` is aligned to 16.
 *
 * The jump is for QEMU before 8.0: its CMPXCHG16B takes the flags that it keeps from how the block
 * before left them, so that behind an addition, say, in its own block RFLAGS gets an operand's
 * bits. An NMI right here would return with them: with TF, DF or IF set. */
static inline void cpu_store_128(uint64_t *to, uint64_t low, uint64_t high)
{
    uint64_t old_low = to[0], old_high = to[1];
    __asm__ volatile("jmp 1f\n1:\tlock cmpxchg16b (%2)\n\tjnz 1b"
                     : "+a"(old_low), "+d"(old_high)
                     : "r"(to), "b"(low), "c"(high)
                     : "memory", "cc");
}

/* Bulk work on guest memory: the processor's string instructions beat any loop of ours. */
static inline void cpu_fill_zero(void *to, uint64_t size)
{
    uint64_t quads = size / 8, rest = size % 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(quads) : "a"(UINT64_C(0)) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(UINT64_C(0)) : "memory");
}

static inline void cpu_copy(void *to, const void *from, uint64_t size)
{
    uint64_t quads = size / 8, rest = size % 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(quads) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

#endif

/* SPDX-License-Identifier: MIT */
/* Ports: read all, write all but those that would end the guest or garble its console. */
#include "arch/x86/regs/exception.h"
#include "kernel/acpi/guest.h"
#include "kernel/lib/mem.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

#define PORT_COUNT   0x10000
#define PORT_UNUSED  0xe0 /* nobody, and far from somebody */
#define KEYBOARD     0x64
#define SYSTEM_A     0x92
#define RESET_CF9    0xcf9
#define PCI_FIRST    0xcf8
#define PULSE        0xf0 /* and the values behind it: bit 0 is the reset, active low */
#define SLEEP_ENABLE 0x20
#define PIC_MASK     0x21
#define PIC_2_MASK   0xa1

/* Where a device may answer, and the largest access there. */
static const struct owned {
    uint16_t first, last;
    uint32_t size;
} owned[] = {
    {0x20, 0x21, 1},
    {0x40, 0x43, 1},
    {0x60, 0x61, 1},
    {KEYBOARD, KEYBOARD, 1},
    {GUEST_RTC, GUEST_RTC + 1, 1},
    {0x80, 0x8f, 1},
    {SYSTEM_A, SYSTEM_A, 1},
    {0xa0, 0xa1, 1},
    {0x3c0, 0x3da, 2},
    {GUEST_COM1, GUEST_COM1 + 7, 1},
    {0x4d0, 0x4d1, 1},
    {GUEST_SLEEP_CONTROL, GUEST_SLEEP_STATUS, 1},
    {GUEST_RESET, GUEST_RESET, 1},
    {GUEST_PM_TIMER, GUEST_PM_TIMER + 3, 4},
    {PCI_FIRST, PCI_FIRST + 7, 4},
};

static bool is_owned(uint32_t port, uint32_t size)
{
    for (size_t i = 0; i < ARRAY_COUNT(owned); i++)
        if (size <= owned[i].size && port + size > owned[i].first && port <= owned[i].last)
            return true;
    return false;
}

static void read_port(struct report *report, uint16_t port)
{
    uint8_t byte = in8(port);
    uint16_t word = in16(port);
    uint32_t dword = in32(port);
    expect(report, is_owned(port, 1) || byte == 0xff, "in8 %x: %x", port, byte);
    expect(report, is_owned(port, 2) || word == 0xffff, "in16 %x: %x", port, word);
    expect(report, is_owned(port, 4) || dword == UINT32_MAX, "in32 %x: %x", port, dword);
}

/* The documented deny list: an 8-bit write that ends the guest, as it is meant to. */
static bool ends_guest(uint32_t port, uint8_t value)
{
    return (port == GUEST_SLEEP_CONTROL && (value & SLEEP_ENABLE) &&
            (value >> 2 & 7) == GUEST_SLEEP_TYPE_S5) ||
           (port == GUEST_RESET && value == GUEST_RESET_VALUE) ||
           (port == RESET_CF9 && (value & 4)) || (port == SYSTEM_A && (value & 1)) ||
           (port == KEYBOARD && value >= PULSE && !(value & 1));
}

static void write_port(uint16_t port)
{
    out8(port, 0);
    out8(port, 0xff);
    out8(port, 0x5a);
    out16(port, 0xa5c3);
    out32(port, 0x5aa5c33c);
}

/* 16- and 32-bit writes there are nobody's in Bulkhead, but elsewhere they reach the byte. */
static bool near_end(uint32_t port)
{
    static const uint16_t ends[] = {GUEST_SLEEP_CONTROL, GUEST_RESET, RESET_CF9, KEYBOARD,
                                    SYSTEM_A};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
        if (port + 3 >= ends[i] && port <= ends[i])
            return true;
    return false;
}

static bool own_uart(uint32_t port)
{
    return port + 3 >= GUEST_COM1 && port < GUEST_COM1 + 8;
}

void attack_ports(struct report *report)
{
    for (uint32_t port = 0; port < PORT_COUNT; port++)
        read_port(report, (uint16_t)port);
    for (uint32_t port = 0; port < PORT_COUNT; port++)
        if (!own_uart(port) && !near_end(port))
            write_port((uint16_t)port);
    static const uint16_t ends[] = {GUEST_SLEEP_CONTROL, GUEST_SLEEP_STATUS, GUEST_RESET,
                                    RESET_CF9,           KEYBOARD,           SYSTEM_A};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
        for (uint32_t value = 0; value < 256; value++)
            if (!ends_guest(ends[i], (uint8_t)value))
                out8(ends[i], (uint8_t)value);
    out8(PIC_MASK, 0xff);
    out8(PIC_2_MASK, 0xff);
    for (uint32_t port = 0; port < 0x400; port++)
        read_port(report, (uint16_t)port); /* once more, after all that writing */
    /* An address of the PCI host that shows something, if there is any. */
    for (uint32_t address = 0; address < 0x10000; address += 0x100) {
        out32(PCI_FIRST, 0x80000000u | address << 8 >> 8);
        expect(report, in32(PCI_FIRST + 4) == UINT32_MAX, "PCI %x is there", address);
    }
    out32(PCI_FIRST, 0);
    say(report, "65536 ports");
}

struct string_op {
    void *buffer;
    uint64_t count; /* in and out, as RCX */
    uint64_t end;   /* RDI or RSI afterwards */
    bool down;
};

static void do_insb(void *argument)
{
    struct string_op *op = argument;
    uint64_t rdi = (uint64_t)(uintptr_t)op->buffer, rcx = op->count;
    if (op->down)
        __asm__ volatile("std");
    __asm__ volatile("rep insb\n\tcld" : "+D"(rdi), "+c"(rcx) : "d"(PORT_UNUSED) : "memory");
    op->count = rcx;
    op->end = rdi;
}

static void do_insl(void *argument)
{
    struct string_op *op = argument;
    uint64_t rdi = (uint64_t)(uintptr_t)op->buffer, rcx = op->count;
    __asm__ volatile("rep insl" : "+D"(rdi), "+c"(rcx) : "d"(PORT_UNUSED) : "memory");
    op->count = rcx;
    op->end = rdi;
}

static void do_outsw(void *argument)
{
    struct string_op *op = argument;
    uint64_t rsi = (uint64_t)(uintptr_t)op->buffer, rcx = op->count;
    __asm__ volatile("rep outsw" : "+S"(rsi), "+c"(rcx) : "d"(PORT_UNUSED) : "memory");
    op->count = rcx;
    op->end = rsi;
}

static void do_insb_32(void *argument)
{
    struct string_op *op = argument;
    uint64_t rdi = (uint64_t)(uintptr_t)op->buffer | UINT64_C(0x5500000000), rcx = op->count;
    __asm__ volatile("addr32 rep insb" : "+D"(rdi), "+c"(rcx) : "d"(PORT_UNUSED) : "memory");
    op->count = rcx;
    op->end = rdi;
}

static bool all_ones(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0xff)
            return false;
    return true;
}

struct string_case {
    const char *name;
    action_fn *run;
    uint32_t count, start, size; /* what may be written: buffer[start .. start + size) */
    bool down;
};

static void string_case(struct report *report, const struct string_case *what)
{
    static uint8_t buffer[4096];
    struct trap trap;
    uint32_t offset = what->down ? what->start + what->size - 1 : what->start;
    struct string_op op = {.buffer = buffer + offset, .count = what->count, .down = what->down};
    memset(buffer, 0, sizeof(buffer));
    bool done = probe(what->run, &op, &trap);
    expect(report, done, "%s x %u: vector %u", what->name, what->count, trap.vector);
    expect(report, !done || op.count == 0, "%s x %u: count %lu is left", what->name, what->count,
           op.count);
    if (what->run == do_outsw)
        return;
    expect(report, all_ones(buffer + what->start, what->size), "%s x %u: not all were read",
           what->name, what->count);
    for (uint32_t i = 0; i < sizeof(buffer); i++)
        expect(report, (i >= what->start && i < what->start + what->size) || buffer[i] == 0,
               "%s x %u: wrote beyond its end, at %u", what->name, what->count, i);
}

/* Begins in a page that is there and runs into one that is not: 16 bytes, then #PF at the border.
 */
static void string_fault(struct report *report, action_fn *run, const char *name)
{
    static _Alignas(4096) uint8_t page[4096];
    struct trap trap;
    memset(page, 0, sizeof(page));
    uint8_t *first = window_small(0, (uint64_t)(uintptr_t)page, PAGE_P | PAGE_RW);
    window_small(1, 0, 0);
    struct string_op op = {.buffer = first + 4096 - 16, .count = UINT64_C(1) << 62};
    bool done = probe(run, &op, &trap);
    uint64_t border = (uint64_t)(uintptr_t)first + 4096;
    expect(report, !done && trap.vector == EXC_PF && trap.cr2 == border,
           "%s into an unmapped page: vector %u error %x cr2 %lx, not #PF at %lx", name,
           trap.vector, trap.error, trap.cr2, border);
    if (run != do_outsw)
        expect(report, all_ones(page + 4096 - 16, 16) && page[4096 - 17] == 0,
               "%s into an unmapped page: the mapped part is wrong", name);
    struct string_op none = {.buffer = first + 4096, .count = 0};
    expect(report, probe(run, &none, &trap), "%s x 0 faults: vector %u", name, trap.vector);
    struct string_op wild = {.buffer = (void *)(uintptr_t)UINT64_C(0x8000000000000000), .count = 1};
    expect(report, !probe(run, &wild, &trap) && trap.vector == EXC_GP,
           "%s to a non-canonical address: vector %u", name, trap.vector);
}

void attack_string_io(struct report *report)
{
    static const struct string_case cases[] = {
        {"insb", do_insb, 0, 100, 0, false},       {"insb", do_insb, 1, 100, 1, false},
        {"insb", do_insb, 3000, 100, 3000, false}, {"insb down", do_insb, 100, 100, 100, true},
        {"insl", do_insl, 0, 100, 0, false},       {"insl", do_insl, 77, 101, 308, false},
        {"outsw", do_outsw, 0, 0, 0, false},       {"outsw", do_outsw, 2000, 0, 0, false},
        {"insb a32", do_insb_32, 0, 0, 0, false},  {"insb a32", do_insb_32, 9, 50, 9, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        string_case(report, &cases[i]);
    string_fault(report, do_insb, "insb");
    string_fault(report, do_insl, "insl");
    string_fault(report, do_outsw, "outsw");
}

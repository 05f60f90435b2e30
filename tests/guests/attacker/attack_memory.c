/* SPDX-License-Identifier: MIT */
/* Guest-physical addresses that are not ours, with every kind of instruction. */
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/exception.h"
#include "kernel/acpi/guest.h"
#include "kernel/lib/mem.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

struct touch {
    volatile uint8_t *at;
    uint64_t value; /* what was read; in for writes */
};

#define TOUCH_READ(name, instruction, constraint)                                                  \
    static void name(void *argument)                                                               \
    {                                                                                              \
        struct touch *touch = argument;                                                            \
        uint64_t value = 0;                                                                        \
        __asm__ volatile(instruction : constraint(value) : "r"(touch->at) : "memory", "cc");       \
        touch->value = value;                                                                      \
    }

TOUCH_READ(read8, "movb (%1), %b0", "+r")
/* AH cannot be named together with R8 and up. */
static void read8_high(void *argument)
{
    struct touch *touch = argument;
    uint64_t value = 0;
    __asm__ volatile("movb (%1), %%ah\n\tshr $8, %0"
                     : "+a"(value)
                     : "D"(touch->at)
                     : "memory", "cc");
    touch->value = value;
}

TOUCH_READ(read16, "movw (%1), %w0", "+r")
TOUCH_READ(read32, "movl (%1), %k0", "+r")
TOUCH_READ(read64, "movq (%1), %q0", "+r")
TOUCH_READ(read8_zero, "movzbl (%1), %k0", "+r")
TOUCH_READ(read16_zero, "movzwq (%1), %q0", "+r")
TOUCH_READ(read8_sign, "movsbq (%1), %q0", "+r")
TOUCH_READ(read16_sign, "movswl (%1), %k0", "+r")
TOUCH_READ(read32_sign, "movslq (%1), %q0", "+r")
TOUCH_READ(swap8, "xchgb %b0, (%1)", "+r")
TOUCH_READ(swap32, "xchgl %k0, (%1)", "+r")
TOUCH_READ(swap64, "xchgq %q0, (%1)", "+r")
TOUCH_READ(or_from, "orl (%1), %k0", "+r")
TOUCH_READ(add_from, "addq (%1), %q0", "+r")
TOUCH_READ(add_to, "addl %k0, (%1)", "+r")
TOUCH_READ(and_to, "andb $0x5a, (%1)\n\tincq %0", "+r")
TOUCH_READ(xor_to, "xorw $0x1234, (%1)", "+r")
TOUCH_READ(lock_add_to, "lock addl $1, (%1)", "+r")
TOUCH_READ(inc_to, "incl (%1)", "+r")
TOUCH_READ(neg_to, "negb (%1)", "+r")
/* All ones when the flags are right: carry, or no carry. */
#define CARRY    "\n\tsbbq %q0, %q0"
#define NO_CARRY CARRY "\n\tnotq %q0"
TOUCH_READ(test_it, "testb $1, (%1)" NO_CARRY, "+r")
TOUCH_READ(compare_it, "cmpl %k0, (%1)" NO_CARRY, "+r")
TOUCH_READ(compare_with, "cmpl $7, (%1)" NO_CARRY, "+r")
TOUCH_READ(compare_from, "cmpl (%1), %k0" CARRY, "+r")
TOUCH_READ(compare_swap, "lock cmpxchgl %k0, (%1)", "+a")
TOUCH_READ(exchange_add, "lock xaddq %0, (%1)", "+r")
TOUCH_READ(exchange_add8, "xaddb %b0, (%1)", "+r")
TOUCH_READ(bit_set, "lock btsl $3, (%1)" CARRY, "+r")
TOUCH_READ(bit_reset, "btrw $15, (%1)" CARRY, "+r")
TOUCH_READ(bit_flip, "btcq %q0, (%1)" CARRY, "+r")
TOUCH_READ(bit_test, "btl %k0, (%1)" CARRY, "+r")
TOUCH_READ(dec_to, "decw (%1)", "+r")
TOUCH_READ(not_to, "notq (%1)", "+r")
TOUCH_READ(shift_left, "shll $4, (%1)" CARRY, "+r")
TOUCH_READ(shift_right, "sarb (%1)" CARRY, "+r")
TOUCH_READ(rotate_carry, "rcrw $1, (%1)" CARRY, "+r")
TOUCH_READ(multiply, "imull $-1, (%1), %k0\n\tnegq %0", "+r")
TOUCH_READ(load_if, "cmpq %0, %0\n\tcmovel (%1), %k0", "+r")
TOUCH_READ(set_if, "cmpq %0, %0\n\tsete (%1)", "+r")
TOUCH_READ(store_past_cache, "movntil %k0, (%1)", "+r")
TOUCH_READ(swapped, "movbeq (%1), %0", "+r")
TOUCH_READ(swapped_store, "movbew %w0, (%1)", "+r")
TOUCH_READ(vector_load, "movups (%1), %%xmm0", "+r")
TOUCH_READ(vector_store, "movntdq %%xmm0, (%1)", "+r")
TOUCH_READ(x87_load, "fldl (%1)", "+r")
TOUCH_READ(write8, "movb $0xa5, (%1)", "+r")
TOUCH_READ(write16, "movw $0xa5a5, (%1)", "+r")
TOUCH_READ(write32, "movl $0xa5a5a5a5, (%1)", "+r")
TOUCH_READ(write64, "movq $-2, (%1)", "+r")
TOUCH_READ(push_from, "pushq (%1)\n\tpopq %0", "+r")
TOUCH_READ(pop_to, "pushq %0\n\tpopq (%1)", "+r")
TOUCH_READ(flush_it, "clflush (%1)", "+r")
TOUCH_READ(prefetch_it, "prefetcht0 (%1)", "+r")
TOUCH_READ(fetch_descriptor, "verr (%1)", "+r")

/*
 * Strings. `here` is RAM, `there` is what is touched; all ones in `value` when the three registers
 * are where they have to be, and RAM was filled with ones if it was the target.
 */
static uint64_t here[16];

struct string_end {
    uint64_t from, to, count;
};

static bool string_ended(const struct string_end *start, const struct string_end *end, int from,
                         int to, uint64_t left)
{
    return end->from == start->from + (uint64_t)from && end->to == start->to + (uint64_t)to &&
           end->count == left;
}

#define TOUCH_STRING(name, instruction, from_there, to_there, n, from_step, to_step, left)         \
    static void name(void *argument)                                                               \
    {                                                                                              \
        struct touch *touch = argument;                                                            \
        uint64_t there = (uint64_t)(uintptr_t)touch->at, ram = (uint64_t)(uintptr_t)here;          \
        uint64_t rax = UINT64_MAX;                                                                 \
        struct string_end start = {from_there ? there : ram, to_there ? there : ram, n};           \
        struct string_end end = start;                                                             \
        memset(here, 0x33, sizeof(here));                                                          \
        __asm__ volatile(instruction "\n\tcld"                                                     \
                         : "+S"(end.from), "+D"(end.to), "+c"(end.count), "+a"(rax)                \
                         :                                                                         \
                         : "memory", "cc");                                                        \
        bool good = string_ended(&start, &end, from_step, to_step, left) && rax == UINT64_MAX;     \
        touch->value = good ? UINT64_MAX : 0;                                                      \
    }
TOUCH_STRING(string_store, "rep stosq", false, true, 2, 0, 16, 0)
TOUCH_STRING(string_store_one, "stosb", false, true, 1, 0, 1, 1)
TOUCH_STRING(string_move_to, "rep movsb", false, true, 7, 7, 7, 0)
TOUCH_STRING(string_move_from, "rep movsq", true, false, 2, 16, 16, 0)
TOUCH_STRING(string_move_both, "rep movsw", true, true, 3, 6, 6, 0)
TOUCH_STRING(string_move_down, "std\n\tmovsl", true, false, 3, -4, -4, 3)
TOUCH_STRING(string_load, "xorl %%eax, %%eax\n\tlodsq", true, false, 1, 8, 0, 1)
TOUCH_STRING(string_load_rep, "rep lodsb", true, false, 5, 5, 0, 0)
TOUCH_STRING(string_compare, "repe cmpsb", false, true, 3, 1, 1, 2)
TOUCH_STRING(string_compare_ne, "repne cmpsb", false, true, 3, 3, 3, 0)
TOUCH_STRING(string_scan, "repne scasw", false, true, 3, 0, 2, 2)
TOUCH_STRING(string_scan_equal, "repe scasb", false, true, 3, 0, 3, 0)

/* The data, too. */
static void string_fill(void *argument)
{
    struct touch *touch = argument;
    string_move_from(argument);
    if (here[0] != UINT64_MAX || here[1] != UINT64_MAX || here[2] == UINT64_MAX)
        touch->value = 0;
}

struct form {
    const char *name;
    action_fn *run;
    bool must_work; /* else #GP and #UD are answers, too */
    bool reads;     /* all ones in `mask` */
    uint64_t mask;
};

static const struct form forms[] = {
    {"mov r8", read8, true, true, 0xff},
    {"mov ah", read8_high, true, true, 0xff},
    {"mov r16", read16, true, true, 0xffff},
    {"mov r32", read32, true, true, UINT32_MAX},
    {"mov r64", read64, true, true, UINT64_MAX},
    {"movzx r8", read8_zero, true, true, 0xff},
    {"movzx r16", read16_zero, true, true, 0xffff},
    {"movsx r8", read8_sign, true, true, UINT64_MAX},
    {"movsx r16", read16_sign, true, true, UINT32_MAX},
    {"movsxd", read32_sign, true, true, UINT64_MAX},
    {"mov m8", write8, true, false, 0},
    {"mov m16", write16, true, false, 0},
    {"mov m32", write32, true, false, 0},
    {"mov m64", write64, true, false, 0},
    {"xchg 8", swap8, true, true, 0xff},
    {"xchg 32", swap32, true, true, UINT32_MAX},
    {"xchg 64", swap64, true, true, UINT64_MAX},
    {"or from", or_from, true, true, UINT32_MAX},
    {"add from", add_from, true, true, UINT64_MAX},
    {"add to", add_to, true, false, 0},
    {"and to", and_to, true, false, 0},
    {"xor to", xor_to, true, false, 0},
    {"test", test_it, true, true, UINT64_MAX},
    {"cmp m, r", compare_it, true, true, UINT64_MAX},
    {"cmp m, 7", compare_with, true, true, UINT64_MAX},
    {"cmp r, m", compare_from, true, true, UINT64_MAX},
    {"lock add", lock_add_to, true, false, 0},
    {"inc", inc_to, true, false, 0},
    {"dec", dec_to, true, false, 0},
    {"neg", neg_to, true, false, 0},
    {"not", not_to, true, false, 0},
    {"shl", shift_left, true, true, UINT64_MAX},
    {"sar", shift_right, true, true, UINT64_MAX},
    {"rcr", rotate_carry, true, true, UINT64_MAX},
    {"imul", multiply, true, true, UINT64_MAX},
    {"cmpxchg", compare_swap, true, true, UINT32_MAX},
    {"xadd", exchange_add, true, true, UINT64_MAX},
    {"xadd 8", exchange_add8, true, true, 0xff},
    {"bts", bit_set, true, true, UINT64_MAX},
    {"btr", bit_reset, true, true, UINT64_MAX},
    {"btc", bit_flip, true, true, UINT64_MAX},
    {"bt", bit_test, true, true, UINT64_MAX},
    {"cmov", load_if, true, true, UINT32_MAX},
    {"set", set_if, true, false, 0},
    {"movnti", store_past_cache, true, false, 0},
    {"movbe", swapped, false, true, UINT64_MAX},
    {"movbe to", swapped_store, false, false, 0},
    {"push", push_from, true, true, UINT64_MAX},
    {"pop", pop_to, true, false, 0},
    {"clflush", flush_it, true, false, 0},
    {"prefetch", prefetch_it, true, false, 0},
    {"verr", fetch_descriptor, false, false, 0},
    {"movups", vector_load, false, false, 0},
    {"movntdq", vector_store, false, false, 0},
    {"fld", x87_load, false, false, 0},
    {"rep stosq", string_store, true, true, UINT64_MAX},
    {"stosb", string_store_one, true, true, UINT64_MAX},
    {"rep movsb to", string_move_to, true, true, UINT64_MAX},
    {"rep movsq from", string_fill, true, true, UINT64_MAX},
    {"rep movsw both", string_move_both, true, true, UINT64_MAX},
    {"movsd down", string_move_down, true, true, UINT64_MAX},
    {"rep lodsb", string_load_rep, true, true, UINT64_MAX},
    {"lodsq", string_load, true, true, UINT64_MAX},
    {"repe cmpsb", string_compare, true, true, UINT64_MAX},
    {"repne cmpsb", string_compare_ne, true, true, UINT64_MAX},
    {"repne scasw", string_scan, true, true, UINT64_MAX},
    {"repe scasb", string_scan_equal, true, true, UINT64_MAX},
};

/* Beyond the width that CPUID tells the page tables are at fault: #PF with the reserved bit. */
static bool is_answer(const struct form *form, const struct trap *trap, bool beyond)
{
    if (!trap->taken)
        return true;
    if (beyond && trap->vector == EXC_PF)
        return true;
    return !form->must_work && (trap_is(trap, EXC_GP) || trap_is(trap, EXC_UD));
}

static void touch_all(struct report *report, uint64_t gpa, bool beyond, uint32_t *refused)
{
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        const struct form *form = &forms[i];
        struct touch touch = {.at = window(gpa)};
        struct trap trap;
        probe(form->run, &touch, &trap);
        *refused += trap.taken;
        expect(report, is_answer(form, &trap, beyond), "%s at %lx: vector %u error %x", form->name,
               gpa, trap.vector, trap.error);
        if (!trap.taken && form->reads)
            expect(report, (touch.value & form->mask) == form->mask, "%s at %lx: read %lx",
                   form->name, gpa, touch.value);
    }
}

/* An access of which one half is RAM and the other is nothing: any answer but another's memory. */
static void straddle(struct report *report, uint64_t end)
{
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        uint8_t *at = window_small(0, end - PAGE_4K, PAGE_P | PAGE_RW);
        struct touch touch = {.at = at + PAGE_4K - 1};
        struct trap trap;
        window_small(1, end, PAGE_P | PAGE_RW);
        probe(forms[i].run, &touch, &trap);
        expect(report, !trap.taken || trap_is(&trap, EXC_GP) || trap_is(&trap, EXC_UD),
               "%s at the end of RAM: vector %u", forms[i].name, trap.vector);
    }
}

void attack_memory(struct report *report)
{
    unsigned bits = cpuid(CPUID_ADDRESS, 0).eax & 0xff;
    uint64_t low = ram_end_low(), high = ram_end() > GIB(4) ? ram_end() : GIB(4);
    const uint64_t places[] = {
        low,
        low + PAGE_4K + 5,
        low + PAGE_2M - 16,
        low + GIB(1) / 2,
        GIB(3),
        GIB(3) + 0x1003,
        0xe0000000u,
        GUEST_LAPIC_BASE,
        GUEST_LAPIC_BASE + 0x20,
        GUEST_LAPIC_BASE + 0x300,
        GUEST_LAPIC_BASE + 0xff0,
        GUEST_IOAPIC_BASE + 0x1000,
        GUEST_IOAPIC_BASE + 0x100,
        0xfed00400u, /* behind the HPET */
        0xfed40000u,
        0xff000000u,
        0xfffffff0u - 32,
        high,
        high + 0x123450,
        high + GIB(1),
        GIB(64),
        GIB(512),
    };
    uint32_t refused = 0;
    for (size_t i = 0; i < ARRAY_COUNT(places); i++)
        touch_all(report, places[i], false, &refused);
    for (unsigned bit = 33; bit <= 46; bit++)
        if (UINT64_C(1) << bit >= high)
            touch_all(report, UINT64_C(1) << bit | 0x2040, bit >= bits, &refused);
    straddle(report, low);
    say(report, "%u address bits, %u instructions refused", bits, refused);
}

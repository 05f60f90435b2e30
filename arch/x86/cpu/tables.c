/* SPDX-License-Identifier: MIT */
#include "arch/x86/cpu/tables.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/image.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/regs/exception.h"
#include "arch/x86/regs/msr.h"
#include "kernel/lib/bits.h"

/* Emergency stacks, in the order of the TSS's interrupt stack table. */
enum { STACK_NMI, STACK_DF, STACK_MC, STACK_COUNT };

/* SDM Vol. 3A "Task Management in 64-bit Mode". Not a multiple of 8, so in 32-bit pieces. */
struct tss {
    uint32_t reserved0;
    uint32_t rsp[3][2]; /* only privilege level 0 is ever used: no entry is read */
    uint32_t reserved1[2];
    uint32_t ist[7][2];
    uint32_t reserved2[2];
    uint16_t reserved3;
    uint16_t io_map; /* behind the limit: no map */
};
_Static_assert(sizeof(struct tss) == 104, "SDM Vol. 3A, 64-bit TSS format");

/* SDM Vol. 3A "64-Bit Mode IDT" */
struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t attributes;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM Vol. 3A, 64-bit IDT gate");

#define GATE_IST       BITS(2, 0)
#define GATE_INTERRUPT (UINT64_C(0xe) << 8)
#define GATE_PRESENT   BIT(15)

/* SDM Vol. 3A "Segment Descriptors", "TSS Descriptor" */
#define DESCRIPTOR_CODE   UINT64_C(0x00af9b000000ffff) /* 64-bit, read, accessed */
#define DESCRIPTOR_DATA   UINT64_C(0x00cf93000000ffff) /* read and write, accessed */
#define DESCRIPTOR_TSS    UINT64_C(0x0000890000000000) /* available 64-bit TSS */
#define DESCRIPTOR_LIMIT  BITS(15, 0)
#define DESCRIPTOR_BASE_0 BITS(39, 16)
#define DESCRIPTOR_BASE_1 BITS(63, 56)

struct cpu_tables {
    uint64_t gdt[5]; /* null, code, data, and two for the TSS */
    struct tss tss;
    uint64_t emergency[STACK_COUNT]; /* tops */
};

/* What LGDT and LIDT read. */
struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#define EMERGENCY_STACK PAGE_4K

extern const char exception_stubs[], exception_drain[], exception_nmi[];
void tables_flush(uint16_t code, uint16_t data);
/* Not 0: every NMI parks its processor. Read by assembly code. */
extern uint32_t tables_parking;

uint32_t tables_parking;

static struct cpu boot_cpu;
static struct cpu_tables boot_tables;
static struct gate idt[256] __attribute__((aligned(4096), section(".bss.idt")));

static void set_gate(unsigned vector, const char *handler, unsigned stack)
{
    uint64_t address = image_address(handler);

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)address,
        .selector = TABLES_SELECTOR_CODE,
        .attributes = (uint16_t)(GATE_PRESENT | GATE_INTERRUPT | field_put(GATE_IST, stack)),
        .offset_middle = (uint16_t)(address >> 16),
        .offset_high = (uint32_t)(address >> 32),
    };
}

static void build_idt(void)
{
    for (unsigned vector = 0; vector < EXC_COUNT; vector++)
        set_gate(vector, exception_stubs + 8 * (size_t)vector, 0);
    set_gate(EXC_NMI, exception_nmi, 1 + STACK_NMI);
    set_gate(EXC_DF, exception_stubs + 8 * (size_t)EXC_DF, 1 + STACK_DF);
    set_gate(EXC_MC, exception_stubs + 8 * (size_t)EXC_MC, 1 + STACK_MC);
    for (unsigned vector = EXC_COUNT; vector < ARRAY_COUNT(idt); vector++)
        set_gate(vector, exception_drain, 0);
}

static void fill_tables(struct cpu_tables *tables)
{
    uint64_t base = (uint64_t)(uintptr_t)&tables->tss;

    tables->gdt[TABLES_SELECTOR_CODE / 8] = DESCRIPTOR_CODE;
    tables->gdt[TABLES_SELECTOR_DATA / 8] = DESCRIPTOR_DATA;
    tables->gdt[TABLES_SELECTOR_TSS / 8] =
        DESCRIPTOR_TSS | field_put(DESCRIPTOR_LIMIT, sizeof(struct tss) - 1) |
        field_put(DESCRIPTOR_BASE_0, base) | field_put(DESCRIPTOR_BASE_1, base >> 24);
    tables->gdt[TABLES_SELECTOR_TSS / 8 + 1] = base >> 32;
    tables->tss.io_map = sizeof(struct tss);
    for (unsigned i = 0; i < STACK_COUNT; i++) {
        tables->tss.ist[i][0] = (uint32_t)tables->emergency[i];
        tables->tss.ist[i][1] = (uint32_t)(tables->emergency[i] >> 32);
    }
}

void tables_init_boot(void)
{
    boot_cpu.self = &boot_cpu;
    boot_cpu.tables = &boot_tables;
    boot_cpu.stack_top = image_address(image_stack_top);
    boot_cpu.stack_size = boot_cpu.stack_top - image_address(image_guard_end);
    for (unsigned i = 0; i < STACK_COUNT; i++)
        boot_tables.emergency[i] = image_address(image_guard_end);
    build_idt();
    fill_tables(&boot_tables);
    tables_load(&boot_cpu);
}

struct cpu *tables_boot_cpu(void)
{
    return &boot_cpu;
}

void tables_prepare(struct cpu *cpu)
{
    for (unsigned i = 0; i < STACK_COUNT; i++)
        cpu->tables->emergency[i] = stack_alloc(EMERGENCY_STACK);
    fill_tables(cpu->tables);
}

void tables_load(struct cpu *cpu)
{
    struct table_pointer gdt = {sizeof(cpu->tables->gdt) - 1, tables_gdt_base(cpu)};
    struct table_pointer interrupts = {sizeof(idt) - 1, tables_idt_base()};

    __asm__ volatile("lgdt %0" : : "m"(gdt));
    tables_flush(TABLES_SELECTOR_CODE, TABLES_SELECTOR_DATA);
    cpu_wrmsr(MSR_IA32_GS_BASE, (uint64_t)(uintptr_t)cpu);
    __asm__ volatile("lidt %0" : : "m"(interrupts));
    __asm__ volatile("lldt %w0" : : "r"(0));
    __asm__ volatile("ltr %w0" : : "r"(TABLES_SELECTOR_TSS));
}

uint64_t tables_size(void)
{
    return sizeof(struct cpu_tables);
}

uint64_t tables_gdt_base(const struct cpu *cpu)
{
    return (uint64_t)(uintptr_t)cpu->tables->gdt;
}

uint64_t tables_tss_base(const struct cpu *cpu)
{
    return (uint64_t)(uintptr_t)&cpu->tables->tss;
}

uint64_t tables_idt_base(void)
{
    return (uint64_t)(uintptr_t)idt;
}

void tables_nmi_parks(void)
{
    __atomic_store_n(&tables_parking, 1, __ATOMIC_SEQ_CST);
}

/* May a frame (saved RBP, return address) be read at `frame`? */
static bool on_own_stack(const struct cpu *cpu, uint64_t frame)
{
    const uint64_t size = 2 * sizeof(uint64_t);

    if (!is_aligned(frame, sizeof(uint64_t)))
        return false;
    if (frame >= cpu->stack_top - cpu->stack_size && frame <= cpu->stack_top - size)
        return true;
    for (unsigned i = 0; i < STACK_COUNT; i++) {
        uint64_t top = cpu->tables->emergency[i];
        if (frame >= top - EMERGENCY_STACK && frame <= top - size)
            return true;
    }
    return false;
}

unsigned backtrace(uint64_t frame, uint64_t *addresses, unsigned max)
{
    const struct cpu *cpu = cpu_this();
    unsigned count = 0;

    while (count < max && on_own_stack(cpu, frame)) {
        const uint64_t *words = (const uint64_t *)(uintptr_t)frame;
        if (words[1] == 0)
            break;
        addresses[count++] = words[1];
        frame = words[0];
    }
    return count;
}

bool tables_near_guard(const struct cpu *cpu, uint64_t address)
{
    uint64_t low = cpu->stack_top - cpu->stack_size;

    if (address >= low - PAGE_4K && address < low)
        return true;
    for (unsigned i = 0; i < STACK_COUNT; i++) {
        low = cpu->tables->emergency[i] - EMERGENCY_STACK;
        if (address >= low - PAGE_4K && address < low)
            return true;
    }
    return false;
}

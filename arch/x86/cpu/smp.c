/* SPDX-License-Identifier: MIT */
#include "arch/x86/cpu/smp.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/address_space.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/cpu/tsc.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"
#include "kernel/log.h"
#include "kernel/panic.h"

/* SDM Vol. 3A "MP Initialization Protocol Algorithm for MP Systems", in microseconds. */
#define INIT_WAIT    10000
#define STARTUP_WAIT 200
/* Then a processor counts as dead. Firmware's SMIs may hold one up for a while. */
#define ANSWER_WAIT  1000000

#define TRAMPOLINE_OFFSET 2048
#define LOW_MEMORY        MIB(1)
#define FIRST_OWN_ENTRY   510 /* of the root: what lies from there on is the hypervisor's */
#define JUMP_NEAR         0xe9

struct trampoline_arguments {
    uint64_t cr3;
    uint64_t stack;
    uint64_t cpu;
    uint64_t entry; /* filled in by the linker */
};

extern const char trampoline_start[], trampoline_end[], trampoline_arguments[];
_Noreturn void smp_main(struct cpu *cpu);

static struct cpu **cpus;
static uint32_t cpu_count;
static bool released;
static void (*run_cpu)(struct cpu *cpu);

struct cpu *cpu_at(uint32_t index)
{
    return index < cpu_count ? cpus[index] : NULL;
}

bool cpu_online(uint32_t index)
{
    const struct cpu *cpu = cpu_at(index);

    return cpu != NULL && __atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE) != 0;
}

void smp_kick(const struct cpu *cpu)
{
    apic_send_nmi(cpu->apic_id);
}

/* First C code of another processor, on its own stack, with the hypervisor's tables. */
void smp_main(struct cpu *cpu)
{
    features_enable();
    tables_load(cpu);
    apic_enable();
    __atomic_store_n(&cpu->online, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&released, __ATOMIC_ACQUIRE)) {
        cpu_wait_for_event();
        cpu->attention = 0;
    }
    run_cpu(cpu);
    cpu_park();
}

static void prepare(const struct hardware *hardware)
{
    const uint64_t line = 64;
    uint64_t step = align_up(sizeof(struct cpu), line) + align_up(tables_size(), line);
    uint32_t count = hardware->cpu_count;

    struct cpu **table = host_alloc(count * sizeof(*table), line);
    char *block = host_alloc(count * step, line);
    table[0] = tables_boot_cpu();
    table[0]->apic_id = hardware->cpus[0].apic_id;
    table[0]->online = 1;
    for (uint32_t i = 1; i < count; i++) {
        struct cpu *cpu = (struct cpu *)(void *)(block + i * step);
        cpu->tables =
            (struct cpu_tables *)(void *)(block + i * step + align_up(sizeof(*cpu), line));
        cpu->self = cpu;
        cpu->index = i;
        cpu->apic_id = hardware->cpus[i].apic_id;
        cpu->stack_size = MAIN_STACK;
        cpu->stack_top = stack_alloc(MAIN_STACK);
        tables_prepare(cpu);
        table[i] = cpu;
    }
    cpus = table;
    cpu_count = count;
}

/* Lay the page out anew: the last processor that used it left its marks. See trampoline.asm. */
static void fill_page(hpa_t page, const struct cpu *cpu)
{
    const struct pagetable *space = address_space();
    const uint64_t *root = space->table_at(space->context, space->root);
    struct trampoline_arguments arguments;
    uint64_t room;
    char *bytes = window_map(0, page, &room);
    uint64_t *entries = (uint64_t *)(void *)bytes;
    char *code = bytes + TRAMPOLINE_OFFSET;
    int16_t distance = TRAMPOLINE_OFFSET - 3;

    memset(bytes, 0, PAGE_4K);
    bytes[0] = (char)JUMP_NEAR;
    memcpy(bytes + 1, &distance, sizeof(distance));
    memcpy(code, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    memcpy(&arguments, trampoline_arguments, sizeof(arguments));
    arguments.cr3 = memory_cr3();
    arguments.stack = cpu->stack_top;
    arguments.cpu = (uint64_t)(uintptr_t)cpu;
    memcpy(code + (trampoline_arguments - trampoline_start), &arguments, sizeof(arguments));
    entries[page.raw / PAGE_4K] = page.raw | ENTRY_PRESENT;
    for (unsigned i = FIRST_OWN_ENTRY; i < TABLE_ENTRIES; i++)
        entries[i] = root[i];
    window_unmap(0);
}

static bool answers_within(uint32_t index, uint64_t us)
{
    uint64_t start = cpu_rdtsc();
    uint64_t ticks = tsc_from_us(us);

    while (!cpu_online(index)) {
        if (cpu_rdtsc() - start > ticks)
            return false;
        cpu_pause();
    }
    return true;
}

/* The processor has had its INIT. */
static bool start(uint32_t index, hpa_t page)
{
    uint32_t id = cpus[index]->apic_id;
    uint8_t number = (uint8_t)(page.raw / PAGE_4K);

    fill_page(page, cpus[index]);
    apic_send_startup(id, number);
    if (answers_within(index, STARTUP_WAIT))
        return true;
    apic_send_startup(id, number);
    if (answers_within(index, ANSWER_WAIT))
        return true;
    apic_send_init(id); /* lest it wakes later, with the arguments of another */
    return false;
}

unsigned smp_start(const struct handoff *handoff, const struct hardware *hardware,
                   void (*run)(struct cpu *cpu))
{
    hpa_t page = hpa(handoff->low_page);
    unsigned silent = 0;

    run_cpu = run;
    prepare(hardware);
    if (cpu_count > 1 && (page.raw == 0 || page.raw > LOW_MEMORY - PAGE_4K)) {
        log_line("no memory below 1 MiB: the other processors cannot be started");
        return cpu_count - 1;
    }
    for (uint32_t i = 1; i < cpu_count; i++)
        apic_send_init(cpus[i]->apic_id);
    if (cpu_count > 1)
        tsc_wait_us(INIT_WAIT);
    for (uint32_t i = 1; i < cpu_count; i++) {
        if (start(i, page))
            continue;
        silent++;
        log_line("processor %u (APIC id %u) does not answer", i, cpus[i]->apic_id);
    }
    return silent;
}

void smp_release(void)
{
    __atomic_store_n(&released, true, __ATOMIC_RELEASE);
    for (uint32_t i = 1; i < cpu_count; i++)
        if (cpu_online(i))
            smp_kick(cpus[i]);
}

void smp_stop_others(void)
{
    const struct cpu *self = cpu_this();

    tables_nmi_parks();
    for (uint32_t i = 0; i < cpu_count; i++)
        if (cpus[i] != self && cpu_online(i))
            smp_kick(cpus[i]);
}

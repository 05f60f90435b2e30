/* SPDX-License-Identifier: MIT */
/* The boot-time proof of memory.h's promises: reads the tables that the processor uses. */
#include "arch/cpu.h"
#include "arch/x86/cpu/address_space.h"
#include "arch/x86/cpu/image.h"
#include "arch/x86/cpu/memory.h"
#include "kernel/lib/bits.h"
#include "kernel/panic.h"

/* A run of mapped addresses without a gap. */
struct run {
    uint64_t start;
    uint64_t end;
};

static _Noreturn void violated(const char *what, uint64_t address, uint64_t entry)
{
    panic("address space: %s at %016llx (entry %016llx)", what, (unsigned long long)address,
          (unsigned long long)entry);
}

static bool inside(uint64_t address, const char *start, const char *end)
{
    return address >= image_address(start) && address < image_address(end);
}

static bool in_area(uint64_t address, uint64_t area)
{
    return address >= area && address - area < AREA_SIZE;
}

static void check_leaf(uint64_t address, uint64_t entry)
{
    bool writable = (entry & ENTRY_WRITE) != 0;
    bool executable = (entry & ENTRY_NX) == 0;
    bool text = inside(address, image_text_start, image_text_end);
    bool constant = inside(address, image_rodata_start, image_rodata_end) ||
                    inside(address, image_idt_start, image_idt_end);

    if (entry & ENTRY_USER)
        violated("user page", address, entry);
    if (executable != text || (writable && executable))
        violated("wrong execute right", address, entry);
    if (writable == (text || constant))
        violated("wrong write right", address, entry);
    if (inside(address, image_guard_start, image_guard_end))
        violated("mapped guard page", address, entry);
    if (in_area(address, WINDOW_AREA))
        violated("open window", address, entry);
    if (!inside(address, image_start, image_end) && !in_area(address, HOST_AREA) &&
        !in_area(address, STACK_AREA) && !in_area(address, DEVICE_AREA))
        violated("mapping outside every area", address, entry);
}

/* Each stack is a run of its own because of the guard below it. */
static void check_stack(struct run *run, uint64_t address, uint64_t entry)
{
    if (!in_area(address, STACK_AREA))
        return;
    if (address == STACK_AREA)
        violated("stack without guard page", address, entry);
    if (address != run->end)
        run->start = address;
    run->end = address + PAGE_4K;
    if (run->end - run->start > STACK_MAX)
        violated("stack without guard page", run->start, entry);
}

/* The tables' depth bounds the recursion. */
static void check_table(hpa_t table, int level, uint64_t base, struct run *run)
{
    const struct pagetable *space = address_space();
    const uint64_t *entries = space->table_at(space->context, table);

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t address = base | (uint64_t)i << (3 + 9 * level);
        uint64_t entry = entries[i];
        if (level == 4 && i >= TABLE_ENTRIES / 2)
            address |= BITS(63, 48);
        if ((entry & ENTRY_PRESENT) == 0)
            continue;
        if (level > 1 && (entry & ENTRY_LARGE) == 0) {
            check_table(hpa(entry & ENTRY_ADDRESS), level - 1, address, run);
            continue;
        }
        check_leaf(address, entry);
        check_stack(run, address, entry);
    }
}

void memory_verify(void)
{
    struct run run = {0, 0};

    if ((cpu_read_cr3() & ENTRY_ADDRESS) != memory_cr3())
        panic("address space: CR3 is %llx", (unsigned long long)cpu_read_cr3());
    check_table(hpa(memory_cr3()), 4, 0, &run);
}

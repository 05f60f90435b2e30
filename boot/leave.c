/* SPDX-License-Identifier: MIT */
#include "boot/leave.h"

#include "arch/cpu.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/msr.h"
#include "boot/console.h"
#include "boot/jump.h"
#include "boot/pages.h"

/* Each failure means that a timer or driver of the firmware changed the memory map once more. */
#define EXIT_ATTEMPTS 16

static _Noreturn void give_up(const char *text)
{
    console_last_words(text);
    for (;;) {
        cpu_interrupts_off();
        cpu_halt();
    }
}

/*
 * UEFI Specification "EFI_BOOT_SERVICES.ExitBootServices()": the key is stale when the map changed
 * after it was read. After the first attempt parts of the firmware are shut down already, so then
 * only GetMemoryMap and ExitBootServices are called, with the buffer of before.
 */
static void exit_boot_services(struct firmware_map *map)
{
    for (int i = 0; i < EXIT_ATTEMPTS; i++) {
        if (EFI_ERROR(firmware_map_read(map)))
            give_up("bulkhead: the firmware's memory map grew beyond its buffer while leaving the "
                    "firmware; the machine is halted\n");
        if (!EFI_ERROR(firmware.boot->ExitBootServices(firmware.image, map->key)))
            return;
    }
    give_up("bulkhead: the firmware refuses to end its boot services; the machine is halted\n");
}

_Noreturn void leave(struct leave *leave)
{
    exit_boot_services(leave->map);
    cpu_interrupts_off();

    struct memory_map map = firmware_map_view(leave->map);
    struct memory_spans kept = pages_kept();
    memory_map_convert(&map, &kept, &leave->memory);
    leave->handoff->memory_count = leave->memory.count;
    leave->handoff->times.left = cpu_rdtsc();

    cpu_wrmsr(MSR_IA32_EFER, cpu_rdmsr(MSR_IA32_EFER) | EFER_NXE);
    jump(leave->handoff, leave->entry, leave->tables, leave->stack);
}

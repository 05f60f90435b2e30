/* SPDX-License-Identifier: MIT */
/*
 * The UEFI application: reads and checks everything while the firmware can still boot something
 * else, then leaves the firmware and starts the kernel.
 */
#include "arch/cpu.h"
#include "boot/address_space.h"
#include "boot/clock.h"
#include "boot/console.h"
#include "boot/firmware.h"
#include "boot/input.h"
#include "boot/inspect.h"
#include "boot/kernel.h"
#include "boot/leave.h"
#include "boot/machine.h"
#include "boot/pages.h"
#include "boot/screen.h"
#include "boot/volume.h"
#include "kernel/lib/mem.h"

#define STACK_SIZE KIB(16)
#define READ_SECONDS                                                                               \
    5 /* to read the sentence before the firmware's next option clears the screen */

struct boot {
    struct volume volume;
    struct input input;
    struct kernel kernel;
    struct firmware_map map;
    struct address_space space;
    struct leave leave;
    struct memory_span acpi; /* what the kernel gets of struct acpi_host */
};

static uint64_t take_low_page(void)
{
    struct memory_span page;
    struct diag diag;

    if (pages_take(PAGE_4K, PAGES_BELOW_1M, &page, &diag))
        return page.base;
    console_text("bulkhead: %s; only one processor will run\n", diag.message);
    return 0;
}

/* All of the hand-over but what only exists after ExitBootServices. */
static bool make_handoff(struct boot *boot, uint64_t entry_tsc, struct diag *diag)
{
    struct leave *leave = &boot->leave;
    struct handoff *handoff = pages_zeroed(sizeof(*handoff), diag);

    leave->memory.capacity = HARDWARE_MAX_RANGES;
    leave->memory.ranges = pages_zeroed(HARDWARE_MAX_RANGES * sizeof(struct hardware_piece), diag);
    leave->stack = (uint64_t)pages_zeroed(STACK_SIZE, diag) + STACK_SIZE;
    struct config *config = pages_zeroed(config_bytes(&boot->input.config), diag);
    struct hardware *hardware = pages_zeroed(sizeof(*hardware), diag);
    if (!handoff || !leave->memory.ranges || leave->stack == STACK_SIZE || !config || !hardware ||
        !pages_take(sizeof(struct acpi_host), PAGES_ANYWHERE, &boot->acpi, diag))
        return false;
    memcpy(config, &boot->input.config, config_bytes(&boot->input.config));
    *handoff = (struct handoff){
        .magic = HANDOFF_MAGIC,
        .version = HANDOFF_VERSION,
        .size = sizeof(*handoff),
        .acpi = boot->acpi.base,
        .hardware = (uint64_t)hardware,
        .config = (uint64_t)config,
        .config_text = boot->input.text.base,
        .config_size = boot->input.text_size,
        .memory = (uint64_t)leave->memory.ranges,
        .guests = (uint64_t)boot->input.guests,
        .guest_count = boot->input.config.guest_count,
        .file_bytes = boot->input.file_bytes,
        .kernel_base = boot->kernel.memory.base,
        .kernel_size = boot->kernel.memory.size,
        .low_page = take_low_page(),
        .times = {.entry = entry_tsc},
    };
    screen_find(&handoff->screen);
    clock_read(&handoff->wall_clock, &handoff->wall_tsc);
    leave->handoff = handoff;
    leave->entry = boot->kernel.elf.entry;
    leave->map = &boot->map;
    return true;
}

/* Page tables for the memory map as it is now; RAM does not come or go any more. */
static bool make_tables(struct boot *boot, const struct memory_map *map, struct diag *diag)
{
    boot->space = (struct address_space){
        .map = map,
        .kernel = &boot->kernel,
        .screen = &boot->leave.handoff->screen,
    };
    if (!address_space_build(&boot->space, diag))
        return false;
    boot->leave.tables = boot->space.root;
    return true;
}

static bool prepare(struct boot *boot, uint64_t entry_tsc, struct diag *diag)
{
    struct volume *volume = &boot->volume;
    struct input *input = &boot->input;

    if (!machine_check_processor(diag) || !input_read_files(input, volume, diag) ||
        !kernel_load(&boot->kernel, diag) || !make_handoff(boot, entry_tsc, diag) ||
        !firmware_map_init(&boot->map, diag))
        return false;

    struct memory_map map = firmware_map_view(&boot->map);
    /* The plan comes last: it sees all memory that the kernel will find taken. */
    struct acpi_host *acpi = (struct acpi_host *)boot->leave.handoff->acpi;
    struct hardware *hardware = (struct hardware *)boot->leave.handoff->hardware;
    if (!make_tables(boot, &map, diag) || !machine_read_acpi(&map, acpi, diag) ||
        !machine_check_firmware(acpi, diag))
        return false;
    pages_trim(&boot->acpi, boot->acpi.base, acpi_host_bytes(acpi));
    machine_find_processors(acpi, hardware);
    struct machine_facts facts = {&map, acpi, hardware, &boot->leave.handoff->screen};
    if (!address_space_add_windows(&boot->space, &acpi->mcfg, BIT(hardware->phys_bits), diag) ||
        !machine_check_plan(&input->config, &facts, diag))
        return false;
    volume_close(volume);
    boot->leave.handoff->times.loaded = cpu_rdtsc();
    return true;
}

/* A stick without a config, or whose config says so, tells of the machine. */
static void report(struct boot *boot, bool asked, struct diag *diag)
{
    if (!asked)
        console_diag(diag);
    if (!inspect(&boot->volume, diag))
        console_diag(diag);
}

static void run(struct boot *boot, uint64_t entry_tsc)
{
    struct diag diag;
    bool good =
        volume_open(&boot->volume, &diag) && input_read_config(&boot->input, &boot->volume, &diag);

    if (good && boot->input.config.machine.inspect) {
        report(boot, true, &diag);
    } else if (!good && boot->input.missing) {
        report(boot, false, &diag);
    } else if (good && prepare(boot, entry_tsc, &diag)) {
        console_text("Leaving the firmware\n");
        leave(&boot->leave);
    } else {
        console_diag(&diag);
    }
    volume_close(&boot->volume);
}

static void start(uint64_t entry_tsc)
{
    struct diag diag;
    struct boot *boot = pages_scratch(sizeof(*boot), &diag);

    if (boot)
        run(boot, entry_tsc);
    else
        console_diag(&diag);
}

/* Called by gnu-efi's start code once it has relocated us. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
    uint64_t entry_tsc = cpu_rdtsc();

    firmware_init(image, table);
    console_init();
    console_text("Bulkhead\n");
    /* Large files take longer than the five minutes that the firmware allows by default. */
    firmware.boot->SetWatchdogTimer(0, 0, 0, NULL);

    start(entry_tsc);
    pages_release();
    console_forget_keys(); /* those that come once it is said are an answer to it */
    console_text("Bulkhead does not start. The firmware goes on with its next boot option in %u s, "
                 "or at a key.\n",
                 READ_SECONDS);
    console_wait(READ_SECONDS);
    /*
     * Not just `return`: the start code does not keep RSI and RDI, which belong to the caller in
     * the firmware's calling convention. An error makes the firmware try its next boot option.
     */
    firmware.boot->Exit(image, EFI_ABORTED, 0, NULL);
    return EFI_ABORTED;
}

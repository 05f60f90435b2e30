/* SPDX-License-Identifier: MIT */
/* Fill a guest's memory for a start: always from nothing, always from the pristine files. */
#include "arch/x86/cpu/percpu.h"
#include "kernel/acpi/guest.h"
#include "kernel/image/linux_boot.h"
#include "kernel/lib/mem.h"
#include "kernel/lock.h"
#include "kernel/panic.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/gmem.h"
#include "kernel/vm/load.h"

/* Guests that start at the same time take turns with the scratch pages below. */
static struct lock scratch_lock = LOCK_INIT;

#define ACPI_BYTES 2048 /* enough for CONFIG_MAX_VCPUS */

static struct linux_guest linux_guest_of(const struct guest *guest)
{
    return (struct linux_guest){
        .memory = guest->config->memory,
        .hole_start = PLAN_HOLE_START,
        .hole_end = PLAN_HOLE_END,
        .initrd_size = guest->files.initrd.size,
        .cmdline_length = guest->config->cmdline.length,
        .rsdp = gpa(LINUX_ACPI_START),
    };
}

/* The boot half has checked that all of this fits the guest (boot/guest_check.h). */
static void put(const struct guest *guest, gpa_t to, const void *from, uint64_t size)
{
    bool written = gmem_write(guest, to, from, size);
    assert(written);
}

/* Gigabytes go piece by piece: in between, this processor may have to serve the terminal. */
#define PIECE PAGE_2M

static uint64_t piece_of(uint64_t left)
{
    vcpu_attend_outside(cpu_this());
    return left < PIECE ? left : PIECE;
}

static void put_file(const struct guest *guest, gpa_t to, const struct handoff_file *file,
                     uint64_t offset, uint64_t size)
{
    for (uint64_t done = 0, step; done < size; done += step) {
        step = piece_of(size - done);
        bool written =
            gmem_write_from(guest, gpa(to.raw + done), hpa(file->base + offset + done), step);
        assert(written);
    }
}

static void scrub(const struct guest *guest, const struct plan_range *range)
{
    for (uint64_t done = 0, step; done < range->size; done += step) {
        step = piece_of(range->size - done);
        bool cleared = gmem_clear(guest, gpa(range->gpa.raw + done), step);
        assert(cleared);
    }
}

static void load_acpi(const struct guest *guest)
{
    static uint8_t tables[ACPI_BYTES];
    struct acpi_guest_params params = {.base = gpa(LINUX_ACPI_START),
                                       .vcpu_count = guest->vcpu_count};
    size_t used;
    bool built = acpi_guest_build(&params, tables, sizeof(tables), &used);
    assert(built);
    put(guest, gpa(LINUX_ACPI_START), tables, used);
}

static void load_reset_code(const struct guest *guest)
{
    size_t size;
    const uint8_t *code = guest_reset_code(&size);

    put(guest, gpa(GUEST_RESET_VECTOR), code, size);
}

static void load_boot_data(const struct guest *guest, const struct linux_guest *wanted,
                           const struct linux_layout *layout)
{
    static uint64_t page[LINUX_TABLE_ENTRIES];
    const struct slice *cmdline = &guest->config->cmdline;

    memset(page, 0, LINUX_PAGE_SIZE);
    linux_fill_boot_params((uint8_t *)page, wanted, &guest->files.image, layout);
    put(guest, layout->boot_params, page, LINUX_PAGE_SIZE);
    if (cmdline->start)
        put(guest, layout->cmdline, cmdline->start, cmdline->length);
    linux_fill_gdt(page);
    put(guest, layout->gdt, page, LINUX_GDT_ENTRIES * sizeof(page[0]));
    linux_fill_page_tables(page, layout->page_tables);
    put(guest, layout->page_tables, page, sizeof(page));
}

void load_guest(struct guest *guest, struct virt_start *start)
{
    struct linux_guest wanted = linux_guest_of(guest);
    struct linux_layout layout;
    struct diag diag;
    bool placed = linux_place(&wanted, &guest->files.image, &layout, &diag);
    assert(placed);

    for (uint32_t i = 0; i < guest->range_count; i++)
        scrub(guest, &guest->ranges[i]);
    put_file(guest, layout.kernel, &guest->files.kernel, guest->files.image.setup_size,
             guest->files.image.kernel_size);
    if (guest->files.initrd.size > 0)
        put_file(guest, layout.initrd, &guest->files.initrd, 0, guest->files.initrd.size);
    lock_take(&scratch_lock);
    load_boot_data(guest, &wanted, &layout);
    load_acpi(guest);
    load_reset_code(guest);
    lock_release(&scratch_lock);

    *start = (struct virt_start){
        .mode = START_LONG,
        .rip = layout.entry.raw,
        .rsp = layout.stack.raw,
        .page_tables = layout.page_tables,
        .gdt = layout.gdt,
        .gdt_limit = LINUX_GDT_LIMIT,
        .code_selector = LINUX_BOOT_CS,
        .data_selector = LINUX_BOOT_DS,
        .rsi = layout.boot_params.raw,
    };
}

/* SPDX-License-Identifier: MIT */
/*
 * Fill a guest's memory for a start: always from nothing, always from the pristine pieces that the
 * boot half has placed (kernel/image). What kind of kernel it is makes no difference here.
 */
#include "arch/x86/cpu/percpu.h"
#include "kernel/acpi/guest.h"
#include "kernel/acpi/mptable.h"
#include "kernel/acpi/tables.h"
#include "kernel/image/paging.h"
#include "kernel/lock.h"
#include "kernel/panic.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/gmem.h"
#include "kernel/vm/load.h"

/* Guests that start at the same time take turns with the scratch pages below. */
static struct lock scratch_lock = LOCK_INIT;
static uint64_t scratch[PAGING_ENTRIES]; /* also enough for the tables of CONFIG_MAX_VCPUS */

/* The boot half has checked that all of this fits the guest (boot/guest_check.h). */
static void put(const struct guest *guest, gpa_t to, const void *from, uint64_t size)
{
    bool written = gmem_write(guest, to, from, size);
    assert(written);
}

/* Gigabytes go piece by piece: in between, this processor may have to serve the terminal. */
#define STEP PAGE_2M

static uint64_t step_of(uint64_t left)
{
    vcpu_attend_outside(cpu_this());
    return left < STEP ? left : STEP;
}

static void put_piece(const struct guest *guest, const struct image_piece *piece)
{
    for (uint64_t done = 0, step; done < piece->size; done += step) {
        step = step_of(piece->size - done);
        bool written =
            gmem_write_from(guest, gpa(piece->to.raw + done), hpa(piece->from + done), step);
        assert(written);
    }
}

static void scrub(const struct guest *guest, const struct plan_range *range)
{
    for (uint64_t done = 0, step; done < range->size; done += step) {
        step = step_of(range->size - done);
        bool cleared = gmem_clear(guest, gpa(range->gpa.raw + done), step);
        assert(cleared);
    }
}

/* Of the functions with INTx. */
static uint32_t interrupt_routes(const struct guest *guest, struct acpi_route *routes)
{
    const struct passthrough_set *set = &guest->passthrough;
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct plan_device *planned = set->devices[i].planned;
        struct line_place place = lines_place(i);
        if (planned->gsi != 0)
            routes[count++] = (struct acpi_route){place.device, place.pin, planned->guest_gsi};
    }
    return count;
}

_Static_assert(PLAN_MAX_DEVICES <= GUEST_ACPI_MAX_ROUTES, "interrupt_routes()");

static void load_acpi(const struct guest *guest, const struct image *image)
{
    uint64_t memory = guest->config->memory;
    struct acpi_route routes[PLAN_MAX_DEVICES];
    struct acpi_guest_params params = {
        .routes = routes,
        .route_count = interrupt_routes(guest, routes),
        .base = gpa(GUEST_RSDP_START),
        .vcpu_count = guest->vcpu_count,
        .pci_express = guest->passthrough.count > 0,
        .high_start = PLAN_HOLE_END + (memory > PLAN_HOLE_START ? memory - PLAN_HOLE_START : 0),
        .high_end = BIT(rights.phys_bits),
    };
    size_t used;
    bool built = acpi_guest_build(&params, scratch, sizeof(scratch), &used);
    assert(built);
    put(guest, params.base, scratch, used);
    if (image->rsdp_1.raw)
        put(guest, image->rsdp_1, scratch, RSDP_SIZE_1);
    if (image->rsdp_2.raw)
        put(guest, image->rsdp_2, scratch, RSDP_SIZE);
}

static void load_mptable(const struct guest *guest)
{
    const struct cpuid_regs *leaf = &cpuid_lookup(&guest->vcpus[0].cpuid, 1, 0)->regs;
    struct mptable_params params = {.base = gpa(GUEST_MP_START),
                                    .vcpu_count = guest->vcpu_count,
                                    .signature = leaf->eax,
                                    .features = leaf->edx};
    size_t used;
    if (mptable_build(&params, scratch, sizeof(scratch), &used))
        put(guest, params.base, scratch, used);
}

static void load_reset_code(const struct guest *guest)
{
    size_t size;
    const uint8_t *code = guest_reset_code(&size);

    put(guest, gpa(GUEST_RESET_VECTOR), code, size);
}

static void load_tables(const struct guest *guest, const struct image *image)
{
    lock_take(&scratch_lock);
    if (image->entry.page_tables.raw) {
        paging_fill(scratch, image->entry.page_tables);
        put(guest, image->entry.page_tables, scratch, sizeof(scratch));
    }
    load_acpi(guest, image);
    load_mptable(guest);
    load_reset_code(guest);
    lock_release(&scratch_lock);
}

static enum start_mode mode_of(const struct image_entry *entry)
{
    return entry->bits == 64 ? START_LONG : entry->bits == 32 ? START_PROTECTED : START_REAL;
}

void load_guest(struct guest *guest, struct virt_start *start)
{
    const struct image *image = &guest->files.image;
    const struct image_entry *entry = &image->entry;

    for (uint32_t i = 0; i < guest->range_count; i++)
        scrub(guest, &guest->ranges[i]);
    for (uint32_t i = 0; i < image->piece_count; i++)
        put_piece(guest, &image->pieces[i]);
    load_tables(guest, image);

    *start = (struct virt_start){
        .mode = mode_of(entry),
        .rip = entry->ip,
        .rsp = entry->sp,
        .rax = entry->eax,
        .rbx = entry->ebx,
        .rsi = entry->esi,
        .page_tables = entry->page_tables,
        .gdt = entry->gdt,
        .gdt_limit = entry->gdt_limit,
        .code_selector = entry->code_selector,
        .data_selector = entry->data_selector,
    };
}

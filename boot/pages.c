/* SPDX-License-Identifier: MIT */
#include "boot/pages.h"

#include "boot/firmware.h"
#include "kernel/config/config.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

/* Two files and a piece of data for each guest, modules, and a handful of our own. */
#define MAX_KEPT    (3 * CONFIG_MAX_GUESTS + CONFIG_MAX_MODULES + 32)
#define MAX_SCRATCH 16

struct record {
    struct memory_span *spans;
    uint32_t capacity;
    uint32_t count;
};

static struct memory_span kept_spans[MAX_KEPT];
static struct memory_span scratch_spans[MAX_SCRATCH];
static struct record kept = {kept_spans, MAX_KEPT, 0};
static struct record scratch = {scratch_spans, MAX_SCRATCH, 0};

static void free_pages(uint64_t base, uint64_t size)
{
    if (size > 0)
        firmware.boot->FreePages(base, size / PAGE_4K);
}

/* Page 0 is refused: a null pointer reads as "none" everywhere, and no processor can start there.
 */
static EFI_STATUS allocate(uint64_t size, uint64_t highest, uint64_t *base)
{
    EFI_PHYSICAL_ADDRESS at = highest;
    EFI_STATUS status =
        firmware.boot->AllocatePages(AllocateMaxAddress, EfiLoaderData, size / PAGE_4K, &at);
    if (!EFI_ERROR(status) && at == 0) {
        EFI_PHYSICAL_ADDRESS other = highest;
        status =
            firmware.boot->AllocatePages(AllocateMaxAddress, EfiLoaderData, size / PAGE_4K, &other);
        free_pages(at, size);
        at = other;
    }
    *base = at;
    return status;
}

static bool take(struct record *record, struct memory_span *span, uint64_t size, uint64_t highest,
                 struct diag *diag)
{
    if (record->count == record->capacity)
        return diag_set(diag, "too many pieces of memory taken from the firmware");
    if (size == 0 || size > GIB(1024))
        return diag_set(diag, "a piece of %llu bytes of memory makes no sense",
                        (unsigned long long)size);
    span->size = align_up(size, PAGE_4K);
    EFI_STATUS status = allocate(span->size, highest, &span->base);
    if (EFI_ERROR(status))
        return diag_set(diag, "the firmware has no %llu KiB of free memory in one piece%s: %s",
                        (unsigned long long)(span->size >> 10),
                        highest == PAGES_ANYWHERE ? "" : " where they are needed",
                        firmware_status(status));
    record->spans[record->count++] = *span;
    return true;
}

bool pages_take(uint64_t size, uint64_t highest, struct memory_span *span, struct diag *diag)
{
    return take(&kept, span, size, highest, diag);
}

static void *take_zeroed(struct record *record, uint64_t size, struct diag *diag)
{
    struct memory_span span;

    if (!take(record, &span, size, PAGES_ANYWHERE, diag))
        return NULL;
    return memset((void *)span.base, 0, span.size);
}

void *pages_zeroed(uint64_t size, struct diag *diag)
{
    return take_zeroed(&kept, size, diag);
}

void *pages_scratch(uint64_t size, struct diag *diag)
{
    return take_zeroed(&scratch, size, diag);
}

void pages_trim(struct memory_span *span, uint64_t base, uint64_t size)
{
    struct memory_span keep = {base, align_up(size, PAGE_4K)};

    for (uint32_t i = 0; i < kept.count; i++)
        if (kept.spans[i].base == span->base)
            kept.spans[i] = keep;
    free_pages(span->base, keep.base - span->base);
    free_pages(keep.base + keep.size, span->base + span->size - keep.base - keep.size);
    *span = keep;
}

static void release(struct record *record)
{
    while (record->count > 0) {
        record->count--;
        free_pages(record->spans[record->count].base, record->spans[record->count].size);
    }
}

void pages_release(void)
{
    release(&kept);
    release(&scratch);
}

struct memory_spans pages_kept(void)
{
    return (struct memory_spans){kept.spans, kept.count};
}

/* SPDX-License-Identifier: MIT */
#include "boot/kernel.h"

#include "boot/pages.h"
#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

#define LINK_ADDRESS UINT64_C(0xffffffff80000000)
#define MAX_SIZE     MIB(64)

/* embed.asm */
extern const uint8_t kernel_file[];
extern const uint8_t kernel_file_end[];

static bool check(struct elf_image *elf, struct diag *diag)
{
    struct diag inner;

    if (!elf_parse(kernel_file, (size_t)(kernel_file_end - kernel_file), elf, &inner))
        return diag_set(diag, "the kernel inside Bulkhead's file is damaged: %s", inner.message);
    if (elf->lowest != LINK_ADDRESS || elf->highest - elf->lowest > MAX_SIZE)
        return diag_set(diag, "the kernel inside Bulkhead's file is linked to %#llx..%#llx",
                        (unsigned long long)elf->lowest, (unsigned long long)elf->highest);
    return true;
}

static bool place(struct kernel *kernel, struct diag *diag)
{
    uint64_t size = kernel->elf.highest - kernel->elf.lowest;
    uint64_t with_slack = size + PAGE_2M;

    if (!pages_take(with_slack, PAGES_BELOW_4G, &kernel->memory, diag) &&
        !pages_take(with_slack, PAGES_ANYWHERE, &kernel->memory, diag))
        return false;
    pages_trim(&kernel->memory, align_up(kernel->memory.base, PAGE_2M), size);
    return true;
}

bool kernel_load(struct kernel *kernel, struct diag *diag)
{
    if (!check(&kernel->elf, diag) || !place(kernel, diag))
        return false;

    uint8_t *to = (uint8_t *)kernel->memory.base;
    memset(to, 0, kernel->memory.size);
    for (uint32_t i = 0; i < kernel->elf.segment_count; i++) {
        const struct elf_segment *segment = &kernel->elf.segments[i];
        memcpy(to + (segment->vaddr - kernel->elf.lowest), kernel_file + segment->offset,
               segment->file_size);
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
#include "kernel/image/kludge.h"

bool kludge_parse(const struct kludge *kludge, size_t header_offset, uint64_t size,
                  struct program *program, struct diag *diag)
{
    uint64_t load = kludge->load_addr;

    if (kludge->header_addr < load || kludge->header_addr - load > header_offset) {
        return diag_set(diag,
                        "the multiboot header is to lie at %#x, which does not fit load_addr %#x",
                        kludge->header_addr, kludge->load_addr);
    }
    uint64_t offset = header_offset - (kludge->header_addr - load);
    uint64_t load_end = kludge->load_end_addr == 0 ? load + (size - offset) : kludge->load_end_addr;
    if (load_end <= kludge->header_addr) {
        return diag_set(diag, "the multiboot header's load_end_addr %#lx is not behind it",
                        load_end);
    }
    if (load_end - load > size - offset) {
        diag_set(diag, "the multiboot header wants %lu bytes of the file, which has only %lu",
                 load_end - load, size - offset);
        return diag_hint(diag, "copy the file again");
    }
    uint64_t end = kludge->bss_end_addr == 0 ? load_end : kludge->bss_end_addr;
    if (end < load_end) {
        return diag_set(diag, "the multiboot header's bss_end_addr %#lx lies before %#lx", end,
                        load_end);
    }
    if (kludge->entry_addr < load || kludge->entry_addr >= load_end) {
        return diag_set(diag, "the multiboot header's entry_addr %#x lies outside of %#lx..%#lx",
                        kludge->entry_addr, load, load_end);
    }
    *program = (struct program){
        .part_count = 1,
        .parts = {{offset, load_end - load, load, end - load}},
        .entry = kludge->entry_addr,
        .entry_bits = 32,
    };
    return true;
}

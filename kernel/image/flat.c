/* SPDX-License-Identifier: MIT */
#include "kernel/image/flat.h"

bool flat_parse(const struct image_guest *guest, struct program *program, struct diag *diag)
{
    uint64_t size = guest->kernel.size;

    if (size > UINT64_MAX - guest->load.raw || guest->entry.raw - guest->load.raw >= size) {
        diag_set(diag, "entry %#lx does not lie in the kernel's %lu bytes from %#lx on",
                 guest->entry.raw, size, guest->load.raw);
        return diag_hint(diag, "entry is an address in the guest's memory, not in the file");
    }
    *program = (struct program){
        .part_count = 1,
        .parts = {{.file_size = size, .at = guest->load.raw, .memory_size = size}},
        .entry = guest->entry.raw,
        .entry_bits = guest->entry_bits,
    };
    return true;
}

/* SPDX-License-Identifier: MIT */
#include "kernel/image/bios.h"

#include "kernel/image/memory_map.h"
#include "kernel/lib/mem.h"

#define MOST_64K UINT64_C(0xffff)

static const uint8_t code[] = {
#include "kernel/image/bios.hex"
};

/* `facts` in bios.nasm. */
void bios_fill(const struct image_guest *guest, struct data *data)
{
    struct map_range ranges[MAP_MAX_RANGES];
    uint32_t count = memory_map(guest, ranges);
    uint64_t low = memory_map_low_end(guest);
    uint64_t below = low < MIB(1) ? 0 : (low < MIB(16) ? low : MIB(16)) - MIB(1);
    uint64_t above = low < MIB(16) ? 0 : (low - MIB(16)) / KIB(64);
    uint8_t *bytes = data_take(data, sizeof(code));

    if (bytes != NULL)
        memcpy(bytes, code, sizeof(code));
    data_u32(data, (uint32_t)(below / KIB(1) | (above < MOST_64K ? above : MOST_64K) << 16));
    data_u32(data, count);
    for (uint32_t i = 0; i < count; i++) {
        data_u64(data, ranges[i].start);
        data_u64(data, ranges[i].size);
        data_u32(data, ranges[i].type);
    }
}

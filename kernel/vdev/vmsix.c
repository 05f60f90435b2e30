/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vmsix.h"

void vmsix_reset(struct vmsix *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        v->entries[i] = (struct vmsix_entry){.words = {[VMSIX_CONTROL] = (uint32_t)VMSIX_MASKED}};
}

/* The first of one or two words of the same entry; NULL when there is none. */
static uint32_t *words_at(const struct vmsix *v, uint64_t offset, unsigned size)
{
    if ((size != 4 && size != 8) || !is_aligned(offset, size) ||
        offset / sizeof(struct vmsix_entry) >= v->count)
        return NULL;
    return &v->entries[offset / sizeof(struct vmsix_entry)].words[offset / 4 % VMSIX_WORDS];
}

uint64_t vmsix_read(const struct vmsix *v, uint64_t offset, unsigned size)
{
    const uint32_t *words = words_at(v, offset, size);
    if (!words)
        return UINT64_MAX;
    return size == 4 ? words[0] : words[0] | (uint64_t)words[1] << 32;
}

uint32_t vmsix_write(struct vmsix *v, uint64_t offset, unsigned size, uint64_t value)
{
    uint32_t *words = words_at(v, offset, size);
    if (!words)
        return VMSIX_NONE;
    words[0] = (uint32_t)value;
    if (size == 8)
        words[1] = (uint32_t)(value >> 32);
    return (uint32_t)(offset / sizeof(struct vmsix_entry));
}

struct vfunction_message vmsix_message(const struct vmsix *v, uint32_t n)
{
    const uint32_t *words = v->entries[n].words;
    return (struct vfunction_message){words[VMSIX_LOW] | (uint64_t)words[VMSIX_HIGH] << 32,
                                      words[VMSIX_DATA]};
}

bool vmsix_masked(const struct vmsix *v, uint32_t n)
{
    return (v->entries[n].words[VMSIX_CONTROL] & VMSIX_MASKED) != 0;
}

/* SPDX-License-Identifier: MIT */
#include "kernel/vm/gmem.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/memory.h"
#include "kernel/lib/mem.h"
#include "kernel/vm/guest.h"

/* Window slots of this file: the guest's side and, when copying, the file's side. */
enum { SLOT_GUEST, SLOT_FILE };

bool gmem_translate(const struct guest *guest, gpa_t at, hpa_t *to, uint64_t *room)
{
    const struct plan_range *range = guest->ranges;
    for (uint32_t i = 0; i < guest->range_count; i++, range++) {
        uint64_t offset = at.raw - range->gpa.raw;
        if (at.raw < range->gpa.raw || offset >= range->size)
            continue;
        *to = hpa(range->hpa.raw + offset);
        *room = range->size - offset;
        return true;
    }
    return false;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The guest's memory at `at` in this processor's window; *size shrinks to what is reachable. */
static void *gmem_window(const struct guest *guest, gpa_t at, uint64_t *size)
{
    hpa_t to;
    uint64_t room;
    if (!gmem_translate(guest, at, &to, &room))
        return NULL;
    *size = min_u64(*size, room);
    void *window = window_map(SLOT_GUEST, to, &room);
    *size = min_u64(*size, room);
    return window;
}

bool gmem_read(const struct guest *guest, gpa_t from, void *to, uint64_t size)
{
    uint8_t *out = to;
    while (size > 0) {
        uint64_t step = size;
        const void *window = gmem_window(guest, from, &step);
        if (!window)
            return false;
        memcpy(out, window, step);
        window_unmap(SLOT_GUEST);
        out += step;
        from.raw += step;
        size -= step;
    }
    return true;
}

bool gmem_write(const struct guest *guest, gpa_t to, const void *from, uint64_t size)
{
    const uint8_t *in = from;
    while (size > 0) {
        uint64_t step = size;
        void *window = gmem_window(guest, to, &step);
        if (!window)
            return false;
        memcpy(window, in, step);
        window_unmap(SLOT_GUEST);
        in += step;
        to.raw += step;
        size -= step;
    }
    return true;
}

bool gmem_clear(const struct guest *guest, gpa_t to, uint64_t size)
{
    while (size > 0) {
        uint64_t step = size;
        void *window = gmem_window(guest, to, &step);
        if (!window)
            return false;
        cpu_fill_zero(window, step);
        window_unmap(SLOT_GUEST);
        to.raw += step;
        size -= step;
    }
    return true;
}

bool gmem_write_from(const struct guest *guest, gpa_t to, hpa_t from, uint64_t size)
{
    while (size > 0) {
        uint64_t step = size, room;
        void *window = gmem_window(guest, to, &step);
        if (!window)
            return false;
        const void *file = window_map(SLOT_FILE, from, &room);
        step = min_u64(step, room);
        cpu_copy(window, file, step);
        window_unmap(SLOT_FILE);
        window_unmap(SLOT_GUEST);
        to.raw += step;
        from.raw += step;
        size -= step;
    }
    return true;
}

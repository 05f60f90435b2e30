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

bool gmem_load(const struct guest *guest, gpa_t at, unsigned size, uint64_t *value)
{
    hpa_t to;
    uint64_t room;
    if (!gmem_translate(guest, at, &to, &room))
        return false;
    const volatile void *window = window_map(SLOT_GUEST, to, &room);
    *value = size == 8 ? *(const volatile uint64_t *)window : *(const volatile uint32_t *)window;
    window_unmap(SLOT_GUEST);
    return true;
}

uint16_t gmem_load16(hpa_t at)
{
    return window_load16(SLOT_GUEST, at);
}

enum touch { TOUCH_READ, TOUCH_WRITE, TOUCH_CLEAR };

/* `buffer` is read only when writing. */
static bool gmem_touch(const struct guest *guest, gpa_t at, enum touch touch, uint8_t *buffer,
                       uint64_t size)
{
    for (uint64_t done = 0; done < size;) {
        uint64_t step = size - done;
        void *window = gmem_window(guest, gpa(at.raw + done), &step);
        if (!window)
            return false;
        if (touch == TOUCH_READ)
            memcpy(buffer + done, window, step);
        else if (touch == TOUCH_WRITE)
            memcpy(window, buffer + done, step);
        else
            cpu_fill_zero(window, step);
        window_unmap(SLOT_GUEST);
        done += step;
    }
    return true;
}

bool gmem_read(const struct guest *guest, gpa_t from, void *to, uint64_t size)
{
    return gmem_touch(guest, from, TOUCH_READ, to, size);
}

bool gmem_write(const struct guest *guest, gpa_t to, const void *from, uint64_t size)
{
    return gmem_touch(guest, to, TOUCH_WRITE, (void *)from, size);
}

bool gmem_clear(const struct guest *guest, gpa_t to, uint64_t size)
{
    return gmem_touch(guest, to, TOUCH_CLEAR, NULL, size);
}

bool gmem_replace(const struct guest *guest, gpa_t at, unsigned size, uint64_t old, uint64_t value)
{
    uint64_t room = size;
    void *window = gmem_window(guest, at, &room);
    if (!window)
        return false;
    uint32_t old_32 = (uint32_t)old;
    bool done = size == 4 ? atomic_compare_exchange_strong((_Atomic uint32_t *)window, &old_32,
                                                           (uint32_t)value)
                          : atomic_compare_exchange_strong((_Atomic uint64_t *)window, &old, value);
    window_unmap(SLOT_GUEST);
    return done;
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

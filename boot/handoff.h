/* SPDX-License-Identifier: MIT */
/*
 * All that the boot half tells the kernel. Everything lies in MEMORY_LOADER ranges of the memory
 * map. At the jump: long mode, interrupts off, paging with tables of the boot half (all of RAM, the
 * framebuffer, the first 4 GiB and MCFG's windows, as far as drivers/pci.h uses them, mapped at
 * their physical addresses, plus the kernel at its link address), RDI = pointer to struct handoff,
 * RSP = top of a stack of at least 16 KiB in kernel bss or loader memory. The kernel trusts these
 * fields' form but not the firmware data they point at.
 */
#ifndef BULKHEAD_BOOT_HANDOFF_H
#define BULKHEAD_BOOT_HANDOFF_H

#include "kernel/image/image.h"
#include "kernel/lib/types.h"
#include "kernel/plan/survey.h"

#define HANDOFF_MAGIC   UINT64_C(0x646165686b6c7562)
#define HANDOFF_VERSION 2

/* A guest's kernel and modules, checked and placed; the pieces' addresses are HPAs. */
struct handoff_guest {
    struct image image;
};

enum handoff_pixels { PIXELS_NONE, PIXELS_RGBX, PIXELS_BGRX };

struct handoff_screen {
    uint64_t base; /* HPA of the framebuffer */
    uint64_t size; /* bytes */
    uint32_t width, height;
    uint32_t stride; /* pixels per line */
    uint32_t pixels; /* enum handoff_pixels; PIXELS_NONE: no screen */
};

/* What must stay the hypervisor's of that screen and of a UART at that port, 0 for none. */
static inline struct survey_console handoff_console(const struct handoff_screen *screen,
                                                    uint16_t port)
{
    return (struct survey_console){screen->base, screen->pixels != PIXELS_NONE ? screen->size : 0,
                                   port};
}

/* TSC readings at the ends of the boot half's phases, for the benchmark. */
struct handoff_times {
    uint64_t entry;  /* EFI entry point */
    uint64_t loaded; /* config checked and all files read */
    uint64_t left;   /* ExitBootServices done */
};

struct handoff {
    uint64_t magic;
    uint32_t version;
    uint32_t size;        /* sizeof(struct handoff) */
    uint64_t acpi;        /* HPA of struct acpi_host: the firmware's tables, checked */
    uint64_t hardware;    /* HPA of struct hardware: processors; the kernel adds the memory */
    uint64_t config;      /* HPA of struct config, config_bytes() of it: checked; its slices point
                           * into config_text */
    uint64_t config_text; /* HPA */
    uint64_t config_size; /* bytes */
    uint64_t memory;      /* HPA of struct hardware_piece[], sorted, merged */
    uint64_t memory_count;
    uint64_t guests; /* HPA of struct handoff_guest[], one for each guest of the config */
    uint64_t guest_count;
    uint64_t file_bytes;  /* of memory that the guests' files take */
    uint64_t kernel_base; /* HPA at which the kernel image was loaded, 2 MiB aligned */
    uint64_t kernel_size; /* bytes in memory, bss included, multiple of 4 KiB */
    uint64_t low_page;    /* HPA of a 4 KiB page below 1 MiB for starting processors, 0: none */
    uint64_t wall_clock;  /* seconds since 1970 at wall_tsc, 0 when firmware has no clock */
    uint64_t wall_tsc;
    struct handoff_screen screen;
    struct handoff_times times;
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The firmware that started us. Everything in boot/ but the pure files may call it, until
 * ExitBootServices (leave.c).
 */
#ifndef BULKHEAD_BOOT_FIRMWARE_H
#define BULKHEAD_BOOT_FIRMWARE_H

#include <efi.h>

#include "boot/memory_map.h"
#include "kernel/lib/diag.h"

/* Set once, at entry. */
struct firmware {
    EFI_HANDLE image; /* we */
    EFI_SYSTEM_TABLE *table;
    EFI_BOOT_SERVICES *boot;
    EFI_RUNTIME_SERVICES *runtime;
};

extern struct firmware firmware;

void firmware_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

/* The specification's name of a status, for messages; "status 0x..." in a static buffer. */
const char *firmware_status(EFI_STATUS status);

/*
 * HPA of the ACPI RSDP: the one of ACPI 2.0 where there is one, else that of 1.0, else 0. UEFI
 * Specification "EFI Configuration Table".
 */
uint64_t firmware_rsdp(void);

/* The memory map with room to read it again when nothing may be allocated any more. */
struct firmware_map {
    void *buffer;
    UINTN capacity;
    UINTN size;
    UINTN key;
    UINTN stride;
};

/* Take a buffer with slack and read the map. */
bool firmware_map_init(struct firmware_map *map, struct diag *diag);
/* Read the map again, allocating nothing. */
EFI_STATUS firmware_map_read(struct firmware_map *map);
/* The same for the pure code. */
struct memory_map firmware_map_view(const struct firmware_map *map);

#endif

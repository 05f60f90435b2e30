/* SPDX-License-Identifier: MIT */
#include "boot/firmware.h"

#include "boot/pages.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"

_Static_assert(sizeof(struct memory_map_entry) == sizeof(EFI_MEMORY_DESCRIPTOR), "layout");
_Static_assert(offsetof(struct memory_map_entry, base) ==
                   offsetof(EFI_MEMORY_DESCRIPTOR, PhysicalStart),
               "layout");
_Static_assert(offsetof(struct memory_map_entry, pages) ==
                   offsetof(EFI_MEMORY_DESCRIPTOR, NumberOfPages),
               "layout");
_Static_assert(offsetof(struct memory_map_entry, attributes) ==
                   offsetof(EFI_MEMORY_DESCRIPTOR, Attribute),
               "layout");

/* Allocating the buffer splits descriptors, and so does each later allocation before we leave. */
#define MAP_SLACK KIB(16)

struct firmware firmware;

void firmware_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
    firmware.image = image;
    firmware.table = table;
    firmware.boot = table->BootServices;
    firmware.runtime = table->RuntimeServices;
}

struct status_name {
    EFI_STATUS status;
    const char *name;
};

const char *firmware_status(EFI_STATUS status)
{
    static const struct status_name names[] = {
        {EFI_LOAD_ERROR, "load error"},
        {EFI_INVALID_PARAMETER, "invalid parameter"},
        {EFI_UNSUPPORTED, "unsupported"},
        {EFI_BUFFER_TOO_SMALL, "buffer too small"},
        {EFI_NOT_READY, "not ready"},
        {EFI_DEVICE_ERROR, "device error"},
        {EFI_OUT_OF_RESOURCES, "out of resources"},
        {EFI_WRITE_PROTECTED, "write protected"},
        {EFI_VOLUME_CORRUPTED, "volume corrupted"},
        {EFI_VOLUME_FULL, "volume full"},
        {EFI_NO_MEDIA, "no medium"},
        {EFI_MEDIA_CHANGED, "medium changed"},
        {EFI_NOT_FOUND, "not found"},
        {EFI_ACCESS_DENIED, "access denied"},
        {EFI_NO_RESPONSE, "no response"},
        {EFI_TIMEOUT, "time-out"},
        {EFI_ABORTED, "aborted"},
        {EFI_SECURITY_VIOLATION, "security violation"},
        {EFI_CRC_ERROR, "checksum error"},
    };
    static char other[24];

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (names[i].status == status)
            return names[i].name;
    fmt_print(other, sizeof(other), "status %#llx", (unsigned long long)status);
    return other;
}

static uint64_t configuration_table(const EFI_GUID *guid)
{
    for (UINTN i = 0; i < firmware.table->NumberOfTableEntries; i++) {
        const EFI_CONFIGURATION_TABLE *entry = &firmware.table->ConfigurationTable[i];
        if (memcmp(&entry->VendorGuid, guid, sizeof(*guid)) == 0)
            return (uint64_t)entry->VendorTable;
    }
    return 0;
}

uint64_t firmware_rsdp(void)
{
    static const EFI_GUID acpi_20 = ACPI_20_TABLE_GUID;
    static const EFI_GUID acpi_10 = ACPI_TABLE_GUID;

    uint64_t rsdp = configuration_table(&acpi_20);
    return rsdp ? rsdp : configuration_table(&acpi_10);
}

EFI_STATUS firmware_map_read(struct firmware_map *map)
{
    UINT32 version;

    map->size = map->capacity;
    return firmware.boot->GetMemoryMap(&map->size, map->buffer, &map->key, &map->stride, &version);
}

bool firmware_map_init(struct firmware_map *map, struct diag *diag)
{
    map->capacity = 0;
    map->buffer = NULL;
    EFI_STATUS status = firmware_map_read(map);
    if (status == EFI_BUFFER_TOO_SMALL) {
        map->capacity = 2 * map->size + MAP_SLACK;
        map->buffer = pages_scratch(map->capacity, diag);
        if (!map->buffer)
            return false;
        status = firmware_map_read(map);
    }
    if (EFI_ERROR(status))
        return diag_set(diag, "the firmware does not give its memory map: %s",
                        firmware_status(status));
    if (map->stride < sizeof(EFI_MEMORY_DESCRIPTOR))
        return diag_set(diag, "the firmware's memory map has entries of %u bytes, expected %u",
                        (unsigned)map->stride, (unsigned)sizeof(EFI_MEMORY_DESCRIPTOR));
    return true;
}

struct memory_map firmware_map_view(const struct firmware_map *map)
{
    return (struct memory_map){map->buffer, map->size, map->stride};
}

/* SPDX-License-Identifier: MIT */
#include "boot/pci.h"

#include <efi.h>

#include "arch/io.h"
#include "boot/address_space.h"
#include "boot/console.h"
#include "boot/firmware.h"
#include "boot/pages.h"
#include "kernel/lib/cursor.h"
#include "kernel/pci/told.h"
#include "kernel/plan/survey.h"

#define TPL_HIGHEST 31 /* UEFI Specification "EFI_BOOT_SERVICES.RaiseTPL()": interrupts off */

/* ACPI Specification "QWord Address Space Descriptor", which GetBarAttributes() makes. */
#define QWORD_DESCRIPTOR 0x8a
#define QWORD_SIZE       46
#define RESOURCE_MEMORY  0
#define RESOURCE_IO      1

/* Two ports make one access, between which no driver of the firmware may come. */
static uint32_t port_read(pci_address_t at, uint32_t reg, unsigned size)
{
    EFI_TPL before = firmware.boot->RaiseTPL(TPL_HIGHEST);
    io_out32(PCI_PORT_ADDRESS, pci_port_select(at, reg));
    uint32_t value = io_in(pci_port_of(reg), size);
    firmware.boot->RestoreTPL(before);
    return value;
}

static uint32_t config_read(void *context, pci_address_t at, uint32_t reg, unsigned size)
{
    const struct pci_access *access = context;
    const struct pci_segment *segment =
        pci_segment_find(access, pci_segment_of(at), pci_bus_of(at));

    if (segment && segment->ecam.raw != 0)
        return (uint32_t)mmio_read(
            (const volatile void *)(segment->ecam.raw + pci_window_offset(at, reg)), size);
    if (pci_segment_of(at) == 0 && reg < PCI_CONFIG_SIZE)
        return port_read(at, reg, size);
    return bytes_of_ones(size);
}

/* ---- what the firmware's drivers know of BARs ---- */

struct tellings {
    struct pci_told *told;
    UINTN count, room;
};

static void note(struct tellings *all, const struct pci_told *told)
{
    if (all->count < all->room && told->size != 0)
        all->told[all->count++] = *told;
}

/* One descriptor, of the one BAR that was asked for. */
static void note_bar(struct tellings *all, pci_address_t at, const void *descriptor)
{
    struct cursor from = cursor_over(descriptor, QWORD_SIZE);
    struct pci_told told = {.at = at};

    if (cursor_u8(&from) != QWORD_DESCRIPTOR)
        return; /* the end, as there is no such BAR: nothing need be behind it */
    cursor_skip(&from, 2);
    uint8_t type = cursor_u8(&from);
    cursor_skip(&from, 2 + 8); /* flags, granularity */
    told.base = cursor_u64(&from);
    cursor_skip(&from, 8 + 8); /* maximum, translation */
    told.size = cursor_u64(&from);
    told.kind = type == RESOURCE_IO ? PCI_TOLD_IO : PCI_TOLD_MEMORY;
    if (type <= RESOURCE_IO)
        note(all, &told);
}

static void ask_function(struct tellings *all, EFI_PCI_IO_PROTOCOL *io)
{
    UINTN segment, bus, device, function;

    if (EFI_ERROR(io->GetLocation(io, &segment, &bus, &device, &function)))
        return;
    pci_address_t at =
        pci_address((uint32_t)segment, (uint32_t)bus, (uint32_t)device, (uint32_t)function);
    /* Firmware numbers them by registers or one after another: what counts is where they are. */
    for (UINT8 bar = 0; bar < PCI_BARS; bar++) {
        void *descriptors = NULL;
        if (EFI_ERROR(io->GetBarAttributes(io, bar, NULL, &descriptors)) || !descriptors)
            continue;
        note_bar(all, at, descriptors);
        firmware.boot->FreePool(descriptors);
    }
    struct pci_told rom = {.at = at, .kind = PCI_TOLD_ROM, .size = io->RomSize};
    note(all, &rom);
}

/* All functions that the firmware has set up. Without any, sizes stay unknown. */
static bool ask_firmware(struct tellings *all, struct diag *diag)
{
    static EFI_GUID pci_io = EFI_PCI_IO_PROTOCOL_GUID;
    EFI_HANDLE *handles = NULL;
    UINTN count = 0;

    *all = (struct tellings){0};
    if (EFI_ERROR(firmware.boot->LocateHandleBuffer(ByProtocol, &pci_io, NULL, &count, &handles)))
        return true;
    all->room = (count < PCI_MAX_FUNCTIONS ? count : PCI_MAX_FUNCTIONS) * PCI_BAR_COUNT;
    all->told = pages_scratch((all->room + 1) * sizeof(*all->told), diag);
    for (UINTN i = 0; all->told && i < count; i++) {
        EFI_PCI_IO_PROTOCOL *io = NULL;
        if (!EFI_ERROR(firmware.boot->HandleProtocol(handles[i], &pci_io, (void **)&io)))
            ask_function(all, io);
    }
    firmware.boot->FreePool(handles);
    return all->told != NULL;
}

/* Keep the windows that the firmware's page tables map. They need not map what lies above 4 GiB. */
static uint32_t mapped_windows(struct pci_segment *windows, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        if (address_space_has_window(&windows[i]))
            windows[kept++] = windows[i];
    return kept;
}

bool pci_look(const struct acpi_mcfg *mcfg, uint64_t address_end, struct pci_inventory *inventory,
              struct diag *diag)
{
    struct pci_access access = {.read = config_read, .address_end = address_end};
    struct pci_segment windows[ACPI_MAX_ECAMS];
    struct tellings all;

    uint32_t count = survey_windows(mcfg, windows), mapped = mapped_windows(windows, count);
    uint32_t left_out = count - mapped + pci_use_windows(&access, windows, mapped, PCI_WINDOWS_END);
    if (left_out > 0)
        console_text("bulkhead: %u windows of PCI configuration space are out of reach; functions "
                     "there are not found\n",
                     left_out);
    access.context = &access;
    if (!ask_firmware(&all, diag))
        return false;
    pci_scan(&access, inventory);
    pci_find_errata(inventory);
    pci_take_told(&access, inventory, all.told, (uint32_t)all.count);
    pci_expect_isolation(inventory);
    pci_group(inventory);
    pci_find_resets(inventory);
    return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Test-only UEFI program. OVMF finds no ACPI tables in Bochs before 3.1, and without them nobody
 * learns of the other processors. This program, as EFI/BOOT/BOOTX64.EFI, installs the tables that
 * a PC of this kind has, then starts the real program. The file start.txt beside it says which:
 * first line the path on the same volume, second line the load options (may be empty).
 */
#include "tests/efi/tables.h"

#include <efi.h>
#include <efilib.h>

#define START_FILE L"\\EFI\\BOOT\\start.txt"
#define START_MAX  2048

#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define PIIX4_PM        0x80000b00u /* bus 0, device 1, function 3 */
#define PIIX4_PM_ID     0x71138086u
#define PIIX4_PMBA      0x40 /* I/O base of the power management registers */
#define PIIX4_PMREGMISC 0x80 /* bit 0: they are decoded */
#define HPET_CAPABILITY 0xfed00000u
#define IO_APIC_INDEX   0xfec00000u
#define IO_APIC_WINDOW  0xfec00010u

/* PI Specification, "EFI_MP_SERVICES_PROTOCOL"; gnu-efi has no header for it. */
struct processor_information {
    UINT64 processor_id;
    UINT32 status; /* bit 1: enabled */
    UINT32 package, core, thread;
    UINT32 extended[6];
};

struct mp_services {
    EFI_STATUS(EFIAPI *get_number)(struct mp_services *self, UINTN *count, UINTN *enabled);
    EFI_STATUS(EFIAPI *get_information)
    (struct mp_services *self, UINTN index, struct processor_information *information);
};

static EFI_GUID mp_services_guid = {
    0x3fdda605, 0xa76e, 0x4f46, {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}};

struct start {
    CHAR16 path[START_MAX];
    CHAR16 options[START_MAX];
};

static UINT32 pci_read(UINT32 function, UINT32 offset)
{
    UINT32 value;
    __asm__ volatile("outl %0, %w1" : : "a"(function | offset), "Nd"(PCI_ADDRESS));
    __asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(PCI_DATA));
    return value;
}

static UINT32 mmio_read(UINTN address)
{
    return *(volatile UINT32 *)address;
}

static EFI_STATUS find_processors(struct tables_machine *machine)
{
    struct mp_services *mp;
    UINTN count, enabled;
    EFI_STATUS status = LibLocateProtocol(&mp_services_guid, (VOID **)&mp);
    if (EFI_ERROR(status))
        return status;
    status = mp->get_number(mp, &count, &enabled);
    if (EFI_ERROR(status))
        return status;
    if (count > TABLES_MAX_CPUS)
        return EFI_UNSUPPORTED;
    for (UINTN i = 0; i < count; i++) {
        struct processor_information information;
        status = mp->get_information(mp, i, &information);
        if (EFI_ERROR(status))
            return status;
        machine->cpus[i].apic_id = (UINT32)information.processor_id;
        machine->cpus[i].enabled = (information.status >> 1) & 1;
    }
    machine->cpu_count = (UINT32)count;
    return EFI_SUCCESS;
}

static EFI_STATUS find_machine(struct tables_machine *machine)
{
    if (pci_read(PIIX4_PM, 0) != PIIX4_PM_ID || (pci_read(PIIX4_PM, PIIX4_PMREGMISC) & 1) == 0)
        return EFI_UNSUPPORTED;
    machine->pm_base = (UINT16)(pci_read(PIIX4_PM, PIIX4_PMBA) & 0xffc0);

    UINT32 hpet = mmio_read(HPET_CAPABILITY);
    machine->hpet_id = hpet == 0xffffffffu ? 0 : hpet;

    *(volatile UINT32 *)(UINTN)IO_APIC_INDEX = 0;
    machine->io_apic_id = (mmio_read(IO_APIC_WINDOW) >> 24) & 0xf;
    return find_processors(machine);
}

static EFI_STATUS install_tables(void)
{
    static EFI_GUID acpi_20 = ACPI_20_TABLE_GUID;
    static struct tables_machine machine;
    VOID *rsdp = NULL;

    LibGetSystemConfigurationTable(&acpi_20, &rsdp); /* not there: stays NULL */
    if (tables_have_madt(rsdp)) {
        Print(L"acpi-supply: firmware has ACPI tables of its own\n");
        return EFI_SUCCESS;
    }
    EFI_STATUS status = find_machine(&machine);
    if (EFI_ERROR(status)) {
        Print(L"acpi-supply: not the expected machine (i440FX, PIIX4): %r\n", status);
        return status;
    }
    EFI_PHYSICAL_ADDRESS space = 0xffffffff;
    status = BS->AllocatePages(AllocateMaxAddress, EfiACPIReclaimMemory,
                               EFI_SIZE_TO_PAGES(TABLES_SPACE), &space);
    if (EFI_ERROR(status)) {
        Print(L"acpi-supply: no memory: %r\n", status);
        return status;
    }
    ZeroMem((VOID *)space, TABLES_SPACE);
    status =
        BS->InstallConfigurationTable(&AcpiTableGuid, tables_build((uint8_t *)space, &machine));
    Print(L"acpi-supply: %d processors, power management at 0x%x, HPET %s: %r\n", machine.cpu_count,
          machine.pm_base, machine.hpet_id != 0 ? L"yes" : L"no", status);
    return status;
}

/* Copy one line of text, widened, into to[START_MAX]; returns where the next one starts. */
static const char *take_line(const char *text, CHAR16 *to)
{
    UINTN length = 0;
    while (*text != '\0' && *text != '\n' && length < START_MAX - 1)
        to[length++] = (UINT8)*text++;
    to[length] = 0;
    return *text == '\n' ? text + 1 : text;
}

static EFI_STATUS read_start(EFI_HANDLE volume, struct start *start)
{
    static char text[START_MAX];
    EFI_FILE_HANDLE root = LibOpenRoot(volume), file;
    if (root == NULL)
        return EFI_NOT_FOUND;
    EFI_STATUS status = root->Open(root, &file, (CHAR16 *)START_FILE, EFI_FILE_MODE_READ, 0);
    if (EFI_ERROR(status))
        return status;
    UINTN size = sizeof(text) - 1;
    status = file->Read(file, &size, text);
    file->Close(file);
    take_line(take_line(text, start->path), start->options);
    return status;
}

static EFI_STATUS start_program(EFI_HANDLE self, EFI_HANDLE volume, struct start *start)
{
    EFI_HANDLE program;
    EFI_LOADED_IMAGE *loaded;
    EFI_DEVICE_PATH *path = FileDevicePath(volume, start->path);
    EFI_STATUS status = BS->LoadImage(FALSE, self, path, NULL, 0, &program);
    if (EFI_ERROR(status))
        return status;
    status = BS->HandleProtocol(program, &LoadedImageProtocol, (VOID **)&loaded);
    if (EFI_ERROR(status))
        return status;
    if (start->options[0] != 0) {
        loaded->LoadOptions = start->options;
        loaded->LoadOptionsSize = (UINT32)StrSize(start->options);
    }
    return BS->StartImage(program, NULL, NULL);
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    static struct start start;
    EFI_LOADED_IMAGE *loaded;

    InitializeLib(self, system);
    EFI_STATUS status = install_tables();
    if (EFI_ERROR(status))
        return status;
    status = BS->HandleProtocol(self, &LoadedImageProtocol, (VOID **)&loaded);
    if (EFI_ERROR(status))
        return status;
    status = read_start(loaded->DeviceHandle, &start);
    if (EFI_ERROR(status)) {
        Print(L"acpi-supply: cannot read %s: %r\n", START_FILE, status);
        return status;
    }
    status = start_program(self, loaded->DeviceHandle, &start);
    Print(L"acpi-supply: %s returned: %r\n", start.path, status);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * UEFI program that starts a Linux kernel without a hypervisor, in just the place and with just the
 * tables that Bulkhead would give it as a guest: same memory map, same ACPI, same command line, at
 * the same entry point. What remains different is what the machine itself has: its
 * PCI devices, its CPUID. For the benchmark only; nothing is checked that tools/bench knows.
 *
 * Files on its volume: \vmlinuz, \initrd.gz, \cmdline. Sixteen zeros behind "bench_start=" in the
 * command line become the TSC reading at the start, in decimal.
 */
#include <efi.h>
#include <efilib.h>

#include "kernel/acpi/guest.h"
#include "kernel/image/image.h"
#include "kernel/image/paging.h"
#include "kernel/lib/mem.h"
#include "kernel/plan/plan.h"

#define GUEST_MEMORY (UINT64_C(512) << 20)
#define MARK         "bench_start="
#define MARK_DIGITS  16
#define ACPI_BYTES   4096

/* i440FX: attributes of the memory from 0xc0000 to 0xfffff; each register 0x33: plain RAM. */
#define PAM_CONFIG 0x80000058u
#define PAM_RAM    0x33333333u

struct file {
    uint8_t *bytes;
    UINTN size;
};

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static BOOLEAN fail(const CHAR16 *what)
{
    Print(L"native: %s\n", what);
    return FALSE;
}

/* Above the memory that the kernel will get. */
static void *pages(UINTN size)
{
    EFI_PHYSICAL_ADDRESS at = 0xffffffff;
    EFI_STATUS status =
        BS->AllocatePages(AllocateMaxAddress, EfiLoaderData, EFI_SIZE_TO_PAGES(size), &at);
    return EFI_ERROR(status) || at < GUEST_MEMORY ? NULL : (void *)(uintptr_t)at;
}

static BOOLEAN read_file(EFI_FILE_HANDLE root, const CHAR16 *name, struct file *out)
{
    EFI_FILE_HANDLE file;
    if (EFI_ERROR(root->Open(root, &file, (CHAR16 *)name, EFI_FILE_MODE_READ, 0)))
        return fail(name);
    EFI_FILE_INFO *info = LibFileInfo(file);
    out->size = info->FileSize;
    out->bytes = pages(out->size + 1); /* zeroed or not, text is ended by its size */
    EFI_STATUS status =
        out->bytes ? file->Read(file, &out->size, out->bytes) : EFI_OUT_OF_RESOURCES;
    file->Close(file);
    return EFI_ERROR(status) ? fail(name) : TRUE;
}

static BOOLEAN leave_firmware(EFI_HANDLE self)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        UINTN count, key, size;
        UINT32 version;
        (void)LibMemoryMap(&count, &key, &size, &version);
        if (!EFI_ERROR(BS->ExitBootServices(self, key)))
            return TRUE;
    }
    return FALSE;
}

static void machine_quiet(void)
{
    out8(0x21, 0xff); /* both 8259s */
    out8(0xa1, 0xff);
    for (uint32_t reg = 0; reg < 8; reg += 4) {
        out32(0xcf8, PAM_CONFIG + reg);
        uint32_t keep = 0, value;
        __asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(0xcfc));
        if (reg == 0)
            keep = 0xff; /* 0x58 is another register */
        out32(0xcfc, (PAM_RAM & ~keep) | (value & keep));
    }
}

/* Write down the time, as late as can be. */
static void stamp(char *cmdline, size_t length)
{
    const size_t mark = sizeof(MARK) - 1;
    for (size_t at = 0; at + mark + MARK_DIGITS <= length; at++) {
        if (memcmp(cmdline + at, MARK, mark) != 0)
            continue;
        uint64_t tsc = rdtsc();
        for (size_t digit = MARK_DIGITS; digit > 0; digit--) {
            cmdline[at + mark + digit - 1] = (char)('0' + tsc % 10);
            tsc /= 10;
        }
        return;
    }
}

static _Noreturn void jump(const struct image_entry *entry)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) gdt = {entry->gdt_limit, entry->gdt.raw};
    __asm__ volatile("cli\n\t"
                     "cld\n\t"
                     "lgdt %0\n\t"
                     "mov %1, %%cr3\n\t"
                     "mov %2, %%rsp\n\t"
                     "mov %w3, %%ds\n\t"
                     "mov %w3, %%es\n\t"
                     "mov %w3, %%fs\n\t"
                     "mov %w3, %%gs\n\t"
                     "mov %w3, %%ss\n\t"
                     "pushq %4\n\t"
                     "pushq %5\n\t"
                     "lretq"
                     :
                     : "m"(gdt), "r"(entry->page_tables.raw), "r"(entry->sp), "r"(GDT_DATA),
                       "i"(GDT_CODE), "r"(entry->ip), "S"((uint64_t)entry->esi)
                     : "memory");
    __builtin_unreachable();
}

static void *at(gpa_t address)
{
    return (void *)(uintptr_t)address.raw;
}

/* As kernel/vm/load.c does it. */
static _Noreturn void start(const struct image *image)
{
    const struct acpi_guest_params acpi = {.base = gpa(GUEST_RSDP_START), .vcpu_count = 1};
    const struct image_piece *data = &image->pieces[image->piece_count - 1];
    size_t used;
    machine_quiet();
    stamp((char *)(uintptr_t)data->from, data->size);
    for (uint32_t i = 0; i < image->piece_count; i++)
        memcpy(at(image->pieces[i].to), (const void *)(uintptr_t)image->pieces[i].from,
               image->pieces[i].size);
    paging_fill(at(image->entry.page_tables), image->entry.page_tables);
    acpi_guest_build(&acpi, at(acpi.base), ACPI_BYTES, &used);
    jump(&image->entry);
}

static BOOLEAN prepare(EFI_HANDLE self, struct file files[3])
{
    static const CHAR16 *const names[3] = {L"\\vmlinuz", L"\\initrd.gz", L"\\cmdline"};
    EFI_LOADED_IMAGE *loaded;
    if (EFI_ERROR(BS->HandleProtocol(self, &LoadedImageProtocol, (VOID **)&loaded)))
        return FALSE;
    if ((uint64_t)(uintptr_t)loaded->ImageBase < GUEST_MEMORY ||
        (uint64_t)(uintptr_t)&loaded < GUEST_MEMORY)
        return fail(L"this program lies where the kernel is to be");
    EFI_FILE_HANDLE root = LibOpenRoot(loaded->DeviceHandle);
    for (int i = 0; i < 3; i++)
        if (!read_file(root, names[i], &files[i]))
            return FALSE;
    return TRUE;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    static struct file files[3];
    static struct image image;
    static uint8_t data[IMAGE_DATA_SIZE];
    struct diag diag;
    size_t used;

    InitializeLib(self, system);
    if (!prepare(self, files))
        return EFI_LOAD_ERROR;
    const struct image_guest wanted = {
        .memory = GUEST_MEMORY,
        .hole_start = PLAN_HOLE_START,
        .hole_end = PLAN_HOLE_END,
        .rsdp = gpa(GUEST_RSDP_START),
        .kernel = {(uint64_t)(uintptr_t)files[0].bytes, files[0].size},
        .cmdline = {(const char *)files[2].bytes, (uint32_t)files[2].size},
        .module_count = 1,
        .modules = {{.file = {(uint64_t)(uintptr_t)files[1].bytes, files[1].size}}},
    };
    if (!image_make(&wanted, IMAGE_LINUX, data, &image, &used, &diag)) {
        Print(L"native: %a\n", diag.message);
        return EFI_LOAD_ERROR;
    }
    if (!leave_firmware(self))
        return EFI_LOAD_ERROR;
    start(&image);
}

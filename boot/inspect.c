/* SPDX-License-Identifier: MIT */
#include "boot/inspect.h"

#include "boot/console.h"
#include "boot/firmware.h"
#include "boot/machine.h"
#include "boot/pages.h"
#include "boot/pci.h"
#include "boot/screen.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"
#include "kernel/plan/survey.h"
#include "kernel/report/report.h"

#define REPORT_FILE "hardware.txt"

struct inspection {
    struct report report;
    struct firmware_map map;
    struct volume_output file;
};

/* Firmware's vendor is in 16-bit characters. */
static void name_firmware(char text[REPORT_MAX_TEXT])
{
    const CHAR16 *vendor = firmware.table->FirmwareVendor;
    uint32_t revision = firmware.table->FirmwareRevision;
    char name[64];
    size_t length = 0;

    for (; vendor && vendor[length] != 0 && length + 1 < sizeof(name); length++)
        name[length] = vendor[length] < 0x7f ? (char)vendor[length] : '?';
    name[length] = '\0';
    fmt_print(text, REPORT_MAX_TEXT, "%s, revision %u.%u, UEFI %u.%u", name, revision >> 16,
              revision & 0xffff, firmware.table->Hdr.Revision >> 16,
              (firmware.table->Hdr.Revision & 0xffff) / 10);
}

/* Why Bulkhead would not start here whatever the config. The first reason counts. */
static void note_unfit(struct report *report, const struct diag *why)
{
    if (report->unfit[0] == '\0')
        fmt_print(report->unfit, sizeof(report->unfit), "%s", why->message);
}

static void look_at_processors(struct report *report, const struct memory_map *map)
{
    struct diag why;

    machine_name_processor(report->processor, sizeof(report->processor));
    machine_name_virtualization(report->virtualization, sizeof(report->virtualization));
    if (!machine_check_processor(&why))
        note_unfit(report, &why);
    if (!machine_read_acpi(map, &report->acpi, &why)) {
        note_unfit(report, &why);
        memset(&report->acpi, 0, sizeof(report->acpi));
    }
    if (!machine_check_firmware(&report->acpi, &why))
        note_unfit(report, &why);
    machine_find_processors(&report->acpi, &report->hardware);
}

static bool look_at_registers(struct report *report, struct diag *diag)
{
    static const struct config_machine no_config = {.console = CONSOLE_DEFAULT};
    struct handoff_screen screen;
    uint32_t baud;

    screen_find(&screen);
    /* Which UART is the console, the config says: tools/check adds it. */
    struct survey_console console = handoff_console(&screen, 0);
    report->console_port = survey_console_port(&no_config, &report->acpi, &baud);
    return survey_registers(&report->acpi, &console, &report->hardware, diag);
}

static bool look(struct inspection *inspection, struct diag *diag)
{
    struct report *report = &inspection->report;

    if (!firmware_map_init(&inspection->map, diag))
        return false;
    struct memory_map map = firmware_map_view(&inspection->map);
    name_firmware(report->firmware);
    look_at_processors(report, &map);
    if (!machine_collect_memory(&map, &report->acpi, &report->hardware, diag) ||
        !look_at_registers(report, diag) ||
        !pci_look(&report->acpi.mcfg, UINT64_C(1) << report->hardware.phys_bits, &report->pci,
                  diag))
        return false;
    if (!survey_devices(&report->acpi, &report->pci, &report->hardware))
        console_text(SURVEY_TOO_MANY_TIED "\n", HARDWARE_MAX_TIED);
    return true;
}

static void write_line(void *context, const char *text)
{
    volume_output_put(context, text);
    volume_output_put(context, "\n");
}

static void tell(const struct report *report)
{
    static const char *const iommus[] = {"no IOMMU", "VT-d", "AMD-Vi"};
    const struct hardware *hardware = &report->hardware;
    uint64_t memory = 0;

    for (uint32_t i = 0; i < hardware->range_count; i++)
        if (hardware->ranges[i].kind == MEMORY_FREE)
            memory += hardware->ranges[i].size;
    console_text("%s\n", report->processor);
    console_text("%s\n", report->virtualization);
    console_text("%u processor%s, %llu MiB of free memory, %u PCI functions, %s\n",
                 hardware->cpu_count, hardware->cpu_count == 1 ? "" : "s",
                 (unsigned long long)memory >> 20, report->pci.count, iommus[hardware->iommu]);
    if (report->unfit[0] != '\0')
        console_text("Bulkhead cannot run here: %s\n", report->unfit);
    console_text("The report of this machine is in " VOLUME_FOLDER REPORT_FILE "\n");
}

bool inspect(const struct volume *volume, struct diag *diag)
{
    struct inspection *inspection = pages_scratch(sizeof(*inspection), diag);
    struct diag inner;

    if (!inspection || !look(inspection, diag))
        return false;
    bool good = volume_output_open(volume, REPORT_FILE, &inspection->file, &inner);
    if (good) {
        report_write(&inspection->report, write_line, &inspection->file);
        good = volume_output_close(&inspection->file, &inner);
    }
    if (!good) {
        diag_set(diag, "cannot write " VOLUME_FOLDER REPORT_FILE ": %s", inner.message);
        return diag_hint(diag, "the stick must have room and let itself be written to; some have a "
                               "switch against that");
    }
    tell(&inspection->report);
    return true;
}

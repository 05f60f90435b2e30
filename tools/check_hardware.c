/* SPDX-License-Identifier: MIT */
#include "tools/check_hardware.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "drivers/iommu/needs.h"
#include "kernel/plan/needs.h"
#include "kernel/plan/plan.h"
#include "kernel/plan/survey.h"
#include "kernel/report/report.h"

#define ANYWHERE UINT64_MAX

static struct report report;
static struct plan plan;

bool tell_diag(const char *path, const struct diag *diag)
{
    if (diag->line > 0)
        fprintf(stderr, "%s:%" PRIu32 ":%" PRIu32 ": %s\n", path, diag->line, diag->column,
                diag->message);
    else
        fprintf(stderr, "%s: %s\n", path, diag->message);
    if (diag->hint[0] != '\0')
        fprintf(stderr, "  hint: %s\n", diag->hint);
    return false;
}

static bool read_report(const char *path)
{
    static char text[REPORT_MAX_BYTES + 1];
    struct diag diag;
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(text, 1, sizeof(text), file) : 0;

    if (!file || ferror(file)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (file)
            fclose(file);
        return false;
    }
    fclose(file);
    if (!report_read(text, size, &report, &diag))
        return tell_diag(path, &diag);
    if (report.unknown_lines > 0)
        fprintf(stderr, "%s: lines of a later version, which do not count: %" PRIu32 "\n", path,
                report.unknown_lines);
    if (report.unfit[0] == '\0')
        return true;
    diag_set(&diag, "Bulkhead cannot run on this machine: %s", report.unfit);
    diag_at(&diag, report.unfit_line, 1);
    return tell_diag(path, &diag);
}

/*
 * Memory that the boot half keeps, from the top of what is free: there firmware gives it, more or
 * less. False: there is no room.
 */
static bool keep_memory(uint64_t size, uint64_t align, uint64_t below)
{
    struct hardware *hardware = &report.hardware;

    for (uint32_t i = hardware->range_count; i > 0; i--) {
        const struct hardware_range *range = &hardware->ranges[i - 1];
        uint64_t end = range->base.raw + range->size;
        uint64_t top = end < below ? end : below;
        uint32_t node = range->node;
        if (range->kind != MEMORY_FREE || top < range->base.raw || top - range->base.raw < size)
            continue;
        uint64_t base = align_down(top - size, align);
        if (base < range->base.raw)
            continue;
        return hardware_add_memory(hardware, base, size, MEMORY_LOADER) &&
               hardware_set_node(hardware, base, size, node);
    }
    return false;
}

static bool keep_files(const char *path, const struct kept_files *files)
{
    /* The kernel comes last, as a page of 2 MiB of its own. */
    bool good = true;

    for (uint32_t i = 0; good && i < files->count; i++)
        good = keep_memory(align_up(files->sizes[i], PAGE_4K), PAGE_4K, ANYWHERE);
    if (good && (keep_memory(PAGE_2M, PAGE_2M, GIB(4)) || keep_memory(PAGE_2M, PAGE_2M, ANYWHERE)))
        return true;
    fprintf(stderr, "%s: the machine has no memory for the guests' files\n", path);
    return false;
}

/* The UART that the config chooses, which the kernel keeps from guests. */
static bool own_console(const struct config_machine *config)
{
    uint64_t port = config->console == CONSOLE_PORT ? config->console_port : report.console_port;

    return config->console == CONSOLE_SCREEN ||
           hardware_own(&report.hardware, port, SURVEY_UART_PORTS, true);
}

static void print_line(void *context, const char *text)
{
    (void)context;
    puts(text);
}

bool check_hardware(const char *path, const struct config *config, const char *config_path,
                    const struct kept_files *files)
{
    const struct plan_inputs inputs = {
        .config = config, .hardware = &report.hardware, .needs = &host_needs, .pci = &report.pci};
    struct diag diag;

    if (!read_report(path) || !keep_files(path, files))
        return false;
    if (!own_console(&config->machine)) {
        fprintf(stderr, "%s: the hypervisor uses too many registers\n", path);
        return false;
    }
    if (!survey_sources(&report.acpi, &report.pci, &report.hardware))
        fprintf(stderr, "%s: " SURVEY_TOO_MANY_SPECIALS "\n", path, HARDWARE_MAX_SPECIALS);
    struct iommu_demand demand = iommu_demand(config_most_functions(config),
                                              config_intx_lines(config), pci_last_bus(&report.pci));
    report.hardware.iommu_bytes = iommu_bytes(&report.acpi, &demand);
    if (!plan_build(&inputs, &plan, &diag))
        return tell_diag(diag.line > 0 ? config_path : path, &diag);
    plan_print(&plan, config, &report.hardware, print_line, NULL);
    return true;
}

/* SPDX-License-Identifier: MIT */
#include "kernel/acpi/host.h"
#include "kernel/lib/fmt.h"

#define ECAMS_SHOWN 2

struct line {
    char *text;
    size_t size, length; /* length: what the whole line would have */
};

static void append(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct line *line, const char *format, ...)
{
    size_t used = line->length < line->size ? line->length : line->size - 1;
    va_list args;

    va_start(args, format);
    line->length += fmt_vprint(line->text + used, line->size - used, format, args);
    va_end(args);
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void append_mcfg(struct line *line, const struct acpi_mcfg *mcfg)
{
    for (uint32_t i = 0; i < mcfg->count && i < ECAMS_SHOWN; i++) {
        const struct acpi_ecam *ecam = &mcfg->ecams[i];

        append(line, "%s segment %u, buses %u-%u", i == 0 ? "MCFG:" : ",", ecam->segment,
               ecam->first_bus, ecam->last_bus);
    }
    if (mcfg->count > ECAMS_SHOWN)
        append(line, ", %u more", mcfg->count - ECAMS_SHOWN);
}

static void append_remapping(struct line *line, const char *name, uint32_t units, uint32_t regions)
{
    append(line, "%s%s: %u unit%s", line->length == 0 ? "" : "; ", name, units, plural(units));
    if (regions > 0)
        append(line, ", %u reserved region%s", regions, plural(regions));
}

bool acpi_summary(const struct acpi_host *host, char *text, size_t size)
{
    struct line line = {text, size, 0};

    text[0] = '\0';
    append_mcfg(&line, &host->mcfg);
    if (host->dmar.present) {
        append_remapping(&line, "DMAR", host->dmar.unit_count, host->dmar.region_count);
        if (!host->dmar.intr_remap)
            append(&line, ", no interrupt remapping");
    }
    if (host->ivrs.present)
        append_remapping(&line, "IVRS", host->ivrs.unit_count, host->ivrs.region_count);
    return line.length > 0;
}

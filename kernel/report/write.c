/* SPDX-License-Identifier: MIT */
/* From what is known of a machine to text. */
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"
#include "kernel/pci/class.h"
#include "kernel/pci/describe.h"
#include "kernel/report/facts.h"

struct output {
    const struct report *report;
    void (*line)(void *context, const char *text);
    void *context;
    char text[REPORT_MAX_LINE + 1];
    size_t length;
};

static void add(struct output *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct output *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    out->length +=
        fmt_vprint(out->text + out->length, sizeof(out->text) - out->length, format, args);
    va_end(args);
    if (out->length >= sizeof(out->text))
        out->length = sizeof(out->text) - 1;
}

static void end_line(struct output *out)
{
    out->line(out->context, out->text);
    out->length = 0;
    out->text[0] = '\0';
}

static void add_address(struct output *out, pci_address_t at)
{
    char text[PCI_TEXT];

    pci_address_text(at, text);
    add(out, "%s", text);
}

static void add_flags(struct output *out, const struct report_field *field, uint64_t value)
{
    const char *comma = "";

    for (uint32_t i = 0; i < field->word_count; i++) {
        if (value & BIT(i)) {
            add(out, "%s%s", comma, field->words[i]);
            comma = ",";
        }
    }
    if (value == 0)
        add(out, "none");
}

static void add_path(struct output *out, const struct dmar_scope *scope)
{
    for (uint32_t i = 0; i < scope->path_length && i < DMAR_MAX_PATH; i++)
        add(out, "%s%02x.%x", i == 0 ? "" : "/", scope->path[i] >> 3, scope->path[i] & 7u);
}

static void add_value(struct output *out, const struct report_field *field, const void *record)
{
    unsigned long value = report_value(field, record);

    switch ((enum report_form)field->form) {
    case FORM_DECIMAL:
        add(out, "%lu", value);
        break;
    case FORM_HEX:
        add(out, "0x%lx", value);
        break;
    case FORM_YES_NO:
        add(out, "%s", value != 0 ? "yes" : "no");
        break;
    case FORM_WORD:
        add(out, "%s", field->words[value < field->word_count ? value : 0]);
        break;
    case FORM_FLAGS:
        add_flags(out, field, value);
        break;
    case FORM_ADDRESS:
        add_address(out, (pci_address_t){(uint32_t)value});
        break;
    case FORM_FUNCTION:
        add_address(out, out->report->pci.functions[value].address);
        break;
    case FORM_SIZE:
        add(out, "0x%lx", BIT(value & 63));
        break;
    case FORM_PATH:
        add_path(out, record);
        break;
    }
}

static bool is_left_out(const struct report_field *field, const void *record)
{
    uint64_t value = report_value(field, record);

    return field->form == FORM_FUNCTION ? value >= PCI_MAX_FUNCTIONS
                                        : field->optional && value == 0;
}

/* Without the line's end, so that a remark may follow. */
static void write_fields(struct output *out, enum report_kind kind, const void *record)
{
    const struct report_fact *fact = &report_facts[kind];

    add(out, "%s", fact->keyword);
    for (uint32_t i = 0; i < fact->field_count; i++) {
        const struct report_field *field = &fact->fields[i];
        if (is_left_out(field, record))
            continue;
        add(out, " %s=", field->name);
        add_value(out, field, record);
    }
}

static void write_one(struct output *out, enum report_kind kind, const void *record)
{
    write_fields(out, kind, record);
    end_line(out);
}

static const uint8_t *record_of(const struct output *out, enum report_kind kind, uint32_t index)
{
    const struct report_fact *fact = &report_facts[kind];

    return (const uint8_t *)out->report + fact->table + (size_t)index * fact->size;
}

static uint32_t count_of(const struct output *out, enum report_kind kind)
{
    uint32_t count;

    memcpy(&count, (const uint8_t *)out->report + report_facts[kind].count, sizeof(count));
    return count < report_facts[kind].most ? count : report_facts[kind].most;
}

static void write_some(struct output *out, enum report_kind kind, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        write_one(out, kind, record_of(out, kind, first + i));
}

static void write_all(struct output *out, enum report_kind kind)
{
    write_some(out, kind, 0, count_of(out, kind));
}

static void write_section(struct output *out, const char *name)
{
    end_line(out);
    add(out, "[%s]", name);
    end_line(out);
}

/* Firmware wrote these: what is not printable ASCII becomes a question mark. */
static void write_text(struct output *out, const char *keyword, const char *text)
{
    if (text[0] == '\0')
        return;
    add(out, "%s ", keyword);
    for (uint32_t i = 0; i + 1 < REPORT_MAX_TEXT && text[i] != '\0'; i++)
        add(out, "%c", text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    end_line(out);
}

static void write_texts(struct output *out)
{
    for (uint32_t i = 0; i < REPORT_TEXTS; i++) {
        const struct report_text *text = &report_texts[i];
        if (text->offset != REPORT_NOT_KEPT)
            write_text(out, text->keyword, (const char *)out->report + text->offset);
    }
}

static void write_memory(struct output *out)
{
    const struct hardware *hardware = &out->report->hardware;

    for (uint32_t i = 0; i < count_of(out, FACT_MEMORY); i++) {
        write_fields(out, FACT_MEMORY, &hardware->ranges[i]);
        if (hardware->ranges[i].size >= MIB(1))
            add(out, " # %lu MiB", hardware->ranges[i].size >> 20);
        end_line(out);
    }
}

static void write_dmar(struct output *out)
{
    const struct acpi_dmar *dmar = &out->report->acpi.dmar;

    if (!dmar->present)
        return;
    write_section(out, "DMAR");
    write_one(out, FACT_DMAR, dmar);
    for (uint32_t i = 0; i < dmar->unit_count; i++) {
        write_one(out, FACT_DMAR_UNIT, &dmar->units[i]);
        write_some(out, FACT_DMAR_SCOPE, dmar->units[i].first_scope, dmar->units[i].scope_count);
    }
    for (uint32_t i = 0; i < dmar->region_count; i++) {
        write_one(out, FACT_DMAR_REGION, &dmar->regions[i]);
        write_some(out, FACT_DMAR_SCOPE, dmar->regions[i].first_scope,
                   dmar->regions[i].scope_count);
    }
}

static void write_ivrs(struct output *out)
{
    const struct acpi_ivrs *ivrs = &out->report->acpi.ivrs;

    if (!ivrs->present)
        return;
    write_section(out, "IVRS");
    write_one(out, FACT_IVRS, ivrs);
    for (uint32_t i = 0; i < ivrs->unit_count; i++) {
        write_one(out, FACT_IVRS_UNIT, &ivrs->units[i]);
        write_some(out, FACT_IVRS_RANGE, ivrs->units[i].first_range, ivrs->units[i].range_count);
    }
    write_all(out, FACT_IVRS_SPECIAL);
    write_all(out, FACT_IVRS_REGION);
}

static void write_bars(struct output *out, const struct pci_function *function)
{
    char area[40];

    for (uint32_t i = 0; i < PCI_BAR_COUNT; i++) {
        struct report_bar bar = {.number = (uint8_t)i, .bar = function->bars[i]};
        if (bar.bar.kind == PCI_BAR_NONE)
            continue;
        if (pci_bar_size(&bar.bar) == 0)
            bar.bar.bits = 0;
        pci_describe_bar(&bar.bar, area, sizeof(area));
        write_fields(out, FACT_BAR, &bar);
        add(out, " # %s%s", i == PCI_ROM ? "ROM, " : "", area);
        end_line(out);
    }
}

static void write_functions(struct output *out)
{
    const struct pci_inventory *pci = &out->report->pci;

    for (uint32_t i = 0; i < pci->count; i++) {
        const struct pci_function *function = &pci->functions[i];
        write_fields(out, FACT_FUNCTION, function);
        add(out, " # %s", pci_class_find(function->class_code)->words);
        end_line(out);
        write_one(out, FACT_CAPABILITIES, function);
        if (function->header == PCI_HEADER_BRIDGE)
            write_one(out, FACT_WINDOWS, function);
        write_bars(out, function);
    }
    write_all(out, FACT_TIED);
}

static void write_warnings(struct output *out)
{
    const struct acpi_host *acpi = &out->report->acpi;
    const struct pci_inventory *pci = &out->report->pci;

    if (acpi->warning_count + pci->warning_count > 0)
        write_section(out, "firmware's mistakes");
    for (uint32_t i = 0; i < acpi->warning_count && i < ACPI_MAX_WARNINGS; i++)
        write_text(out, REPORT_WARNING, acpi->warnings[i].message);
    for (uint32_t i = 0; i < pci->warning_count && i < PCI_MAX_WARNINGS; i++) {
        char at[PCI_TEXT];
        pci_address_text(pci->warnings[i].at, at);
        add(out, REPORT_WARNING " PCI: %s: %s", at,
            pci_fault_text((enum pci_fault)pci->warnings[i].fault));
        end_line(out);
    }
}

void report_write(const struct report *report, void (*line)(void *context, const char *text),
                  void *context)
{
    struct output out = {.report = report, .line = line, .context = context};

    add(&out, REPORT_TITLE "%u", REPORT_VERSION);
    end_line(&out);
    add(&out, "# For people, and for: tools/check --hardware THIS-FILE CONFIG");
    end_line(&out);
    write_section(&out, "machine");
    write_texts(&out);
    write_one(&out, FACT_MACHINE, report);
    write_section(&out, "processors, the one that starts first");
    write_all(&out, FACT_PROCESSOR);
    write_section(&out, "memory, with its NUMA nodes");
    write_memory(&out);
    write_section(&out, "registers that the hypervisor itself uses");
    write_all(&out, FACT_OWNED);
    write_section(&out, "I/O APICs, and their lines that are not PCI's");
    write_all(&out, FACT_IOAPIC);
    write_all(&out, FACT_LINE);
    if (report->acpi.mcfg.count > 0)
        write_section(&out, "MCFG");
    write_all(&out, FACT_MCFG);
    write_dmar(&out);
    write_ivrs(&out);
    write_section(&out, "PCI functions; tied are those with which firmware shares memory");
    write_functions(&out);
    write_warnings(&out);
    end_line(&out);
    add(&out, REPORT_END);
    end_line(&out);
}

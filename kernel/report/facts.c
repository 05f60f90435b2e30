/* SPDX-License-Identifier: MIT */
#include "kernel/report/facts.h"

#include "kernel/lib/mem.h"

#define WORDS(list)  .words = (list), .word_count = ARRAY_COUNT(list)
#define PLACE(r, f)  .offset = offsetof(r, f), .size = sizeof(((r *)0)->f)
#define TABLE(t, n)  .table = offsetof(struct report, t), .count = offsetof(struct report, n)
#define FIELDS(list) .fields = (list), .field_count = ARRAY_COUNT(list)

/* A number; it may be left out when it is 0. */
#define DECIMAL(n, r, f, m) {.name = (n), PLACE(r, f), .form = FORM_DECIMAL, .most = (m)}
#define HEX(n, r, f)        {.name = (n), PLACE(r, f), .form = FORM_HEX, .most = UINT64_MAX}
#define DECIMAL_OR_0(n, r, f, m)                                                                   \
    {.name = (n), PLACE(r, f), .form = FORM_DECIMAL, .most = (m), .optional = true}
#define HEX_OR_0(n, r, f)                                                                          \
    {.name = (n), PLACE(r, f), .form = FORM_HEX, .most = UINT64_MAX, .optional = true}
#define YES_OR_NO(n, r, f)                                                                         \
    {.name = (n), PLACE(r, f), .form = FORM_YES_NO, .most = 1, .optional = true}
#define WORD(n, r, f, list)                                                                        \
    {.name = (n), PLACE(r, f), .form = FORM_WORD, WORDS(list), .most = ARRAY_COUNT(list) - 1}
#define OTHER(n, r, f, how) {.name = (n), PLACE(r, f), .form = (how), .most = UINT64_MAX}

/* in the order of enum hardware_iommu, hardware_memory, hardware_line_use, pci_port, pci_flags,
 * pci_reset, pci_bar_kind, dmar_scope_type, ivrs_special_kind */
static const char *const iommus[] = {"none", "vtd", "amdvi"};
static const char *const memories[] = {"free", "loader", "reserved"};
static const char *const uses[] = {"isa", "sci", "nmi", "console"};
static const char *const ports[] = {
    "endpoint",   "legacy", "2",  "3",  "root", "upstream", "downstream", "to-pci",      "from-pci",
    "integrated", "events", "11", "12", "13",   "14",       "15",         "conventional"};
static const char *const flags[] = {"multi",    "virtual",  "was-master", "slot",      "ari",
                                    "flr",      "af-flr",   "pm-reset",   "msi-wide",  "msi-masks",
                                    "msix-bad", "isolates", "open",       "bridge-bad"};
static const char *const resets[] = {"none", "flr", "af-flr", "bus", "pm"};
static const char *const bars[] = {"none", "io", "mem32", "mem64", "broken", "unknown"};
static const char *const scopes[] = {"0", "endpoint", "bridge", "ioapic", "hpet", "namespace"};
static const char *const specials[] = {"0", "ioapic", "hpet"};

static const struct report_field machine[] = {
    DECIMAL("physical-bits", struct report, hardware.phys_bits, 52),
    YES_OR_NO("1g-pages", struct report, hardware.page_1g),
    DECIMAL("smt-shift", struct report, hardware.smt_shift, 31),
    DECIMAL_OR_0("processors-left-out", struct report, hardware.cpus_ignored, UINT32_MAX),
    DECIMAL_OR_0("functions-left-out", struct report, pci.lost, UINT32_MAX),
    WORD("iommu", struct report, hardware.iommu, iommus),
    HEX("console", struct report, console_port),
};
static const struct report_field processor[] = {
    DECIMAL("apic", struct hardware_cpu, apic_id, UINT32_MAX),
    DECIMAL("node", struct hardware_cpu, node, UINT32_MAX),
};
static const struct report_field memory[] = {
    HEX("base", struct hardware_range, base),
    HEX("size", struct hardware_range, size),
    WORD("kind", struct hardware_range, kind, memories),
    DECIMAL("node", struct hardware_range, node, UINT32_MAX),
};
static const struct report_field owned[] = {
    HEX("base", struct hardware_owned, base),
    HEX("size", struct hardware_owned, size),
    YES_OR_NO("io", struct hardware_owned, io),
};
static const struct report_field ioapic[] = {
    DECIMAL("first-gsi", struct hardware_ioapic, first_gsi, UINT32_MAX),
    DECIMAL("pins", struct hardware_ioapic, pins, HARDWARE_MAX_PINS),
};
static const struct report_field line[] = {
    DECIMAL("gsi", struct hardware_line, gsi, UINT32_MAX),
    WORD("use", struct hardware_line, use, uses),
};
static const struct report_field mcfg[] = {
    HEX("base", struct acpi_ecam, base),
    DECIMAL("segment", struct acpi_ecam, segment, UINT16_MAX),
    DECIMAL("first-bus", struct acpi_ecam, first_bus, UINT8_MAX),
    DECIMAL("last-bus", struct acpi_ecam, last_bus, UINT8_MAX),
};
static const struct report_field dmar[] = {
    DECIMAL("address-width", struct acpi_dmar, address_width, 64),
    YES_OR_NO("interrupt-remapping", struct acpi_dmar, intr_remap),
    YES_OR_NO("x2apic-opt-out", struct acpi_dmar, x2apic_opt_out),
    YES_OR_NO("platform-opt-in", struct acpi_dmar, platform_opt_in),
};
static const struct report_field dmar_unit[] = {
    HEX("base", struct dmar_unit, base),
    HEX("size", struct dmar_unit, size),
    DECIMAL("segment", struct dmar_unit, segment, UINT16_MAX),
    DECIMAL_OR_0("node", struct dmar_unit, node, UINT32_MAX),
    YES_OR_NO("all", struct dmar_unit, include_all),
};
static const struct report_field dmar_region[] = {
    HEX("base", struct dmar_region, base),
    HEX("size", struct dmar_region, size),
    DECIMAL("segment", struct dmar_region, segment, UINT16_MAX),
};
static const struct report_field dmar_scope[] = {
    WORD("type", struct dmar_scope, type, scopes),
    DECIMAL("id", struct dmar_scope, enumeration_id, UINT8_MAX),
    DECIMAL("bus", struct dmar_scope, start_bus, UINT8_MAX),
    OTHER("path", struct dmar_scope, path_length, FORM_PATH),
};
static const struct report_field ivrs[] = {
    DECIMAL("physical-width", struct acpi_ivrs, physical_width, UINT8_MAX),
    DECIMAL("virtual-width", struct acpi_ivrs, virtual_width, UINT8_MAX),
    YES_OR_NO("feature-images", struct acpi_ivrs, feature_register_images),
    YES_OR_NO("dma-remapping", struct acpi_ivrs, dma_remap),
    HEX("info", struct acpi_ivrs, info),
};
static const struct report_field ivrs_unit[] = {
    HEX("base", struct ivrs_unit, base),
    DECIMAL("segment", struct ivrs_unit, segment, UINT16_MAX),
    HEX("device", struct ivrs_unit, device_id),
    HEX("type", struct ivrs_unit, type),
    HEX("flags", struct ivrs_unit, flags),
    HEX("info", struct ivrs_unit, info),
    HEX("capability", struct ivrs_unit, capability_offset),
    HEX("attributes", struct ivrs_unit, attributes),
    HEX_OR_0("features", struct ivrs_unit, features),
    HEX_OR_0("features-2", struct ivrs_unit, features_2),
};
static const struct report_field ivrs_range[] = {
    HEX("first", struct ivrs_range, first),
    HEX("last", struct ivrs_range, last),
    YES_OR_NO("aliased", struct ivrs_range, has_alias),
    HEX_OR_0("alias", struct ivrs_range, alias),
    YES_OR_NO("all", struct ivrs_range, all),
    HEX_OR_0("dte", struct ivrs_range, dte),
    YES_OR_NO("no-ats", struct ivrs_range, ats_disabled),
};
static const struct report_field ivrs_special[] = {
    WORD("kind", struct ivrs_special, kind, specials),
    DECIMAL("handle", struct ivrs_special, handle, UINT8_MAX),
    HEX("device", struct ivrs_special, device_id),
    HEX_OR_0("dte", struct ivrs_special, dte),
    DECIMAL("unit", struct ivrs_special, unit, IVRS_MAX_UNITS - 1),
};
static const struct report_field ivrs_region[] = {
    HEX("base", struct ivrs_region, base),
    HEX("size", struct ivrs_region, size),
    DECIMAL("segment", struct ivrs_region, segment, UINT16_MAX),
    HEX("first", struct ivrs_region, first),
    HEX("last", struct ivrs_region, last),
    HEX("flags", struct ivrs_region, flags),
    YES_OR_NO("all-segments", struct ivrs_region, all_segments),
};
static const struct report_field function[] = {
    OTHER("at", struct pci_function, address, FORM_ADDRESS),
    HEX("vendor", struct pci_function, vendor),
    HEX("device", struct pci_function, device),
    HEX("class", struct pci_function, class_code),
    HEX_OR_0("revision", struct pci_function, revision),
    HEX_OR_0("subvendor", struct pci_function, subvendor),
    HEX_OR_0("subdevice", struct pci_function, subdevice),
    DECIMAL("header", struct pci_function, header, 127),
    WORD("port", struct pci_function, port, ports),
    DECIMAL_OR_0("pin", struct pci_function, pin, 4),
    DECIMAL_OR_0("secondary", struct pci_function, secondary, UINT8_MAX),
    DECIMAL_OR_0("subordinate", struct pci_function, subordinate, UINT8_MAX),
    OTHER("parent", struct pci_function, parent, FORM_FUNCTION),
    OTHER("physical", struct pci_function, physical, FORM_FUNCTION),
    DECIMAL_OR_0("number", struct pci_function, number, UINT16_MAX),
    DECIMAL("group", struct pci_function, group, PCI_MAX_FUNCTIONS - 1),
    HEX("alias", struct pci_function, alias),
    WORD("reset", struct pci_function, reset, resets),
    {.name = "flags",
     PLACE(struct pci_function, flags),
     .form = FORM_FLAGS,
     WORDS(flags),
     .most = BIT(ARRAY_COUNT(flags)) - 1},
};
static const struct report_field capabilities[] = {
    HEX_OR_0("pm", struct pci_function, caps.pm),
    HEX_OR_0("pcie", struct pci_function, caps.pcie),
    HEX_OR_0("af", struct pci_function, caps.af),
    HEX_OR_0("acs", struct pci_function, caps.acs),
    HEX_OR_0("ari", struct pci_function, caps.ari),
    HEX_OR_0("sriov", struct pci_function, caps.sriov),
    HEX_OR_0("msi", struct pci_function, caps.msi),
    DECIMAL_OR_0("msi-vectors", struct pci_function, caps.msi_vectors, 32),
    HEX_OR_0("msix", struct pci_function, caps.msix),
    DECIMAL_OR_0("msix-vectors", struct pci_function, caps.msix_vectors, 2048),
    DECIMAL_OR_0("table-bar", struct pci_function, caps.msix_bar, 7),
    HEX_OR_0("table-offset", struct pci_function, caps.msix_offset),
    DECIMAL_OR_0("pba-bar", struct pci_function, caps.pba_bar, 7),
    HEX_OR_0("pba-offset", struct pci_function, caps.pba_offset),
};
static const struct report_field windows[] = {
    HEX_OR_0("io", struct pci_function, windows[PCI_WINDOW_IO].base),
    HEX_OR_0("io-size", struct pci_function, windows[PCI_WINDOW_IO].size),
    HEX_OR_0("memory", struct pci_function, windows[PCI_WINDOW_MEMORY].base),
    HEX_OR_0("memory-size", struct pci_function, windows[PCI_WINDOW_MEMORY].size),
    HEX_OR_0("prefetch", struct pci_function, windows[PCI_WINDOW_PREFETCH].base),
    HEX_OR_0("prefetch-size", struct pci_function, windows[PCI_WINDOW_PREFETCH].size),
};
static const struct report_field bar[] = {
    DECIMAL("number", struct report_bar, number, PCI_BAR_COUNT - 1),
    WORD("kind", struct report_bar, bar.kind, bars),
    HEX("base", struct report_bar, bar.base),
    {.name = "size",
     PLACE(struct report_bar, bar.bits),
     .form = FORM_SIZE,
     .most = 63,
     .optional = true},
    YES_OR_NO("prefetchable", struct report_bar, bar.prefetchable),
};
static const struct report_field tied[] = {
    {.name = "at",
     .offset = 0,
     .size = sizeof(pci_address_t),
     .form = FORM_ADDRESS,
     .most = UINT64_MAX},
};

const struct report_fact report_facts[FACT_KINDS] = {
    [FACT_MACHINE] = {"machine", FIELDS(machine), .size = sizeof(struct report)},
    [FACT_PROCESSOR] = {"processor", FIELDS(processor), TABLE(hardware.cpus, hardware.cpu_count),
                        HARDWARE_MAX_CPUS, sizeof(struct hardware_cpu)},
    [FACT_MEMORY] = {"memory", FIELDS(memory), TABLE(hardware.ranges, hardware.range_count),
                     HARDWARE_MAX_RANGES, sizeof(struct hardware_range)},
    [FACT_OWNED] = {"owned", FIELDS(owned), TABLE(hardware.owned, hardware.owned_count),
                    HARDWARE_MAX_OWNED, sizeof(struct hardware_owned)},
    [FACT_IOAPIC] = {"ioapic", FIELDS(ioapic), TABLE(hardware.ioapics, hardware.ioapic_count),
                     HARDWARE_MAX_IOAPICS, sizeof(struct hardware_ioapic)},
    [FACT_LINE] = {"line", FIELDS(line), TABLE(hardware.lines, hardware.line_count),
                   HARDWARE_MAX_LINES, sizeof(struct hardware_line)},
    [FACT_MCFG] = {"mcfg", FIELDS(mcfg), TABLE(acpi.mcfg.ecams, acpi.mcfg.count), ACPI_MAX_ECAMS,
                   sizeof(struct acpi_ecam)},
    [FACT_DMAR] = {"dmar", FIELDS(dmar), .table = offsetof(struct report, acpi.dmar),
                   .size = sizeof(struct acpi_dmar)},
    [FACT_DMAR_UNIT] = {"dmar-unit", FIELDS(dmar_unit),
                        TABLE(acpi.dmar.units, acpi.dmar.unit_count), DMAR_MAX_UNITS,
                        sizeof(struct dmar_unit)},
    [FACT_DMAR_REGION] = {"dmar-region", FIELDS(dmar_region),
                          TABLE(acpi.dmar.regions, acpi.dmar.region_count), DMAR_MAX_REGIONS,
                          sizeof(struct dmar_region)},
    [FACT_DMAR_SCOPE] = {"dmar-scope", FIELDS(dmar_scope),
                         TABLE(acpi.dmar.scopes, acpi.dmar.scope_count), DMAR_MAX_SCOPES,
                         sizeof(struct dmar_scope)},
    [FACT_IVRS] = {"ivrs", FIELDS(ivrs), .table = offsetof(struct report, acpi.ivrs),
                   .size = sizeof(struct acpi_ivrs)},
    [FACT_IVRS_UNIT] = {"ivrs-unit", FIELDS(ivrs_unit),
                        TABLE(acpi.ivrs.units, acpi.ivrs.unit_count), IVRS_MAX_UNITS,
                        sizeof(struct ivrs_unit)},
    [FACT_IVRS_RANGE] = {"ivrs-range", FIELDS(ivrs_range),
                         TABLE(acpi.ivrs.ranges, acpi.ivrs.range_count), IVRS_MAX_RANGES,
                         sizeof(struct ivrs_range)},
    [FACT_IVRS_SPECIAL] = {"ivrs-special", FIELDS(ivrs_special),
                           TABLE(acpi.ivrs.specials, acpi.ivrs.special_count), IVRS_MAX_SPECIALS,
                           sizeof(struct ivrs_special)},
    [FACT_IVRS_REGION] = {"ivrs-region", FIELDS(ivrs_region),
                          TABLE(acpi.ivrs.regions, acpi.ivrs.region_count), IVRS_MAX_REGIONS,
                          sizeof(struct ivrs_region)},
    [FACT_FUNCTION] = {"function", FIELDS(function), TABLE(pci.functions, pci.count),
                       PCI_MAX_FUNCTIONS, sizeof(struct pci_function)},
    [FACT_CAPABILITIES] = {"capabilities", FIELDS(capabilities),
                           .size = sizeof(struct pci_function)},
    [FACT_WINDOWS] = {"windows", FIELDS(windows), .size = sizeof(struct pci_function)},
    [FACT_BAR] = {"bar", FIELDS(bar), .size = sizeof(struct report_bar)},
    [FACT_TIED] = {"tied", FIELDS(tied), TABLE(hardware.tied, hardware.tied_count),
                   HARDWARE_MAX_TIED, sizeof(pci_address_t)},
};

const struct report_text report_texts[REPORT_TEXTS] = {
    {"firmware", offsetof(struct report, firmware)},
    {"processor-name", offsetof(struct report, processor)},
    {"virtualization", offsetof(struct report, virtualization)},
    {"unfit", offsetof(struct report, unfit)},
    {REPORT_WARNING, REPORT_NOT_KEPT},
};

uint64_t report_value(const struct report_field *field, const void *record)
{
    uint64_t value = 0;

    memcpy(&value, (const uint8_t *)record + field->offset, field->size);
    return value;
}

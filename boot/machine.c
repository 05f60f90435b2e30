/* SPDX-License-Identifier: MIT */
#include "boot/machine.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/x86/model/controls.h"
#include "arch/x86/model/describe.h"
#include "arch/x86/model/svm_caps.h"
#include "arch/x86/model/topology.h"
#include "arch/x86/regs/cpuid.h"
#include "arch/x86/regs/cr.h"
#include "arch/x86/regs/ioapic.h"
#include "arch/x86/regs/msr.h"
#include "arch/x86/regs/vmx.h"
#include "boot/console.h"
#include "boot/firmware.h"
#include "boot/pages.h"
#include "boot/pci.h"
#include "drivers/iommu/needs.h"
#include "kernel/lib/fmt.h"
#include "kernel/plan/collect.h"
#include "kernel/plan/needs.h"
#include "kernel/plan/survey.h"

/* Too large for the firmware's stack. */
struct machine {
    struct hardware hardware;
    struct plan plan;
    struct pci_inventory pci;
    struct hardware_piece ranges[HARDWARE_MAX_RANGES];
    struct memory_list memory;
};

static uint64_t rdmsr(void *context, uint32_t msr)
{
    (void)context;
    return cpu_rdmsr(msr);
}

static struct cpuid_regs read_cpuid(void *context, uint32_t leaf, uint32_t subleaf)
{
    (void)context;
    struct cpu_cpuid_regs r = cpu_cpuid(leaf, subleaf);
    return (struct cpuid_regs){r.eax, r.ebx, r.ecx, r.edx};
}

static bool is_amd(void)
{
    struct cpuid_regs vendor = read_cpuid(NULL, CPUID_VENDOR, 0);
    return cpuid_is_amd(&vendor);
}

static struct svm_caps read_svm(void)
{
    static const struct cpuid_source cpuid = {.read = read_cpuid};
    struct svm_caps caps;

    svm_caps_read(&caps, &cpuid, rdmsr, NULL);
    return caps;
}

static bool check_svm(struct diag *diag)
{
    struct svm_caps caps = read_svm();

    return svm_support_check(&caps, diag);
}

static struct vmx_caps read_vmx(void)
{
    uint32_t ecx = cpu_cpuid(CPUID_FEATURES, 0).ecx;
    struct vmx_caps caps;

    vmx_caps_read(&caps, ecx & CPUID_1_ECX_VMX, ecx & CPUID_1_ECX_X2APIC, rdmsr, NULL);
    return caps;
}

static bool check_vmx(struct diag *diag)
{
    struct vmx_caps caps = read_vmx();

    return vmx_support_check(&caps, diag);
}

/* Firmware setups let people switch this off, and the kernel's page tables need it. */
static bool check_no_execute(struct diag *diag)
{
    if (cpu_cpuid(CPUID_AMD_MAX, 0).eax >= CPUID_AMD_FEATURES &&
        (cpu_cpuid(CPUID_AMD_FEATURES, 0).edx & CPUID_81_EDX_NX))
        return true;
    diag_set(diag, "the processor lacks no-execute pages");
    return diag_hint(diag, "turn on \"Execute Disable\" (NX, XD) in the firmware setup");
}

/* Five-level tables can only be left with paging off, and the kernel's tables have four levels. */
static bool check_paging(struct diag *diag)
{
    if (!(cpu_read_cr4() & CR4_LA57))
        return true;
    diag_set(diag, "the firmware runs with five-level paging (CR4.LA57)");
    return diag_hint(diag, "switch five-level paging (LA57, 57-bit addresses) off in the firmware "
                           "setup");
}

bool machine_check_processor(struct diag *diag)
{
    return (is_amd() ? check_svm(diag) : check_vmx(diag)) && check_no_execute(diag) &&
           check_paging(diag);
}

bool machine_check_firmware(const struct acpi_host *acpi, struct diag *diag)
{
    return !(cpu_cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_X2APIC) ||
           dmar_allows_x2apic(&acpi->dmar, cpu_rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD, diag);
}

void machine_name_processor(char *text, size_t size)
{
    static const struct cpuid_source cpuid = {.read = read_cpuid};
    char brand[CPUID_BRAND_SIZE];

    cpuid_brand(&cpuid, brand);
    fmt_print(text, size, "%s", brand[0] != '\0' ? brand : "a processor without a name");
}

void machine_name_virtualization(char *text, size_t size)
{
    struct svm_caps svm = read_svm();
    struct vmx_caps vmx = read_vmx();

    if (is_amd())
        svm_caps_describe(&svm, text, size);
    else
        vmx_caps_describe(&vmx, text, size);
}

/*
 * What may be read: all but the first page below 4 GiB, which every firmware maps, and above that
 * what the memory map lists.
 */
static const void *map_physical(void *context, uint64_t at, uint64_t size)
{
    const struct memory_list *memory = context;

    if (at >= PAGE_4K && at < GIB(4) && size <= GIB(4) - at)
        return (const void *)at;
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct hardware_piece *range = &memory->ranges[i];
        if (at >= GIB(4) && at >= range->base && at - range->base < range->size &&
            size <= range->size - (at - range->base))
            return (const void *)at;
    }
    return NULL;
}

/* Fills in smt_shift; returns the x2APIC id of the processor that runs this. */
static uint32_t read_topology(struct hardware *hardware)
{
    struct cpu_cpuid_regs level = {0}, features = {0};
    uint32_t last = cpu_cpuid(CPUID_VENDOR, 0).eax;

    if (last >= CPUID_EXTENDED)
        features = cpu_cpuid(CPUID_EXTENDED, 0);
    if (last >= CPUID_TOPOLOGY)
        level = cpu_cpuid(CPUID_TOPOLOGY, 0);
    hardware->smt_shift =
        topology_smt_shift(level.eax, level.ebx, level.ecx, features.edx & CPUID_7_EDX_HYBRID);
    return level.ebx != 0 ? level.edx : cpu_cpuid(CPUID_FEATURES, 0).ebx >> 24;
}

static uint32_t read_phys_bits(void)
{
    bool known = cpu_cpuid(CPUID_AMD_MAX, 0).eax >= CPUID_ADDRESS;
    uint32_t bits = known ? cpu_cpuid(CPUID_ADDRESS, 0).eax & 0xff : 36;

    return bits >= 32 && bits <= 52 ? bits : 36;
}

/*
 * The I/O APIC's version register says it (82093AA data sheet, "IOAPICVER"). The firmware's choice
 * of a register stays as it was.
 */
static uint32_t ioapic_pins(uint32_t address)
{
    volatile uint8_t *registers = (volatile uint8_t *)(uintptr_t)address;
    uint32_t selected = mmio_read32(registers + IOAPIC_SELECT);

    mmio_write32(registers + IOAPIC_SELECT, IOAPIC_VERSION);
    uint32_t version = mmio_read32(registers + IOAPIC_WINDOW);
    mmio_write32(registers + IOAPIC_SELECT, selected);
    return 1 + (uint32_t)field_get(IOAPIC_VERSION_MAX_PIN, version);
}

void machine_find_processors(const struct acpi_host *acpi, struct hardware *hardware)
{
    acpi_fill_hardware(acpi, read_topology(hardware), hardware);
    survey_lines(acpi, ioapic_pins, hardware);
    hardware->phys_bits = read_phys_bits();
    hardware->page_1g = is_amd() ? read_svm().page_1g : (read_vmx().ept_vpid_cap & EPT_CAP_1G) != 0;
}

/* The memory map as it is now, in the planner's terms; what is in `kept` stays taken. */
static struct machine *machine_with(const struct memory_map *map, struct memory_spans kept,
                                    struct diag *diag)
{
    struct machine *machine = pages_scratch(sizeof(*machine), diag);
    if (!machine)
        return NULL;

    machine->memory.ranges = machine->ranges;
    machine->memory.capacity = HARDWARE_MAX_RANGES;
    memory_map_convert(map, &kept, &machine->memory);
    return machine;
}

static struct machine *machine_now(const struct memory_map *map, struct diag *diag)
{
    return machine_with(map, pages_kept(), diag);
}

static void tell_dropped(const struct machine *machine)
{
    if (machine->memory.dropped > 0)
        console_text("bulkhead: the firmware's memory map has too many pieces; %u are not used\n",
                     machine->memory.dropped);
}

bool machine_collect_memory(const struct memory_map *map, const struct acpi_host *acpi,
                            struct hardware *hardware, struct diag *diag)
{
    struct machine *machine = machine_with(map, (struct memory_spans){0}, diag);

    if (!machine)
        return false;
    tell_dropped(machine);
    return hardware_collect_memory(hardware, machine->ranges, machine->memory.count, acpi, diag);
}

bool machine_read_acpi(const struct memory_map *map, struct acpi_host *acpi, struct diag *diag)
{
    struct machine *machine = machine_now(map, diag);
    if (!machine)
        return false;

    struct acpi_reader reader = {.map = map_physical, .context = &machine->memory};
    return acpi_host_parse(&reader, hpa(firmware_rsdp()), acpi, diag);
}

/* What the planner wants to know of PCI. Nobody looks at it when no guest gets anything of it. */
static bool look_at_devices(struct machine *machine, const struct config *config,
                            const struct machine_facts *facts, struct diag *diag)
{
    struct hardware *hardware = &machine->hardware;
    uint8_t last_bus = UINT8_MAX; /* the kernel, which looks at the buses, needs no more */
    uint32_t baud;
    uint16_t port = survey_console_port(&config->machine, facts->acpi, &baud);
    struct survey_console console = handoff_console(facts->screen, port);

    if (!survey_registers(facts->acpi, &console, hardware, diag))
        return false;
    if (config->device_count > 0) {
        if (!pci_look(&facts->acpi->mcfg, BIT(hardware->phys_bits), &machine->pci, diag))
            return false;
        if (!survey_devices(facts->acpi, &machine->pci, hardware))
            console_text(SURVEY_TOO_MANY_TIED "\n", HARDWARE_MAX_TIED);
        if (!survey_sources(facts->acpi, &machine->pci, hardware))
            console_text(SURVEY_TOO_MANY_SPECIALS "\n", HARDWARE_MAX_SPECIALS);
        last_bus = pci_last_bus(&machine->pci);
    }
    struct iommu_demand demand =
        iommu_demand(config_most_functions(config), config_intx_lines(config), last_bus);
    hardware->iommu_bytes = iommu_bytes(facts->acpi, &demand);
    return true;
}

bool machine_check_plan(const struct config *config, const struct machine_facts *facts,
                        struct diag *diag)
{
    struct machine *machine = machine_now(facts->map, diag);
    if (!machine)
        return false;
    tell_dropped(machine);
    machine->hardware = *facts->processors;
    const struct plan_inputs inputs = {.config = config,
                                       .hardware = &machine->hardware,
                                       .needs = &host_needs,
                                       .pci = &machine->pci,
                                       .sizes_open = true};
    return hardware_collect_memory(&machine->hardware, machine->ranges, machine->memory.count,
                                   facts->acpi, diag) &&
           look_at_devices(machine, config, facts, diag) &&
           plan_build(&inputs, &machine->plan, diag);
}

/* SPDX-License-Identifier: MIT */
#include "tests/efi/tables.h"

#define OEM_ID       "BLKHD "
#define OEM_TABLE_ID "EMULATOR"

#define LOCAL_APIC_BASE 0xfee00000u
#define IO_APIC_BASE    0xfec00000u
#define HPET_BASE       0xfed00000u
#define SCI_IRQ         9
#define COM1_PORT       0x3f8
#define COM1_IRQ        4

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));

/* Generic Address Structure */
struct address {
    uint8_t space; /* 0: memory, 1: I/O */
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size; /* 1: byte, 2: word, 3: dword */
    uint64_t address;
} __attribute__((packed));

struct fadt {
    struct header header;
    uint32_t facs;
    uint32_t dsdt;
    uint8_t reserved0;
    uint8_t preferred_profile;
    uint16_t sci_interrupt;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios_request, pstate_control;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
    uint32_t pm2_control, pm_timer, gpe0, gpe1;
    uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
    uint8_t gpe0_length, gpe1_length, gpe1_base, cst_control;
    uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_architecture;
    uint8_t reserved1;
    uint32_t flags;
    struct address reset_register;
    uint8_t reset_value;
    uint16_t arm_boot_architecture;
    uint8_t minor_revision;
    uint64_t x_facs, x_dsdt;
    struct address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
    struct address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
} __attribute__((packed));

#define FADT_WBINVD       (1u << 0)
#define FADT_PROC_C1      (1u << 2)
#define FADT_PWR_BUTTON   (1u << 4) /* no fixed power button */
#define FADT_SLP_BUTTON   (1u << 5)
#define FADT_RESET_REG    (1u << 10)
#define FADT_LEGACY_8042  0x3 /* boot architecture: ISA devices, keyboard controller */
#define FADT_CENTURY_CMOS 0x32
#define FADT_NO_C2        101 /* a latency above 100 us: no C2 */
#define FADT_NO_C3        1001

struct facs {
    char signature[4];
    uint32_t length;
    uint8_t rest[56];
} __attribute__((packed));

struct madt {
    struct header header;
    uint32_t local_apic;
    uint32_t flags; /* bit 0: a pair of 8259s is there as well */
} __attribute__((packed));

struct madt_local_apic {
    uint8_t type, length, processor_uid, apic_id;
    uint32_t flags;
} __attribute__((packed));

struct madt_local_x2apic {
    uint8_t type, length;
    uint16_t reserved;
    uint32_t apic_id, flags, processor_uid;
} __attribute__((packed));

struct madt_io_apic {
    uint8_t type, length, id, reserved;
    uint32_t address, gsi_base;
} __attribute__((packed));

struct madt_override {
    uint8_t type, length, bus, source;
    uint32_t gsi;
    uint16_t flags;
} __attribute__((packed));

struct madt_local_nmi {
    uint8_t type, length, processor_uid;
    uint16_t flags;
    uint8_t lint;
} __attribute__((packed));

enum madt_type {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_OVERRIDE = 2,
    MADT_LOCAL_NMI = 4,
    MADT_LOCAL_X2APIC = 9,
};

#define MADT_CONFORMING        0x0
#define MADT_ACTIVE_HIGH_LEVEL 0xd

struct hpet {
    struct header header;
    uint32_t id;
    struct address base;
    uint8_t number;
    uint16_t minimum_tick;
    uint8_t protection;
} __attribute__((packed));

struct spcr {
    struct header header;
    uint8_t interface; /* 0: 16550 */
    uint8_t reserved0[3];
    struct address base;
    uint8_t interrupt_type; /* bit 0: 8259 line, bit 1: I/O APIC line */
    uint8_t irq;
    uint32_t gsi;
    uint8_t baud; /* 7: 115200 */
    uint8_t parity, stop_bits, flow_control, terminal_type, reserved1;
    uint16_t pci_device, pci_vendor;
    uint8_t pci_bus, pci_slot, pci_function;
    uint32_t pci_flags;
    uint8_t pci_segment;
    uint32_t reserved2;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 36, "ACPI table header");
_Static_assert(sizeof(struct rsdp) == 36, "RSDP");
_Static_assert(offsetof(struct fadt, flags) == 112, "FADT");
_Static_assert(sizeof(struct fadt) == 244, "FADT revision 4");
_Static_assert(sizeof(struct facs) == 64, "FACS");
_Static_assert(sizeof(struct hpet) == 56, "HPET");
_Static_assert(sizeof(struct spcr) == 80, "SPCR");

/* Name (_S5, Package () {Zero, Zero, Zero, Zero}): sleep type 0 is soft-off in a PIIX4. */
static const uint8_t dsdt_aml[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0};

struct builder {
    uint8_t *start;
    uint32_t used;
};

static void copy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}

static uint8_t checksum(const void *table, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)table)[i]);
    return (uint8_t)-sum;
}

static uint32_t address_of(const void *table)
{
    return (uint32_t)(uintptr_t)table;
}

/* Take size bytes for an entry that follows the one before without a gap. */
static void *take(struct builder *builder, size_t size)
{
    void *entry = builder->start + builder->used;
    builder->used += (uint32_t)size;
    return entry;
}

/* Start a table on the next 64-byte boundary, as the FACS needs it. */
static void *open_table(struct builder *builder, size_t size)
{
    builder->used = (builder->used + 63) & ~63u;
    return take(builder, size);
}

/* Fill in the header of the table that reaches from header to the end of what is used. */
static void close_table(struct builder *builder, struct header *header, const char *signature,
                        uint8_t revision)
{
    copy(header->signature, signature, sizeof(header->signature));
    header->length = (uint32_t)(builder->start + builder->used - (uint8_t *)header);
    header->revision = revision;
    copy(header->oem_id, OEM_ID, sizeof(header->oem_id));
    copy(header->oem_table_id, OEM_TABLE_ID, sizeof(header->oem_table_id));
    header->oem_revision = 1;
    copy(header->creator_id, OEM_ID, sizeof(header->creator_id));
    header->creator_revision = 1;
    header->checksum = checksum(header, header->length);
}

static struct address io_port(uint16_t port, uint8_t bytes)
{
    return (struct address){
        .space = 1,
        .bit_width = (uint8_t)(8 * bytes),
        .access_size = bytes == 4 ? 3 : bytes,
        .address = port,
    };
}

static struct header *build_dsdt(struct builder *builder)
{
    struct header *dsdt = open_table(builder, sizeof(*dsdt));
    copy(take(builder, sizeof(dsdt_aml)), dsdt_aml, sizeof(dsdt_aml));
    close_table(builder, dsdt, "DSDT", 2);
    return dsdt;
}

static struct facs *build_facs(struct builder *builder)
{
    struct facs *facs = open_table(builder, sizeof(*facs));
    copy(facs->signature, "FACS", sizeof(facs->signature));
    facs->length = sizeof(*facs);
    facs->rest[24] = 2; /* version */
    return facs;
}

static struct header *build_fadt(struct builder *builder, const struct tables_machine *machine,
                                 const struct facs *facs, const struct header *dsdt)
{
    uint16_t pm = machine->pm_base;
    struct fadt *fadt = open_table(builder, sizeof(*fadt));
    fadt->facs = address_of(facs);
    fadt->dsdt = address_of(dsdt);
    fadt->x_dsdt = fadt->dsdt;
    fadt->preferred_profile = 1; /* desktop */
    fadt->sci_interrupt = SCI_IRQ;
    fadt->pm1a_event = pm;
    fadt->pm1a_control = pm + 4u;
    fadt->pm_timer = pm + 8u;
    fadt->pm1_event_length = 4;
    fadt->pm1_control_length = 2;
    fadt->pm_timer_length = 4;
    fadt->x_pm1a_event = io_port(pm, 4);
    fadt->x_pm1a_control = io_port((uint16_t)(pm + 4), 2);
    fadt->x_pm_timer = io_port((uint16_t)(pm + 8), 4);
    fadt->c2_latency = FADT_NO_C2;
    fadt->c3_latency = FADT_NO_C3;
    fadt->century = FADT_CENTURY_CMOS;
    fadt->boot_architecture = FADT_LEGACY_8042;
    fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_RESET_REG;
    fadt->reset_register = io_port(0xcf9, 1);
    fadt->reset_value = 0x06;
    close_table(builder, &fadt->header, "FACP", 4);
    return &fadt->header;
}

static void add_processor(struct builder *builder, uint32_t uid, const struct tables_cpu *cpu)
{
    if (cpu->apic_id < 255) {
        struct madt_local_apic *entry = take(builder, sizeof(*entry));
        *entry = (struct madt_local_apic){MADT_LOCAL_APIC, sizeof(*entry), (uint8_t)uid,
                                          (uint8_t)cpu->apic_id, cpu->enabled};
    } else {
        struct madt_local_x2apic *entry = take(builder, sizeof(*entry));
        *entry = (struct madt_local_x2apic){MADT_LOCAL_X2APIC, sizeof(*entry), 0,
                                            cpu->apic_id,      cpu->enabled,   uid};
    }
}

static void add_override(struct builder *builder, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    struct madt_override *entry = take(builder, sizeof(*entry));
    *entry = (struct madt_override){MADT_OVERRIDE, sizeof(*entry), 0, irq, gsi, flags};
}

static struct header *build_madt(struct builder *builder, const struct tables_machine *machine)
{
    struct madt *madt = open_table(builder, sizeof(*madt));
    madt->local_apic = LOCAL_APIC_BASE;
    madt->flags = 1;
    for (uint32_t i = 0; i < machine->cpu_count; i++)
        add_processor(builder, i, &machine->cpus[i]);
    struct madt_io_apic *io_apic = take(builder, sizeof(*io_apic));
    *io_apic = (struct madt_io_apic){
        MADT_IO_APIC, sizeof(*io_apic), (uint8_t)machine->io_apic_id, 0, IO_APIC_BASE, 0};
    add_override(builder, 0, 2, MADT_CONFORMING);
    add_override(builder, SCI_IRQ, SCI_IRQ, MADT_ACTIVE_HIGH_LEVEL);
    struct madt_local_nmi *nmi = take(builder, sizeof(*nmi));
    *nmi = (struct madt_local_nmi){MADT_LOCAL_NMI, sizeof(*nmi), 0xff, MADT_CONFORMING, 1};
    close_table(builder, &madt->header, "APIC", 4);
    return &madt->header;
}

static struct header *build_hpet(struct builder *builder, const struct tables_machine *machine)
{
    struct hpet *hpet = open_table(builder, sizeof(*hpet));
    hpet->id = machine->hpet_id;
    hpet->base = (struct address){.bit_width = 64, .address = HPET_BASE};
    hpet->minimum_tick = 100;
    close_table(builder, &hpet->header, "HPET", 1);
    return &hpet->header;
}

static struct header *build_spcr(struct builder *builder)
{
    struct spcr *spcr = open_table(builder, sizeof(*spcr));
    spcr->base = io_port(COM1_PORT, 1);
    spcr->interrupt_type = 3;
    spcr->irq = COM1_IRQ;
    spcr->gsi = COM1_IRQ;
    spcr->baud = 7;
    spcr->stop_bits = 1;
    spcr->terminal_type = 3; /* ANSI */
    spcr->pci_device = 0xffff;
    spcr->pci_vendor = 0xffff;
    close_table(builder, &spcr->header, "SPCR", 2);
    return &spcr->header;
}

bool tables_have_madt(const void *root)
{
    const struct rsdp *rsdp = root;
    if (rsdp == NULL || rsdp->revision < 2 || rsdp->xsdt == 0)
        return false;
    const struct header *xsdt = (const struct header *)(uintptr_t)rsdp->xsdt;
    const uint8_t *entries = (const uint8_t *)(xsdt + 1);
    uint32_t count = (xsdt->length - (uint32_t)sizeof(*xsdt)) / (uint32_t)sizeof(uint64_t);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry;
        copy(&entry, entries + i * sizeof(entry), sizeof(entry));
        const char *signature = (const char *)(uintptr_t)entry;
        if (signature[0] == 'A' && signature[1] == 'P' && signature[2] == 'I' &&
            signature[3] == 'C')
            return true;
    }
    return false;
}

void *tables_build(uint8_t *space, const struct tables_machine *machine)
{
    struct builder builder = {.start = space};
    struct rsdp *rsdp = open_table(&builder, sizeof(*rsdp));
    const struct header *tables[4];
    uint32_t count = 0;

    const struct header *dsdt = build_dsdt(&builder);
    const struct facs *facs = build_facs(&builder);
    tables[count++] = build_fadt(&builder, machine, facs, dsdt);
    tables[count++] = build_madt(&builder, machine);
    tables[count++] = build_spcr(&builder);
    if (machine->hpet_id != 0)
        tables[count++] = build_hpet(&builder, machine);

    struct header *xsdt = open_table(&builder, sizeof(*xsdt));
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = address_of(tables[i]);
        copy(take(&builder, sizeof(entry)), &entry, sizeof(entry));
    }
    close_table(&builder, xsdt, "XSDT", 1);

    copy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
    copy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
    rsdp->revision = 2;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt = address_of(xsdt);
    rsdp->checksum = checksum(rsdp, 20);
    rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
    return rsdp;
}

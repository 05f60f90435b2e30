/* SPDX-License-Identifier: MIT */
#include "drivers/iommu/vtd.h"

#include "drivers/iommu/vtd_regs.h"

/* Root and context entries */
#define ENTRY_P       BIT(0)
#define CONTEXT_AW    BITS(2, 0) /* of the upper half: 39 bits are 1, 48 are 2 */
#define CONTEXT_DID   BITS(23, 8)
#define AW_OF(levels) ((uint64_t)(levels) - 2)

/* Interrupt Remapping Table Entry */
#define IRTE_P     BIT(0)
#define IRTE_TM    BIT(4)
#define IRTE_DLM   BITS(7, 5)
#define IRTE_V     BITS(23, 16)
#define IRTE_DST   BITS(63, 32)
#define IRTE_DST_8 BITS(47, 40) /* in xAPIC mode */
#define IRTE_SID   BITS(15, 0)  /* of the upper half */
#define IRTE_SVT   BITS(19, 18)
#define SVT_SID    1 /* verify the whole id (SQ 0) */
#define SVT_BUS    2 /* verify the bus: SID has the first and the last one */
#define SID_FIRST  BITS(15, 8)

enum { DLM_FIXED = 0, DLM_NMI = 4 };

/* Remappable Format */
#define MSI_HANDLE    BITS(19, 5)
#define MSI_FORMAT    BIT(4)
#define MSI_SHV       BIT(3)
#define MSI_HANDLE_15 BIT(2)
#define RTE_VECTOR    BITS(7, 0)
#define RTE_INDEX_15  BIT(11)
#define RTE_FORMAT    BIT(48)
#define RTE_INDEX     BITS(63, 49)

/* Descriptors */
#define INV_TYPE       BITS(3, 0)
#define INV_G          BITS(5, 4)
#define INV_DID        BITS(31, 16)
#define INV_SID        BITS(47, 32)
#define INV_DRAIN      BITS(7, 6) /* of the TLB: writes and reads */
#define INV_IRTE_INDEX BIT(4)     /* of interrupt entries: those from IIDX on, 2^IM of them */
#define INV_IIDX       BITS(47, 32)
#define WAIT_IF        BIT(4)
#define WAIT_SW        BIT(5)
#define WAIT_FN        BIT(6)
#define WAIT_DATA      BITS(63, 32)

enum { INV_CONTEXT = 1, INV_TLB = 2, INV_IRTE = 4, INV_WAIT = 5 };
enum { G_GLOBAL = 1, G_DOMAIN = 2, G_DEVICE = 3 };

static bool refuse(struct diag *diag, const char *what)
{
    return diag_set(diag, "a VT-d unit lacks %s", what);
}

bool vtd_is_there(uint64_t cap, uint64_t ecap)
{
    return cap != ~UINT64_C(0) && ecap != ~UINT64_C(0);
}

bool vtd_caps_read(uint64_t cap, uint64_t ecap, bool x2apic, struct vtd_caps *caps,
                   struct diag *diag)
{
    uint64_t widths = field_get(VTD_CAP_SAGAW, cap), pages = field_get(VTD_CAP_SSLPS, cap);

    if (!vtd_is_there(cap, ecap))
        return diag_set(diag, "a VT-d unit of the DMAR table is not there");
    *caps = (struct vtd_caps){
        .domain_bits = 4 + 2 * (uint32_t)field_get(VTD_CAP_ND, cap),
        .address_bits = 1 + (uint32_t)field_get(VTD_CAP_MGAW, cap),
        .widths = (uint8_t)widths,
        .page_1g = (pages & VTD_SSLPS_1G) != 0,
        .coherent = (ecap & VTD_ECAP_C) != 0,
        .snoop = (ecap & VTD_ECAP_SC) != 0,
        .x2apic = (ecap & VTD_ECAP_EIM) != 0,
        .write_buffer = (cap & VTD_CAP_RWBF) != 0,
    };
    if (vtd_levels(caps) == 0)
        return refuse(diag, "tables of three or four levels (CAP.SAGAW)");
    if ((pages & VTD_SSLPS_2M) == 0)
        return refuse(diag, "2 MiB pages (CAP.SSLPS)");
    if ((ecap & VTD_ECAP_QI) == 0)
        return refuse(diag, "queued invalidation (ECAP.QI)");
    if ((ecap & VTD_ECAP_IR) == 0)
        return refuse(diag, "interrupt remapping (ECAP.IR)");
    if (x2apic && !caps->x2apic)
        return refuse(diag, "interrupts for processors in x2APIC mode (ECAP.EIM)");
    return true;
}

void vtd_caps_join(struct vtd_caps *all, const struct vtd_caps *caps)
{
    if (caps->domain_bits < all->domain_bits)
        all->domain_bits = caps->domain_bits;
    if (caps->address_bits < all->address_bits)
        all->address_bits = caps->address_bits;
    all->widths &= caps->widths;
    all->page_1g &= caps->page_1g;
    all->coherent &= caps->coherent;
    all->snoop &= caps->snoop;
    all->x2apic &= caps->x2apic;
    all->write_buffer |= caps->write_buffer;
}

uint8_t vtd_levels(const struct vtd_caps *caps)
{
    if ((caps->widths & VTD_SAGAW_4) != 0)
        return 4;
    return (caps->widths & VTD_SAGAW_3) != 0 ? 3 : 0;
}

struct vtd_pair vtd_root_entry(hpa_t context_table)
{
    return (struct vtd_pair){.low = context_table.raw | ENTRY_P};
}

/* Translation type 0: untranslated requests go through the tables, others are blocked. */
struct vtd_pair vtd_context_entry(hpa_t tables, uint8_t levels, uint16_t domain)
{
    return (struct vtd_pair){
        .low = tables.raw | ENTRY_P,
        .high = field_put(CONTEXT_AW, AW_OF(levels)) | field_put(CONTEXT_DID, domain),
    };
}

struct vtd_pair vtd_irte(const struct iommu_irq *irq, uint16_t source_id, uint8_t last_bus,
                         bool x2apic)
{
    uint64_t buses = (source_id & SID_FIRST) | last_bus;

    return (struct vtd_pair){
        .low = IRTE_P | (irq->level ? IRTE_TM : 0) |
               field_put(IRTE_DLM, irq->nmi ? DLM_NMI : DLM_FIXED) |
               field_put(IRTE_V, irq->vector) |
               field_put(x2apic ? IRTE_DST : IRTE_DST_8, irq->apic_id),
        .high = field_put(IRTE_SVT, last_bus != 0 ? SVT_BUS : SVT_SID) |
                field_put(IRTE_SID, last_bus != 0 ? buses : source_id),
    };
}

/* With SHV the data is added to the handle: so a device with several plain MSIs, which puts their
 * number in the data's low bits, reaches all of its entries by one address. */
struct iommu_message vtd_message(uint16_t first_index, uint16_t n)
{
    return (struct iommu_message){
        .address = MSI_BASE | MSI_FORMAT | MSI_SHV | field_put(MSI_HANDLE, first_index) |
                   (first_index & BIT(15) ? MSI_HANDLE_15 : 0),
        .data = n,
    };
}

uint64_t vtd_ioapic_entry(uint16_t index, uint8_t vector)
{
    return RTE_FORMAT | field_put(RTE_INDEX, index) | (index & BIT(15) ? RTE_INDEX_15 : 0) |
           field_put(RTE_VECTOR, vector);
}

static struct vtd_pair descriptor(uint64_t type, uint64_t granularity)
{
    return (struct vtd_pair){.low = field_put(INV_TYPE, type) | field_put(INV_G, granularity)};
}

struct vtd_pair vtd_invalidate_contexts(void)
{
    return descriptor(INV_CONTEXT, G_GLOBAL);
}

struct vtd_pair vtd_invalidate_context(uint16_t domain, uint16_t source_id)
{
    struct vtd_pair pair = descriptor(INV_CONTEXT, G_DEVICE);

    pair.low |= field_put(INV_DID, domain) | field_put(INV_SID, source_id);
    return pair;
}

struct vtd_pair vtd_invalidate_tlb(void)
{
    struct vtd_pair pair = descriptor(INV_TLB, G_GLOBAL);

    pair.low |= INV_DRAIN;
    return pair;
}

struct vtd_pair vtd_invalidate_tlb_domain(uint16_t domain)
{
    struct vtd_pair pair = descriptor(INV_TLB, G_DOMAIN);

    pair.low |= INV_DRAIN | field_put(INV_DID, domain);
    return pair;
}

struct vtd_pair vtd_invalidate_irtes(void)
{
    return descriptor(INV_IRTE, 0);
}

struct vtd_pair vtd_invalidate_irte(uint16_t index)
{
    struct vtd_pair pair = descriptor(INV_IRTE, 0);

    pair.low |= INV_IRTE_INDEX | field_put(INV_IIDX, index);
    return pair;
}

struct vtd_pair vtd_invalidate_wait(hpa_t at, uint32_t data)
{
    struct vtd_pair pair = descriptor(INV_WAIT, 0);

    pair.low |= WAIT_SW | WAIT_FN | field_put(WAIT_DATA, data);
    pair.high = at.raw;
    return pair;
}

struct vtd_pair vtd_invalidate_event(void)
{
    struct vtd_pair pair = descriptor(INV_WAIT, 0);

    pair.low |= WAIT_IF;
    return pair;
}

static enum iommu_fault_kind kind_of(uint8_t reason, bool write)
{
    switch (reason) {
    case VTD_FR_ROOT_NOT_PRESENT:
    case VTD_FR_CONTEXT_NOT_PRESENT:
    case VTD_FR_TRANSLATED:
    case VTD_FR_PASID:
    case VTD_FR_PAGE_REQUEST:
        return IOMMU_FAULT_BLOCKED;
    case VTD_FR_BEYOND_WIDTH:
        return write ? IOMMU_FAULT_WRITE : IOMMU_FAULT_READ;
    case VTD_FR_WRITE:
        return IOMMU_FAULT_WRITE;
    case VTD_FR_READ:
        return IOMMU_FAULT_READ;
    case VTD_FR_IR_RESERVED:
    case VTD_FR_IR_INDEX:
    case VTD_FR_IR_NOT_PRESENT:
    case VTD_FR_IR_COMPATIBILITY:
    case VTD_FR_IR_SOURCE:
        return IOMMU_FAULT_INTERRUPT;
    default: /* a number, not an enum's value: what is not listed tells of our tables */
        return IOMMU_FAULT_TABLE;
    }
}

struct iommu_fault vtd_fault(struct vtd_pair record, uint16_t segment)
{
    uint8_t reason = (uint8_t)field_get(VTD_FRCD_FR, record.high);
    bool write = (record.high & (VTD_FRCD_T1 | VTD_FRCD_T2)) == 0;
    enum iommu_fault_kind kind = kind_of(reason, write);

    return (struct iommu_fault){
        .kind = kind,
        .source = {segment, (uint16_t)field_get(VTD_FRCD_SID, record.high)},
        .address = kind == IOMMU_FAULT_INTERRUPT ? field_get(VTD_FRCD_IDX, record.low)
                                                 : record.low & VTD_FRCD_FI,
        .write = write,
        .reason = reason,
    };
}

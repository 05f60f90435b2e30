/* SPDX-License-Identifier: MIT */
#include "drivers/iommu/amdvi.h"

#include "drivers/iommu/amdvi_regs.h"
#include "kernel/acpi/ivrs.h"

/* Device table entry, by word */
#define DTE_V         BIT(0)
#define DTE_TV        BIT(1)
#define DTE_MODE      BITS(11, 9)
#define DTE_IR        BIT(61)
#define DTE_IW        BIT(62)
#define DTE_DOMAIN    BITS(15, 0)
#define DTE_SYS_MGT   BITS(41, 40)
#define DTE_IV        BIT(0)
#define DTE_TAB_LEN   BITS(4, 1)
#define DTE_NMI_PASS  BIT(58)
#define DTE_INT_CTL   BITS(61, 60)
#define INT_CTL_REMAP 2
#define LEVELS        4

/* Interrupt remapping table entry; GuestMode, IntType and DM are 0: physical, fixed */
#define IRTE_REMAP_EN BIT(0)
#define IRTE_DEST_8   BITS(15, 8)
#define IRTE_VECTOR_8 BITS(23, 16) /* of 32 bits */
#define IRTE_DEST_LOW BITS(31, 8)
#define IRTE_VECTOR   BITS(7, 0) /* in the upper half */
#define IRTE_DEST_HI  BITS(63, 56)

#define INTERRUPTS     UINT64_C(0xfee00000) /* MSIs are writes there */
#define INTERRUPTS_END UINT64_C(0xfef00000)

/* Where the fabric carries them, "Special Address Controls": the upper bits of the address. */
#define FABRIC_ADDRESS    BITS(39, 24)
#define FABRIC_INTERRUPTS 0xfdf8 /* Interrupt/EOI */

/* Commands */
#define COMMAND_CODE   BITS(63, 60)
#define WAIT_STORE     BIT(0)
#define WAIT_INTERRUPT BIT(1)
#define COMMAND_DEVICE BITS(15, 0)
#define COMMAND_DOMAIN BITS(47, 32)
#define PAGES_ALL      (BITS(62, 12) | BIT(0) | BIT(1)) /* any address (S), and tables (PDE) */

enum {
    COMPLETION_WAIT = 1,
    INVALIDATE_DEVTAB_ENTRY = 2,
    INVALIDATE_IOMMU_PAGES = 3,
    INVALIDATE_INTERRUPT_TABLE = 5,
    INVALIDATE_IOMMU_ALL = 8,
};

bool amdvi_is_there(uint64_t features)
{
    return features != ~UINT64_C(0);
}

bool amdvi_caps_read(uint64_t features, bool x2apic, struct amdvi_caps *caps, struct diag *diag)
{
    if (!amdvi_is_there(features))
        return diag_set(diag, "an IOMMU of the IVRS table is not there");
    *caps = (struct amdvi_caps){
        .wide_irtes = (features & AMDVI_FEATURE_GA_SUP) != 0,
        .x2apic = (features & AMDVI_FEATURE_XT_SUP) != 0 && (features & AMDVI_FEATURE_GA_SUP) != 0,
        .all = (features & AMDVI_FEATURE_IA_SUP) != 0,
    };
    if (x2apic && !caps->x2apic) {
        return diag_set(diag,
                        "an AMD IOMMU lacks interrupts for processors in x2APIC mode (XTSup)");
    }
    return true;
}

void amdvi_caps_join(struct amdvi_caps *all, const struct amdvi_caps *caps)
{
    all->wide_irtes &= caps->wide_irtes;
    all->x2apic &= caps->x2apic;
    all->all &= caps->all;
}

uint64_t amdvi_control(uint8_t ivhd_flags)
{
    static const struct {
        uint8_t flag;
        uint64_t control;
    } bits[] = {
        {IVHD_HT_TUN_EN, AMDVI_CONTROL_HT_TUN_EN},
        {IVHD_PASS_PW, AMDVI_CONTROL_PASS_PW},
        {IVHD_RES_PASS_PW, AMDVI_CONTROL_RES_PASS_PW},
        {IVHD_ISOC, AMDVI_CONTROL_ISOC},
    };
    uint64_t control = AMDVI_CONTROL_COHERENT;

    for (size_t i = 0; i < ARRAY_COUNT(bits); i++)
        control |= (ivhd_flags & bits[i].flag) != 0 ? bits[i].control : 0;
    return control;
}

/* Mode 0 with neither IR nor IW: no table, and no right. IntCtl 0: interrupts are aborted. */
struct amdvi_dte amdvi_dte_blocked(void)
{
    return (struct amdvi_dte){{DTE_V | DTE_TV, 0, DTE_IV, 0}};
}

/* Without IV messages are not remapped. */
struct amdvi_dte amdvi_dte_no_memory(void)
{
    return (struct amdvi_dte){{DTE_V | DTE_TV, 0, 0, 0}};
}

uint64_t amdvi_dte_tables(hpa_t tables)
{
    return tables.raw | DTE_V | DTE_TV | field_put(DTE_MODE, LEVELS) | DTE_IR | DTE_IW;
}

uint64_t amdvi_dte_domain(uint16_t domain)
{
    return field_put(DTE_DOMAIN, domain);
}

uint64_t amdvi_dte_messages(uint8_t ivhd_dte)
{
    return field_put(DTE_SYS_MGT, field_get(IVHD_SYS_MGT, ivhd_dte));
}

uint64_t amdvi_dte_irqs(hpa_t table, unsigned order, bool pass_nmi)
{
    return table.raw | DTE_IV | field_put(DTE_TAB_LEN, order) |
           field_put(DTE_INT_CTL, INT_CTL_REMAP) | (pass_nmi ? DTE_NMI_PASS : 0);
}

uint32_t amdvi_irte_32(const struct iommu_irq *irq)
{
    return (uint32_t)(IRTE_REMAP_EN | field_put(IRTE_DEST_8, irq->apic_id) |
                      field_put(IRTE_VECTOR_8, irq->vector));
}

struct amdvi_pair amdvi_irte_128(const struct iommu_irq *irq)
{
    return (struct amdvi_pair){
        .low = IRTE_REMAP_EN | field_put(IRTE_DEST_LOW, irq->apic_id),
        .high = field_put(IRTE_VECTOR, irq->vector) | field_put(IRTE_DEST_HI, irq->apic_id >> 24),
    };
}

struct iommu_message amdvi_message(uint16_t n)
{
    return (struct iommu_message){.address = INTERRUPTS, .data = n};
}

static struct amdvi_pair command(uint64_t code, uint64_t low, uint64_t high)
{
    return (struct amdvi_pair){field_put(COMMAND_CODE, code) | low, high};
}

struct amdvi_pair amdvi_completion_wait(hpa_t at, uint64_t data)
{
    return command(COMPLETION_WAIT, at.raw | WAIT_STORE, data);
}

struct amdvi_pair amdvi_completion_interrupt(void)
{
    return command(COMPLETION_WAIT, WAIT_INTERRUPT, 0);
}

struct amdvi_pair amdvi_invalidate_dte(uint16_t device)
{
    return command(INVALIDATE_DEVTAB_ENTRY, field_put(COMMAND_DEVICE, device), 0);
}

struct amdvi_pair amdvi_invalidate_domain(uint16_t domain)
{
    return command(INVALIDATE_IOMMU_PAGES, field_put(COMMAND_DOMAIN, domain), PAGES_ALL);
}

struct amdvi_pair amdvi_invalidate_irqs(uint16_t device)
{
    return command(INVALIDATE_INTERRUPT_TABLE, field_put(COMMAND_DEVICE, device), 0);
}

struct amdvi_pair amdvi_invalidate_all(void)
{
    return command(INVALIDATE_IOMMU_ALL, 0, 0);
}

/* Some units set I with every page fault: only writes to the interrupts' addresses are ones. */
static bool is_interrupt(const struct amdvi_pair *event)
{
    return (event->low & AMDVI_EVENT_I) != 0 &&
           ((event->high >= INTERRUPTS && event->high < INTERRUPTS_END) ||
            field_get(FABRIC_ADDRESS, event->high) == FABRIC_INTERRUPTS);
}

/* IntCtl 0, which is in a blocked entry, makes a request invalid, and there is no I. */
static bool is_aborted_interrupt(const struct amdvi_pair *event)
{
    uint64_t type = field_get(AMDVI_EVENT_TYPE, event->low);

    return field_get(AMDVI_EVENT_CODE, event->low) == AMDVI_EVENT_INVALID_DEVICE_REQUEST &&
           (event->low & AMDVI_EVENT_TR) == 0 &&
           (type == AMDVI_INVALID_INTERRUPT || type == AMDVI_INVALID_INTERRUPT_RANGE);
}

static enum iommu_fault_kind kind_of(const struct amdvi_pair *event)
{
    switch (field_get(AMDVI_EVENT_CODE, event->low)) {
    case 0:
        return IOMMU_FAULT_LOST;
    case AMDVI_EVENT_ILLEGAL_DEV_TABLE_ENTRY: /* beyond the table's end, as all others are good */
        return IOMMU_FAULT_BLOCKED;
    case AMDVI_EVENT_IO_PAGE_FAULT:
    case AMDVI_EVENT_INVALID_DEVICE_REQUEST:
        if (is_interrupt(event) || is_aborted_interrupt(event))
            return IOMMU_FAULT_INTERRUPT;
        return (event->low & AMDVI_EVENT_RW) != 0 ? IOMMU_FAULT_WRITE : IOMMU_FAULT_READ;
    case AMDVI_EVENT_ILLEGAL_COMMAND_ERROR:
    case AMDVI_EVENT_COMMAND_HARDWARE_ERROR:
    case AMDVI_EVENT_IOTLB_INV_TIMEOUT:
        return IOMMU_FAULT_UNIT;
    default: /* a number, not an enum's value: what is not listed tells of our tables */
        return IOMMU_FAULT_TABLE;
    }
}

struct iommu_fault amdvi_fault(struct amdvi_pair event, uint16_t segment)
{
    return (struct iommu_fault){
        .kind = kind_of(&event),
        .source = {segment, (uint16_t)field_get(AMDVI_EVENT_DEVICE, event.low)},
        .address = event.high,
        .write = (event.low & AMDVI_EVENT_RW) != 0,
        .reason = (uint8_t)field_get(AMDVI_EVENT_CODE, event.low),
    };
}

/* SPDX-License-Identifier: MIT */
/* Between drivers/iommu.c and the two kinds of units. drivers/iommu.h has the contracts. */
#ifndef BULKHEAD_DRIVERS_IOMMU_OPS_H
#define BULKHEAD_DRIVERS_IOMMU_OPS_H

#include "arch/cpu.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/iommu.h"
#include "kernel/mm/pagetable.h"

struct iommu_ops {
    /* Map and read all units' registers, and write none. False: they cannot be used. */
    bool (*probe)(const struct iommu_machine *machine, struct diag *diag);
    /*
     * After a probe() that was false: block all DMA and let interrupts pass, on all units that are
     * there. What iommu_blocking() says, and *diag stays as it is; or IOMMU_BROKEN.
     */
    enum iommu_result (*block)(const struct iommu_machine *machine, struct diag *diag);
    /* Turn all on. False: one does not obey. */
    bool (*start)(const struct iommu_machine *machine, struct diag *diag);
    /* `twin`: another client of the same source, or NULL. Source and count are set. */
    bool (*prepare)(struct iommu_client *client, const struct iommu_client *twin,
                    struct diag *diag);
    bool (*alias)(struct iommu_client *client, struct iommu_client *own, bool buses);
    bool (*domain)(struct iommu_domain *domain, const struct plan_range *ranges, uint32_t count,
                   struct diag *diag);
    /* With client->silent set as it shall be. */
    bool (*attach)(struct iommu_client *client, const struct iommu_domain *domain);
    /* `first`: of all clients. Those of the source have `silent` set. */
    bool (*silence)(struct iommu_source source, const struct iommu_client *first);
    bool (*irq)(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq);
    bool (*irqs_off)(struct iommu_client *client, uint32_t first, uint32_t count);
    struct iommu_message (*message)(const struct iommu_client *client, uint32_t n);
    uint64_t (*line)(struct iommu_client *client, uint32_t n, const struct iommu_irq *irq);
    bool line_has_vector; /* iommu_line_has_vector() */
    uint32_t (*units)(void);
    bool (*poll)(uint32_t unit, struct iommu_fault *fault);
    bool (*alert)(uint32_t apic_id, const volatile uint64_t *nmis);
    bool (*listen)(bool on);
    bool (*snoops)(void); /* iommu_snoops() */
    const char *(*name)(void);
};

extern const struct iommu_ops vtd_ops, amdvi_ops;

/* Is it a client of that source? */
bool iommu_is_of(const struct iommu_client *client, struct iommu_source source);

/* So many of all units block. */
static inline enum iommu_result iommu_blocking(uint32_t blocking, uint32_t all)
{
    if (blocking == 0)
        return IOMMU_UNUSED;
    return blocking < all ? IOMMU_BLOCKING_SOME : IOMMU_BLOCKING;
}

/* How long a unit may take for anything, in microseconds. None is known to take a hundredth. */
#define IOMMU_PATIENCE_US 100000

/* How long an NMI may take. */
#define IOMMU_NMI_US 10000

/* Did the number of a processor's NMIs change, at last? */
static inline bool iommu_nmi_came(const volatile uint64_t *nmis, uint64_t before)
{
    uint64_t end = cpu_rdtsc() + tsc_from_us(IOMMU_NMI_US);
    while (*nmis == before && cpu_rdtsc() < end)
        cpu_pause();
    return *nmis != before;
}

/* A domain's tables: in what form, and then where they lie, one page behind the other. */
struct iommu_tables {
    const struct pagetable_format *format;
    uint32_t flags; /* of all mappings */
    bool page_1g;
    hpa_t root;
    void *first;
    uint64_t size; /* bytes */
};

/* Build them. False: an address is out of the format's reach. */
bool iommu_build(struct iommu_tables *tables, const struct plan_range *ranges, uint32_t count);

#endif

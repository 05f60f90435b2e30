/* SPDX-License-Identifier: MIT */
#include "kernel/vm/sources.h"

#include "kernel/lib/bits.h"

_Static_assert(PCI_MAX_REQUESTERS <= IOMMU_MAX_SOURCES, "iommu_demand()");
_Static_assert(IOMMU_MAX_IRQS % PCI_MSI_MOST == 0, "irqs_before() asks for no more in all");

static uint32_t irq_count(const struct pci_function *function)
{
    uint32_t msix = function->flags & PCI_MSIX_BAD ? 0 : function->caps.msix_vectors;
    uint32_t most = msix > function->caps.msi_vectors ? msix : function->caps.msi_vectors;
    return most < IOMMU_MAX_IRQS ? most : IOMMU_MAX_IRQS;
}

/* Do their messages arrive under one id? */
static bool same_messenger(const struct plan_device *a, const struct plan_device *b)
{
    return plan_same_source(a, b) && plan_messenger(a) == plan_messenger(b);
}

/* How many interrupts come under the device's id from the guest's devices before number `end`, and
 * where its own begin: a device with plain messages puts their number into the lowest bits. */
static uint32_t irqs_before(const struct passthrough_set *set, const struct plan_device *device,
                            uint32_t end)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < end; i++) {
        const struct plan_device *other = set->devices[i].planned;
        if (same_messenger(other, device))
            count += (uint32_t)align_up(irq_count(&other->function), PCI_MSI_MOST);
    }
    return count;
}

/* One of the guest's devices may have that source already: they are behind one bridge. */
static struct iommu_client *client_of(const struct passthrough_set *set, struct iommu_source source)
{
    for (uint32_t i = 0; i < set->count; i++)
        for (uint32_t n = 0; n < PCI_MAX_REQUESTERS; n++) {
            struct iommu_client *client = set->devices[i].clients[n];
            if (client && client->source.segment == source.segment &&
                client->source.id == source.id)
                return client;
        }
    return NULL;
}

bool sources_create(const struct passthrough_set *set, struct passthrough *p, struct diag *diag)
{
    const struct plan_device *planned = p->planned;
    uint32_t all = irqs_before(set, planned, set->count);
    p->first_irq = (uint16_t)irqs_before(set, planned, (uint32_t)(p - set->devices));
    p->irq_count = (uint16_t)irq_count(&planned->function);
    for (uint32_t i = 0; i < planned->requester_count; i++) {
        struct iommu_source source = {.segment =
                                          (uint16_t)pci_segment_of(planned->function.address),
                                      .id = planned->requesters[i]};
        bool sends = source.id == plan_messenger(planned);
        p->clients[i] = client_of(set, source);
        if (!p->clients[i])
            p->clients[i] = iommu_prepare(source, sends ? all : 0, diag);
        if (!p->clients[i])
            return false;
        if (sends)
            p->irqs = p->clients[i];
    }
    bool buses = planned->requester_count == PCI_MAX_REQUESTERS;
    for (uint32_t i = 0; i < planned->requester_count; i++)
        if (p->clients[i] != p->irqs && !iommu_alias(p->irqs, p->clients[i], buses, diag))
            return false;
    return true;
}

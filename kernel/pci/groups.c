/* SPDX-License-Identifier: MIT */
/*
 * Isolation groups: functions that could reach each other without the IOMMU seeing it, or that the
 * IOMMU cannot tell apart. README.md has the rules with a picture.
 */
#include "kernel/pci/work.h"

void pci_isolate(const struct pci_access *access, struct pci_inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->count; i++) {
        struct pci_function *function = &inventory->functions[i];
        uint32_t acs = function->caps.acs;
        if (acs == 0)
            continue;
        pci_write16(access, function->address, acs + PCI_ACS_CONTROL, function->kept.acs);
        if (pci_read16(access, function->address, acs + PCI_ACS_CONTROL) == function->kept.acs)
            function->flags |= PCI_ISOLATES;
    }
}

/* Does the function keep to itself what it could send to another function of its device? */
static bool keeps_apart(const struct pci_function *function)
{
    return (function->flags & (PCI_ISOLATES | PCI_MULTI)) != PCI_MULTI;
}

/* Is what is below this bridge kept from the bridge itself and from each other? */
static bool bridge_isolates(const struct pci_function *bridge)
{
    switch ((enum pci_port)bridge->port) {
    case PCI_PORT_ROOT:
    case PCI_PORT_DOWNSTREAM:
        return (bridge->flags & PCI_ISOLATES) != 0;
    case PCI_PORT_UPSTREAM:
        return keeps_apart(bridge);
    case PCI_PORT_ENDPOINT:
    case PCI_PORT_LEGACY_ENDPOINT:
    case PCI_PORT_INTEGRATED:
    case PCI_PORT_EVENTS:
    case PCI_PORT_TO_PCI:
    case PCI_PORT_FROM_PCI:
    case PCI_PORT_CONVENTIONAL:
        return false;
    }
    return false;
}

/* Are both functions of one device, virtual ones aside? */
static bool same_device(const struct pci_inventory *inventory, const struct pci_function *a,
                        const struct pci_function *b)
{
    if ((a->flags | b->flags) & PCI_VIRTUAL || !(a->flags & b->flags & PCI_MULTI) ||
        !pci_same_bus(a->address, b->address))
        return false;
    return pci_device_of(a->address) == pci_device_of(b->address) ||
           (a->parent != PCI_NONE && inventory->functions[a->parent].flags & PCI_ARI_FORWARD);
}

/*
 * A device of several functions, of which one does not keep apart: it could reach the others, and
 * what is below them. Its first function is where they meet.
 */
static void open_device(struct pci_inventory *inventory, uint16_t first)
{
    struct pci_function *functions = inventory->functions;
    bool open = false;

    for (uint32_t i = first; i < inventory->count; i++)
        if (same_device(inventory, &functions[first], &functions[i]))
            open = open || !keeps_apart(&functions[i]);
    for (uint32_t i = first; open && i < inventory->count; i++)
        if (same_device(inventory, &functions[first], &functions[i])) {
            functions[i].group = first;
            functions[i].flags |= PCI_OPEN;
        }
}

/* Each function a group of its own, but those of one device without ACS. */
static void start_groups(struct pci_inventory *inventory)
{
    struct pci_function *functions = inventory->functions;

    for (uint32_t i = 0; i < inventory->count; i++) {
        functions[i].group = (uint16_t)i;
        functions[i].flags &= (uint16_t)~PCI_OPEN;
    }
    for (uint32_t i = 0; i < inventory->count; i++) {
        if (functions[i].flags & PCI_MULTI && functions[i].group == i)
            open_device(inventory, (uint16_t)i);
        if (pci_is_bridge(&functions[i]) && !bridge_isolates(&functions[i]))
            functions[i].flags |= PCI_OPEN;
    }
}

/*
 * What comes in at a port of a switch without ACS can leave by any other port of it. So can what a
 * function sends that is part of the switch.
 */
static void open_switches(struct pci_inventory *inventory)
{
    struct pci_function *functions = inventory->functions;

    for (uint32_t i = 0; i < inventory->count; i++) {
        uint16_t parent = functions[i].parent;
        bool walled = functions[i].port == PCI_PORT_DOWNSTREAM && !(functions[i].flags & PCI_OPEN);
        if (parent != PCI_NONE && functions[parent].port == PCI_PORT_UPSTREAM && !walled)
            functions[parent].flags |= PCI_OPEN;
    }
}

/* All members of one group become members of another one. */
static void join(struct pci_inventory *inventory, uint16_t from, uint16_t to)
{
    uint16_t low = from < to ? from : to;

    for (uint32_t i = 0; from != to && i < inventory->count; i++)
        if (inventory->functions[i].group == from || inventory->functions[i].group == to)
            inventory->functions[i].group = low;
}

/* A bridge from a conventional bus sends under ids of its own. */
static uint16_t alias_of(const struct pci_inventory *inventory, const struct pci_function *function)
{
    uint16_t alias = pci_requester_of(function->address);

    for (uint16_t at = function->parent; at != PCI_NONE; at = inventory->functions[at].parent) {
        const struct pci_function *bridge = &inventory->functions[at];
        if (bridge->port == PCI_PORT_TO_PCI)
            alias = (uint16_t)(bridge->secondary << 8);
        else if (bridge->port != PCI_PORT_ROOT && bridge->port != PCI_PORT_UPSTREAM &&
                 bridge->port != PCI_PORT_DOWNSTREAM)
            alias = pci_requester_of(bridge->address);
    }
    return alias;
}

uint32_t pci_requesters(const struct pci_inventory *inventory, uint16_t index,
                        uint16_t ids[PCI_MAX_REQUESTERS])
{
    const struct pci_function *function = &inventory->functions[index];
    uint32_t count = 0;

    ids[count++] = pci_requester_of(function->address);
    if (function->alias != ids[0]) /* else it has the bus' number, or there is no such bridge */
        ids[count++] = function->alias;
    for (uint16_t at = function->parent; at != PCI_NONE; at = inventory->functions[at].parent) {
        const struct pci_function *bridge = &inventory->functions[at];
        /* "PCI Express to PCI/PCI-X Bridge Specification": messages of its own come so. */
        if (bridge->port == PCI_PORT_TO_PCI && bridge->secondary << 8 == function->alias) {
            ids[count++] = pci_requester_of(bridge->address);
            return count;
        }
    }
    return count;
}

void pci_group(struct pci_inventory *inventory)
{
    struct pci_function *functions = inventory->functions;

    start_groups(inventory);
    open_switches(inventory);
    /* From above down: what is below an open bridge is as open as the bridge. */
    for (uint32_t i = 0; i < inventory->count; i++) {
        struct pci_function *function = &functions[i];
        uint16_t parent = function->parent;
        function->alias = alias_of(inventory, function);
        if (parent != PCI_NONE && functions[parent].flags & PCI_OPEN) {
            function->flags |= PCI_OPEN;
            join(inventory, function->group, functions[parent].group);
        }
        /* Virtual functions are one more each of a device that does not keep its own apart. */
        if (function->physical != PCI_NONE && functions[function->physical].flags & PCI_OPEN)
            join(inventory, function->group, functions[function->physical].group);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Virtual functions ("Single Root I/O Virtualization and Sharing"). They do not answer with a
 * vendor id; the physical function's capability says where they are and what.
 */
#include "kernel/pci/work.h"

/* What the capability says of all of them. */
struct virtual_functions {
    uint32_t count;
    uint32_t first;  /* added to the physical function's requester id */
    uint32_t stride; /* added for each further one */
    uint16_t device;
};

static struct virtual_functions read_capability(const struct pci_access *access,
                                                const struct pci_function *physical)
{
    uint32_t sriov = physical->caps.sriov;
    pci_address_t at = physical->address;

    if (sriov == 0 || !(pci_read16(access, at, sriov + PCI_SRIOV_CONTROL) & PCI_SRIOV_ENABLE))
        return (struct virtual_functions){0};
    return (struct virtual_functions){
        .count = pci_read16(access, at, sriov + PCI_SRIOV_NUM_VFS),
        .first = pci_read16(access, at, sriov + PCI_SRIOV_OFFSET),
        .stride = pci_read16(access, at, sriov + PCI_SRIOV_STRIDE),
        .device = pci_read16(access, at, sriov + PCI_SRIOV_DEVICE_ID),
    };
}

/* False: that cannot be, or there is no room. */
static bool add(const struct pci_access *access, struct pci_inventory *inventory, uint16_t index,
                uint32_t requester, const struct virtual_functions *all)
{
    const struct pci_function *physical = &inventory->functions[index];
    uint32_t segment = pci_segment_of(physical->address);
    pci_address_t at = {physical->address.raw + (requester - pci_requester_of(physical->address))};

    if (requester > UINT16_MAX || !pci_segment_find(access, segment, pci_bus_of(at)) ||
        pci_find(inventory, at) != PCI_NONE || pci_read32(access, at, PCI_COMMAND) == UINT32_MAX) {
        pci_warn(inventory, physical->address, PCI_FAULT_VFS);
        return false;
    }
    struct pci_function *function = pci_new_function(inventory, at);
    if (!function)
        return false;
    function->vendor = physical->vendor;
    function->device = all->device;
    function->kept = (struct pci_kept){
        .who = physical->address, .id = physical->kept.id, .sriov = physical->caps.sriov};
    function->class_code = physical->class_code;
    function->revision = physical->revision;
    function->subvendor = physical->subvendor;
    function->subdevice = pci_read16(access, at, PCI_SUBVENDOR_ID + 2);
    function->parent = physical->parent;
    function->physical = index;
    function->flags = PCI_VIRTUAL;
    if (pci_read16(access, at, PCI_COMMAND) & PCI_COMMAND_MASTER)
        function->flags |= PCI_WAS_MASTER;
    pci_read_caps(access, inventory, function);
    return true;
}

void pci_add_virtual(const struct pci_access *access, struct pci_inventory *inventory)
{
    uint16_t index = (uint16_t)(inventory->count - 1);
    struct virtual_functions all = read_capability(access, &inventory->functions[index]);
    uint32_t requester = pci_requester_of(inventory->functions[index].address) + all.first;

    for (uint32_t i = 0; i < all.count; i++, requester += all.stride) {
        if (!add(access, inventory, index, requester, &all)) {
            if (inventory->count == PCI_MAX_FUNCTIONS)
                inventory->lost += all.count - i - 1;
            return;
        }
        inventory->functions[inventory->count - 1].number = (uint16_t)i;
    }
}

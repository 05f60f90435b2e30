/* SPDX-License-Identifier: MIT */
/* Isolation groups: two guests never have members of one, and who stays behind can be shut up. */
#include "kernel/pci/describe.h"
#include "kernel/plan/work.h"

static bool refuse_at(const struct plan_work *work, uint32_t line)
{
    const struct slice *place = &work->config->devices[line].at;

    return diag_at(work->diag, place->line, place->column);
}

/* Why two functions are of one group, in words that lead to a remedy. */
static void hint_group(const struct plan_work *work, const struct pci_function *a,
                       const struct pci_function *b)
{
    const struct pci_function *functions = work->pci->functions;
    char name[PCI_TEXT];
    uint16_t at = a->parent;

    if ((a->address.raw | PCI_ADDRESS_FUNCTION) == (b->address.raw | PCI_ADDRESS_FUNCTION)) {
        diag_hint(work->diag, "they are functions of one device without access control services "
                              "(ACS): give both to one guest");
        return;
    }
    while (at != PCI_NONE && !(functions[at].flags & PCI_OPEN))
        at = functions[at].parent;
    if (at == PCI_NONE) {
        diag_hint(work->diag, "give both to one guest");
        return;
    }
    pci_address_text(functions[at].address, name);
    diag_hint(work->diag,
              "bridge %s above them has no access control services (ACS): give both to "
              "one guest, or use another slot",
              name);
}

/* Another guest has a member of the group. */
static bool refuse_split(const struct plan_work *work, const struct plan_device *device,
                         const struct plan_device *other)
{
    const struct pci_inventory *pci = work->pci;
    char mine[PCI_TEXT], its[PCI_TEXT];

    pci_address_text(device->function.address, mine);
    pci_address_text(other->function.address, its);
    diag_set(work->diag,
             "guest %.*s wants %s, but nothing keeps it apart from %s of guest %.*s (isolation "
             "group %u)",
             GUEST_NAME(&work->config->guests[device->guest]), mine, its,
             GUEST_NAME(&work->config->guests[other->guest]), device->function.group);
    hint_group(work, &pci->functions[device->index], &pci->functions[other->index]);
    return refuse_at(work, device->line);
}

/*
 * A member of the group that stays with the hypervisor is silent and deaf, so that it neither
 * attacks nor can be reached. That is not possible for what the hypervisor uses, and for a bridge,
 * which is a danger when it has registers.
 */
static bool can_be_shut_up(const struct plan_work *work, const struct pci_function *function)
{
    if (devices_used_by_host(work->hardware, function))
        return false;
    for (uint32_t i = 0; i < PCI_BARS && pci_is_any_bridge(function); i++)
        if (pci_bar_is_memory(&function->bars[i]) && function->bars[i].base != 0)
            return false;
    return true;
}

static bool check_rest_of_group(const struct plan_work *work, const struct plan_device *device)
{
    const struct pci_inventory *pci = work->pci;
    char mine[PCI_TEXT], its[PCI_TEXT];

    for (uint32_t i = 0; i < pci->count; i++) {
        const struct pci_function *other = &pci->functions[i];
        if (i == device->index || other->group != device->function.group ||
            can_be_shut_up(work, other))
            continue;
        pci_address_text(device->function.address, mine);
        pci_address_text(other->address, its);
        diag_set(work->diag,
                 "guest %.*s wants %s, but nothing keeps it apart from %s, %s (isolation group "
                 "%u)",
                 GUEST_NAME(&work->config->guests[device->guest]), mine, its,
                 pci_is_any_bridge(other) ? "a bridge with registers of its own"
                                          : "which the hypervisor uses",
                 device->function.group);
        diag_hint(work->diag, "use another slot, or another device");
        return refuse_at(work, device->line);
    }
    return true;
}

bool groups_check(const struct plan_work *work)
{
    const struct plan *plan = work->plan;

    for (uint32_t i = 0; i < plan->device_count; i++) {
        const struct plan_device *device = &plan->devices[i];
        for (uint32_t j = 0; j < i; j++) {
            const struct plan_device *other = &plan->devices[j];
            if (other->function.group == device->function.group && other->guest != device->guest)
                return refuse_split(work, device, other);
        }
        if (!check_rest_of_group(work, device))
            return false;
    }
    return true;
}

uint16_t plan_messenger(const struct plan_device *device)
{
    return device->function.alias;
}

bool plan_same_source(const struct plan_device *a, const struct plan_device *b)
{
    if (pci_segment_of(a->function.address) != pci_segment_of(b->function.address))
        return false;
    for (uint32_t i = 0; i < a->requester_count; i++) {
        for (uint32_t j = 0; j < b->requester_count; j++)
            if (a->requesters[i] == b->requesters[j])
                return true;
    }
    return false;
}

bool plan_must_be_deaf(const struct plan *plan, const struct pci_function *function)
{
    bool shared = false;

    if (pci_is_any_bridge(function))
        return false; /* groups_check() has seen that it has no registers */
    for (uint32_t i = 0; i < plan->device_count; i++) {
        if (plan->devices[i].function.address.raw == function->address.raw)
            return false;
        shared = shared || plan->devices[i].function.group == function->group;
    }
    return shared;
}

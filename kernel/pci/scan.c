/* SPDX-License-Identifier: MIT */
/*
 * Which functions there are. Firmware has numbered the buses, so they are read one after another,
 * each device of each bus: a bus that nobody leads to costs 32 reads, and the root buses that no
 * table names are found as well. Bridges say who is above whom; as a bridge counts only when the
 * buses below it have higher numbers than its own, there are no loops.
 */
#include "kernel/lib/mem.h"
#include "kernel/pci/work.h"

void pci_warn(struct pci_inventory *inventory, pci_address_t at, enum pci_fault fault)
{
    if (inventory->warning_count < PCI_MAX_WARNINGS)
        inventory->warnings[inventory->warning_count] =
            (struct pci_warning){.at = at, .fault = (uint8_t)fault};
    inventory->warning_count++;
}

struct pci_function *pci_new_function(struct pci_inventory *inventory, pci_address_t at)
{
    if (inventory->count == PCI_MAX_FUNCTIONS) {
        if (inventory->lost++ == 0)
            pci_warn(inventory, at, PCI_FAULT_FULL);
        return NULL;
    }
    struct pci_function *function = &inventory->functions[inventory->count++];
    memset(function, 0, sizeof(*function));
    function->address = at;
    function->port = PCI_PORT_CONVENTIONAL;
    function->parent = PCI_NONE;
    function->physical = PCI_NONE;
    function->alias = pci_requester_of(at);
    return function;
}

uint16_t pci_find(const struct pci_inventory *inventory, pci_address_t at)
{
    for (uint32_t i = 0; i < inventory->count; i++)
        if (inventory->functions[i].address.raw == at.raw)
            return (uint16_t)i;
    return PCI_NONE;
}

uint16_t pci_bridge_to(const struct pci_inventory *inventory, pci_address_t bus)
{
    for (uint32_t i = 0; i < inventory->count; i++) {
        const struct pci_function *bridge = &inventory->functions[i];
        if (pci_is_bridge(bridge) && !(bridge->flags & PCI_BRIDGE_BAD) &&
            pci_segment_of(bridge->address) == pci_segment_of(bus) &&
            bridge->secondary == pci_bus_of(bus))
            return (uint16_t)i;
    }
    return PCI_NONE;
}

/* Does it claim the bus? All buses up to its last one where nobody else leads to (`root`). */
static bool claims(const struct pci_function *bridge, pci_address_t bus, bool root)
{
    uint32_t number = pci_bus_of(bus);

    if (!pci_is_bridge(bridge) || !(bridge->flags & PCI_BRIDGE_BAD) || bridge->secondary == 0 ||
        pci_segment_of(bridge->address) != pci_segment_of(bus))
        return false;
    return number == bridge->secondary ||
           (root && number > bridge->secondary && number <= bridge->subordinate);
}

uint16_t pci_doubtful_bridge(const struct pci_inventory *inventory, uint16_t index)
{
    for (uint16_t at = index; at != PCI_NONE; at = inventory->functions[at].parent) {
        const struct pci_function *function = &inventory->functions[at];
        for (uint32_t i = 0; i < inventory->count; i++)
            if (claims(&inventory->functions[i], function->address, function->parent == PCI_NONE))
                return (uint16_t)i;
    }
    return PCI_NONE;
}

const struct pci_segment *pci_segment_find(const struct pci_access *access, uint32_t segment,
                                           uint32_t bus)
{
    for (uint32_t i = 0; i < access->segment_count && i < PCI_MAX_SEGMENTS; i++) {
        const struct pci_segment *entry = &access->segments[i];
        if (entry->number == segment && bus >= entry->first_bus && bus <= entry->last_bus)
            return entry;
    }
    return NULL;
}

uint8_t pci_last_bus(const struct pci_inventory *inventory)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < inventory->count; i++) {
        const struct pci_function *function = &inventory->functions[i];
        uint32_t bus = pci_is_bridge(function) ? function->subordinate : 0;
        bus = bus > pci_bus_of(function->address) ? bus : pci_bus_of(function->address);
        if (pci_segment_of(function->address) == 0 && bus > last)
            last = bus;
    }
    return (uint8_t)last;
}

bool pci_window_fits(uint64_t base, uint8_t last_bus, uint64_t end)
{
    uint64_t size = MIB(last_bus) + MIB(1);

    return base != 0 && base < end && size <= end - base;
}

uint32_t pci_use_windows(struct pci_access *access, const struct pci_segment *windows,
                         uint32_t count, uint64_t end)
{
    uint32_t left_out = 0;

    end = end < access->address_end ? end : access->address_end;
    for (uint32_t i = 0; i < count; i++)
        if (pci_window_fits(windows[i].ecam.raw, windows[i].last_bus, end) &&
            access->segment_count < PCI_MAX_SEGMENTS - 1)
            access->segments[access->segment_count++] = windows[i];
        else
            left_out++;
    /* The last entry: it counts for the buses that no window has. */
    access->segments[access->segment_count++] =
        (struct pci_segment){.number = 0, .first_bus = 0, .last_bus = PCI_BUSES - 1};
    return left_out;
}

/* What a bridge says of the buses below it. Until firmware numbers them, that is 0. */
static void read_buses(const struct pci_access *access, struct pci_inventory *inventory,
                       struct pci_function *bridge)
{
    uint32_t numbers = pci_read32(access, bridge->address, PCI_BUS_NUMBERS);

    bridge->secondary = (uint8_t)field_get(PCI_BUS_SECONDARY, numbers);
    bridge->subordinate = (uint8_t)field_get(PCI_BUS_SUBORDINATE, numbers);
    bridge->flags |= PCI_BRIDGE_BAD; /* so that it is not found itself */
    if (bridge->secondary == 0)
        return;
    if (bridge->secondary <= pci_bus_of(bridge->address) || bridge->subordinate < bridge->secondary)
        pci_warn(inventory, bridge->address, PCI_FAULT_BUSES);
    else if (pci_bridge_to(inventory, pci_address(pci_segment_of(bridge->address),
                                                  bridge->secondary, 0, 0)) != PCI_NONE)
        pci_warn(inventory, bridge->address, PCI_FAULT_BUS_TWICE);
    else
        bridge->flags &= (uint16_t)~PCI_BRIDGE_BAD;
}

static void read_header(const struct pci_access *access, struct pci_inventory *inventory,
                        struct pci_function *function)
{
    pci_address_t at = function->address;
    uint32_t class_code = pci_read32(access, at, PCI_REVISION);

    function->device = pci_read16(access, at, PCI_DEVICE_ID);
    function->class_code = class_code >> 8;
    function->revision = (uint8_t)class_code;
    function->header = pci_read8(access, at, PCI_HEADER) & PCI_HEADER_TYPE;
    function->pin = pci_read8(access, at, PCI_PIN);
    function->pin = function->pin > 4 ? 0 : function->pin;
    if (pci_read16(access, at, PCI_COMMAND) & PCI_COMMAND_MASTER)
        function->flags |= PCI_WAS_MASTER;
    if (function->header == PCI_HEADER_DEVICE) {
        function->subvendor = pci_read16(access, at, PCI_SUBVENDOR_ID);
        function->subdevice = pci_read16(access, at, PCI_SUBVENDOR_ID + 2);
    } else if (pci_is_bridge(function)) {
        read_buses(access, inventory, function);
        pci_read_windows(access, function);
    } else {
        pci_warn(inventory, at, PCI_FAULT_HEADER);
    }
}

/* The function at that address, if there is one; NULL if not. */
static struct pci_function *read_function(const struct pci_access *access,
                                          struct pci_inventory *inventory, pci_address_t at,
                                          uint16_t parent)
{
    uint32_t id = pci_read32(access, at, PCI_VENDOR_ID);

    if ((id & 0xffff) == PCI_VENDOR_NONE || pci_find(inventory, at) != PCI_NONE)
        return NULL;
    if (id == PCI_ID_NOT_READY) {
        pci_warn(inventory, at, PCI_FAULT_NOT_READY);
        return NULL;
    }
    struct pci_function *function = pci_new_function(inventory, at);
    if (!function)
        return NULL;
    function->vendor = (uint16_t)id;
    function->kept.who = at;
    function->kept.id = id;
    function->parent = parent;
    read_header(access, inventory, function);
    pci_read_caps(access, inventory, function);
    if (pci_read32(access, at, PCI_VENDOR_ID) != id) {
        pci_warn(inventory, at, PCI_FAULT_VANISHED);
        inventory->count--;
        return NULL;
    }
    return function;
}

/*
 * The other functions of a device with ARI, each of which names the next: "Alternative Routing-ID
 * Interpretation (ARI)". The numbers have to grow.
 */
static void scan_ari(const struct pci_access *access, struct pci_inventory *inventory,
                     struct pci_function *first)
{
    pci_address_t bus = {first->address.raw & ~(uint32_t)0xff};
    uint16_t parent = first->parent;
    uint32_t caps = first->caps.ari;
    uint32_t number = 0;

    for (pci_address_t at = bus; caps != 0;) {
        uint32_t next =
            (uint32_t)field_get(PCI_ARI_NEXT_FUNCTION, pci_read16(access, at, caps + PCI_ARI_CAPS));
        if (next == 0)
            return;
        first->flags |= PCI_MULTI; /* whatever its header says, and whether or not they answer */
        at.raw = bus.raw + next;
        struct pci_function *function =
            next > number ? read_function(access, inventory, at, parent) : NULL;
        if (!function) {
            pci_warn(inventory, at, PCI_FAULT_ARI);
            return;
        }
        function->flags |= PCI_MULTI;
        number = next;
        caps = function->caps.ari;
        pci_add_virtual(access, inventory);
    }
}

static void scan_device(const struct pci_access *access, struct pci_inventory *inventory,
                        pci_address_t at, uint16_t parent)
{
    struct pci_function *first = read_function(access, inventory, at, parent);

    if (!first)
        return;
    bool multi = (pci_read8(access, at, PCI_HEADER) & PCI_HEADER_MULTI) != 0;
    bool ari = first->caps.ari != 0 && parent != PCI_NONE &&
               (inventory->functions[parent].flags & PCI_ARI_FORWARD) != 0;
    if (multi)
        first->flags |= PCI_MULTI;
    pci_add_virtual(access, inventory);
    if (ari) {
        scan_ari(access, inventory, first);
        return;
    }
    for (uint32_t i = 1; multi && i < PCI_SLOT_FUNCTIONS; i++) {
        pci_address_t other = {at.raw + i};
        struct pci_function *function = read_function(access, inventory, other, parent);
        if (!function)
            continue;
        function->flags |= PCI_MULTI;
        pci_add_virtual(access, inventory);
    }
}

/* Below a port there is one device; some answer to all numbers all the same. */
static uint32_t devices_below(const struct pci_inventory *inventory, uint16_t parent)
{
    if (parent == PCI_NONE)
        return PCI_DEVICES;
    uint8_t port = inventory->functions[parent].port;
    return port == PCI_PORT_ROOT || port == PCI_PORT_DOWNSTREAM ? 1 : PCI_DEVICES;
}

static void scan_bus(const struct pci_access *access, struct pci_inventory *inventory,
                     pci_address_t bus)
{
    uint16_t parent = pci_bridge_to(inventory, bus);
    uint32_t devices = devices_below(inventory, parent);

    for (uint32_t device = 0; device < devices; device++) {
        pci_address_t at = pci_address(pci_segment_of(bus), pci_bus_of(bus), device, 0);
        scan_device(access, inventory, at, parent);
    }
}

/* Does an entry before that one belong to the same segment? */
static bool seen_before(const struct pci_access *access, uint32_t entry)
{
    for (uint32_t i = 0; i < entry; i++)
        if (access->segments[i].number == access->segments[entry].number)
            return true;
    return false;
}

void pci_scan(const struct pci_access *access, struct pci_inventory *inventory)
{
    inventory->count = 0;
    inventory->lost = 0;
    inventory->warning_count = 0;
    for (uint32_t i = 0; i < access->segment_count && i < PCI_MAX_SEGMENTS; i++) {
        uint32_t number = access->segments[i].number;
        if (seen_before(access, i))
            continue;
        /* Bus by bus, whatever the order of the entries: bridges come before what is below. */
        for (uint32_t bus = 0; bus < PCI_BUSES; bus++)
            if (pci_segment_find(access, number, bus))
                scan_bus(access, inventory, pci_address(number, bus, 0, 0));
    }
}

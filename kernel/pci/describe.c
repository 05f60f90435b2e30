/* SPDX-License-Identifier: MIT */
#include "kernel/pci/describe.h"

#include "kernel/lib/fmt.h"
#include "kernel/pci/class.h"

static const char *const resets[] = {
    [PCI_RESET_NONE] = "no reset", [PCI_RESET_FLR] = "FLR",        [PCI_RESET_AF_FLR] = "AF FLR",
    [PCI_RESET_BUS] = "bus reset", [PCI_RESET_PM] = "power reset",
};

static const char *const faults[] = {
    [PCI_FAULT_HEADER] = "unknown header type: it is not used",
    [PCI_FAULT_NOT_READY] = "not ready yet: it is not used",
    [PCI_FAULT_VANISHED] = "vanished while it was read",
    [PCI_FAULT_BUSES] = "a bridge with impossible bus numbers",
    [PCI_FAULT_BUS_TWICE] = "a second bridge to one bus",
    [PCI_FAULT_CAPS] = "its list of capabilities is broken",
    [PCI_FAULT_EXT_CAPS] = "its list of extended capabilities is broken",
    [PCI_FAULT_ARI] = "its list of functions (ARI) is broken",
    [PCI_FAULT_VFS] = "virtual functions at impossible addresses",
    [PCI_FAULT_BAR] = "a BAR that makes no sense",
    [PCI_FAULT_MSIX] = "its MSI-X table lies outside of its BARs",
    [PCI_FAULT_FULL] = "too many functions: this and more are not used",
    [PCI_FAULT_REMAPPING] =
        "its chipset cannot remap interrupts (an erratum): no guest gets a device",
    [PCI_FAULT_VTD_ERRORS] = "what VT-d blocks is an error of the machine here, which is masked",
    [PCI_FAULT_VTD_UNMASKED] =
        "what VT-d blocks is an error of the machine: the mask is out of reach",
};

const char *pci_reset_text(enum pci_reset reset)
{
    return resets[reset];
}

const char *pci_fault_text(enum pci_fault fault)
{
    return faults[fault];
}

void pci_address_text(pci_address_t at, char text[PCI_TEXT])
{
    size_t length = 0;

    if (pci_segment_of(at) != 0)
        length = fmt_print(text, PCI_TEXT, "%04x:", pci_segment_of(at));
    fmt_print(text + length, PCI_TEXT - length, "%02x:%02x.%x", pci_bus_of(at), pci_device_of(at),
              pci_function_of(at));
}

static const char *interrupt_text(const struct pci_function *function)
{
    if (function->caps.msix != 0)
        return "MSI-X";
    if (function->caps.msi != 0)
        return "MSI";
    return function->pin != 0 ? "INTx" : "no interrupt";
}

void pci_describe(const struct pci_function *function, char *text, size_t size)
{
    char at[PCI_TEXT];

    pci_address_text(function->address, at);
    fmt_print(text, size, "%s %04x:%04x %s%s, %s, %s, group %u", at, function->vendor,
              function->device, pci_class_find(function->class_code)->words,
              function->flags & PCI_VIRTUAL ? " (VF)" : "", interrupt_text(function),
              pci_reset_text((enum pci_reset)function->reset), function->group);
}

size_t pci_describe_bar(const struct pci_bar *bar, char *text, size_t size)
{
    static const char units[] = "KMGTPE";
    uint32_t bits = bar->bits;
    uint32_t unit = bits / 10;

    if (bar->kind == PCI_BAR_NONE)
        return fmt_print(text, size, "%s", "");
    if (bar->kind == PCI_BAR_BROKEN)
        return fmt_print(text, size, "broken");
    if (bar->kind == PCI_BAR_UNKNOWN)
        return fmt_print(text, size, "of unknown size");
    if (bar->kind == PCI_BAR_IO)
        return fmt_print(text, size, "%u ports at %#lx", 1u << bits, bar->base);
    if (unit == 0)
        return fmt_print(text, size, "%u bytes at %#lx", 1u << bits, bar->base);
    return fmt_print(text, size, "%u%c at %#lx", 1u << bits % 10, units[unit - 1], bar->base);
}

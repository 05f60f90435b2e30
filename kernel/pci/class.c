/* SPDX-License-Identifier: MIT */
#include "kernel/pci/class.h"

#include "kernel/lib/text.h"
#include "kernel/lib/types.h"

#define BASE  0xff0000
#define SUB   0xffff00
#define EXACT 0xffffff

/* The special ones come before the general ones; the last one fits all. */
static const struct pci_class classes[] = {
    {0x010802, EXACT, "nvme", "NVMe disk"},
    {0x010601, EXACT, "ahci", "SATA controller (AHCI)"},
    {0x010600, SUB, "sata", "SATA controller"},
    {0x010100, SUB, "ide", "IDE controller"},
    {0x010000, SUB, "scsi", "SCSI controller"},
    {0x010400, SUB, "raid", "RAID controller"},
    {0x010700, SUB, "sas", "SAS controller"},
    {0x010000, BASE, "storage", "storage controller"},
    {0x020000, SUB, "ethernet", "Ethernet controller"},
    {0x028000, SUB, "wifi", "wireless network controller"},
    {0x020000, BASE, "network", "network controller"},
    {0x030000, SUB, "vga", "VGA controller"},
    {0x030000, BASE, "display", "display controller"},
    {0x040300, SUB, "audio", "audio controller"},
    {0x040000, BASE, NULL, "multimedia controller"},
    {0x050000, BASE, NULL, "memory controller"},
    {0x060000, SUB, NULL, "host bridge"},
    {0x060100, SUB, NULL, "ISA bridge"},
    {0x060400, SUB, NULL, "PCI bridge"},
    {0x060000, BASE, NULL, "bridge"},
    {0x070000, SUB, "serial", "serial port"},
    {0x070000, BASE, NULL, "communication controller"},
    {0x080600, SUB, NULL, "IOMMU"},
    {0x080700, SUB, NULL, "event collector"},
    {0x080000, BASE, NULL, "system device"},
    {0x0c0330, EXACT, "xhci", "USB controller (xHCI)"},
    {0x0c0320, EXACT, "ehci", "USB controller (EHCI)"},
    {0x0c0310, EXACT, "ohci", "USB controller (OHCI)"},
    {0x0c0300, EXACT, "uhci", "USB controller (UHCI)"},
    {0x0c0300, SUB, "usb", "USB controller"},
    {0x0c0500, SUB, NULL, "SMBus controller"},
    {0x0c0000, BASE, NULL, "serial bus controller"},
    {0x0d0000, BASE, NULL, "wireless controller"},
    {0x100000, BASE, "crypto", "encryption controller"},
    {0x120000, BASE, "accelerator", "accelerator"},
    {0x000000, 0, NULL, "device"},
};

const struct pci_class *pci_class_find(uint32_t code)
{
    uint32_t i = 0;

    while ((code & classes[i].mask) != classes[i].code)
        i++;
    return &classes[i];
}

const struct pci_class *pci_class_named(const char *name, uint32_t length)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(classes); i++)
        if (classes[i].name && text_equal(name, length, classes[i].name))
            return &classes[i];
    return NULL;
}

uint32_t pci_class_names(const char *names[PCI_CLASS_NAMES])
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ARRAY_COUNT(classes) && count < PCI_CLASS_NAMES; i++)
        if (classes[i].name)
            names[count++] = classes[i].name;
    return count;
}

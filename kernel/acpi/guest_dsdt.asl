/* SPDX-License-Identifier: MIT */
/*
 * What a guest's ACPI says about devices. The same numbers stand in kernel/acpi/guest.h;
 * tests/system/test_guest_acpi.py compares them. With PCI_EXPRESS it is for a guest with
 * PCI functions.
 */
DefinitionBlock ("", "DSDT", 2, "BLKHD", "GUEST", 0x00000001)
{
    /* SLP_TYP of the sleep control register for "off". Unused: SLP_TYPb. */
    Name (\_S5, Package () { 5, 0 })

    Scope (\_SB)
    {
        /* COM1. An extended interrupt: hardware-reduced ACPI knows no ISA interrupts. */
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
            })
        }

        /* The clock tells the time and nothing else, so it has no interrupt. */
        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
            })
        }

#ifdef PCI_EXPRESS
        /* What MCFG says is believed when it is also reserved. */
        Device (ECAM)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0xFE000000, 0x00100000)
            })
        }
#endif

        /* Bus 0 behind configuration mechanism #1. */
        Device (PCI0)
        {
#ifdef PCI_EXPRESS
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
#else
            Name (_HID, EisaId ("PNP0A03"))
#endif
            Name (_UID, 0)
            Name (_BBN, 0)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0x0000, 0x0000, 0x0000, 0x0000, 0x0001)
                IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000, 0x1000, 0xFFFF, 0x0000, 0xF000)
#ifdef PCI_EXPRESS
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
                    ReadWrite, 0x00000000, 0xC0000000, 0xFDFFFFFF, 0x00000000, 0x3E000000)
#else
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
                    ReadWrite, 0x00000000, 0xC0000000, 0xFEBFFFFF, 0x00000000, 0x3EC00000)
#endif
                /* Above the RAM: guest.c fills in where that is. */
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable,
                    ReadWrite, 0x0000000000000000, 0x0000010000000000, 0x000001FFFFFFFFFF,
                    0x0000000000000000, 0x0000010000000000)
            })
        }
    }
}

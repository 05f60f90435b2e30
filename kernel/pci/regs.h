/* SPDX-License-Identifier: MIT */
/*
 * Configuration space: names of the "PCI Local Bus Specification" and the "PCI Express Base
 * Specification" (chapter "Software Initialization and Configuration").
 */
#ifndef BULKHEAD_KERNEL_PCI_REGS_H
#define BULKHEAD_KERNEL_PCI_REGS_H

#include "kernel/lib/bits.h"

#define PCI_CONFIG_SIZE   0x100  /* reached by configuration mechanism #1 */
#define PCI_EXTENDED_SIZE 0x1000 /* reached by ECAM */

/* ---- every header ---- */
#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND   0x04
#define PCI_STATUS    0x06
#define PCI_REVISION  0x08 /* then the class code, 3 bytes */
#define PCI_HEADER    0x0e
#define PCI_BAR0      0x10
#define PCI_PIN       0x3d

#define PCI_VENDOR_NONE     0xffff
#define PCI_ID_NOT_READY    0xffff0001u /* Request Retry Status, made visible */
#define PCI_COMMAND_IO      BIT(0)
#define PCI_COMMAND_MEMORY  BIT(1)
#define PCI_COMMAND_MASTER  BIT(2)
#define PCI_COMMAND_NO_INTX BIT(10)
#define PCI_STATUS_CAPS     BIT(4)
#define PCI_HEADER_TYPE     BITS(6, 0)
#define PCI_HEADER_MULTI    BIT(7)

enum pci_header { PCI_HEADER_DEVICE = 0, PCI_HEADER_BRIDGE = 1, PCI_HEADER_CARDBUS = 2 };

/* ---- of devices ---- */
#define PCI_SUBVENDOR_ID 0x2c
#define PCI_ROM_BAR      0x30
#define PCI_CAPS         0x34

/* ---- of bridges: PCI to PCI, CardBus ---- */
#define PCI_BUS_NUMBERS                 0x18
#define PCI_BUS_SECONDARY               BITS(15, 8)
#define PCI_BUS_SUBORDINATE             BITS(23, 16)
#define PCI_BRIDGE_IO                   0x1c /* base, then limit */
#define PCI_BRIDGE_MEMORY               0x20 /* the same */
#define PCI_BRIDGE_PREFETCH             0x24 /* the same, and their upper halves: */
#define PCI_BRIDGE_PREFETCH_BASE_UPPER  0x28
#define PCI_BRIDGE_PREFETCH_LIMIT_UPPER 0x2c
#define PCI_BRIDGE_IO_UPPER             0x30 /* of both */
#define PCI_BRIDGE_ROM_BAR              0x38
#define PCI_BRIDGE_CONTROL              0x3e
#define PCI_CARDBUS_CAPS                0x14

#define PCI_BRIDGE_IO_BASE      BITS(7, 4) /* in units of 4 KiB */
#define PCI_BRIDGE_IO_LIMIT     BITS(15, 12)
#define PCI_BRIDGE_IO_32        BIT(0)      /* else there are no upper halves */
#define PCI_BRIDGE_MEMORY_BASE  BITS(15, 4) /* in units of 1 MiB */
#define PCI_BRIDGE_MEMORY_LIMIT BITS(31, 20)
#define PCI_BRIDGE_PREFETCH_64  BIT(0)   /* else there are no upper halves */
#define PCI_BRIDGE_SUBTRACTIVE  0x060401 /* class: it passes on what nobody else takes */

#define PCI_BRIDGE_RESET BIT(6) /* Secondary Bus Reset */

/* ---- base address registers ---- */
#define PCI_BAR_IS_IO    BIT(0)
#define PCI_BAR_TYPE     BITS(2, 1)
#define PCI_BAR_TYPE_64  2
#define PCI_BAR_PREFETCH BIT(3)
#define PCI_BAR_IO_BASE  BITS(31, 2)
#define PCI_BAR_MEM_BASE BITS(31, 4)
#define PCI_ROM_ENABLE   BIT(0)
#define PCI_ROM_BASE     BITS(31, 11)
#define PCI_ROM_ON       BIT(0)

/* ---- capabilities ---- */
#define PCI_CAP_FIRST 0x40
#define PCI_CAP_ID    BITS(7, 0)
#define PCI_CAP_NEXT  BITS(15, 10) /* in doublewords: the lower two bits are reserved */

#define PCI_CAP_PM   0x01
#define PCI_CAP_MSI  0x05
#define PCI_CAP_PCIE 0x10
#define PCI_CAP_MSIX 0x11
#define PCI_CAP_AF   0x13

#define PCI_PM_CONTROL       4
#define PCI_PM_NO_SOFT_RESET BIT(3)
#define PCI_MSI_CONTROL      2
#define PCI_MSI_64           BIT(7)
#define PCI_MSI_MASKABLE     BIT(8)
#define PCI_MSI_VECTORS      BITS(3, 1) /* log2 */
#define PCI_MSI_MOST         32
#define PCI_MSIX_CONTROL     2
#define PCI_MSIX_TABLE_SIZE  BITS(10, 0) /* less 1 */
#define PCI_MSIX_TABLE       4
#define PCI_MSIX_PBA         8
#define PCI_MSIX_BIR         BITS(2, 0)
#define PCI_MSIX_OFFSET      BITS(31, 3)
#define PCI_MSIX_ENTRY       16 /* bytes */
#define PCI_PCIE_CAPS        2
#define PCI_PCIE_VERSION     BITS(3, 0)
#define PCI_PCIE_TYPE        BITS(7, 4)
#define PCI_PCIE_SLOT        BIT(8)
#define PCI_PCIE_DEVICE_CAPS 4
#define PCI_PCIE_FLR         BIT(28)
#define PCI_PCIE_CONTROL     8 /* Device Control */
#define PCI_PCIE_REPORTS     BITS(3, 0)
#define PCI_PCIE_PAYLOAD     BITS(7, 5) /* Max_Payload_Size */
#define PCI_PCIE_NO_SNOOP    BIT(11)
#define PCI_PCIE_INITIATE    BIT(15) /* FLR */
#define PCI_PCIE_CONTROL2    0x28
#define PCI_PCIE_ARI_FORWARD BIT(5)
#define PCI_AF_CAPS          3
#define PCI_AF_TP            BIT(0)
#define PCI_AF_FLR           BIT(1)

/* ---- extended capabilities ---- */
#define PCI_EXT_FIRST 0x100
#define PCI_EXT_ID    BITS(15, 0)
#define PCI_EXT_NEXT  BITS(31, 22) /* in doublewords */

#define PCI_EXT_ACS   0x000d
#define PCI_EXT_ARI   0x000e
#define PCI_EXT_SRIOV 0x0010
#define PCI_EXT_REBAR 0x0015 /* Resizable BAR */

#define PCI_ACS_CAPS    4
#define PCI_ACS_CONTROL 6
#define PCI_ACS_SV      BIT(0) /* Source Validation */
#define PCI_ACS_TB      BIT(1) /* Translation Blocking */
#define PCI_ACS_RR      BIT(2) /* P2P Request Redirect */
#define PCI_ACS_CR      BIT(3) /* P2P Completion Redirect */
#define PCI_ACS_UF      BIT(4) /* Upstream Forwarding */

#define PCI_ARI_CAPS          4
#define PCI_ARI_NEXT_FUNCTION BITS(15, 8)

#define PCI_REBAR_CONTROL 8          /* of the first BAR; those of others follow every 8 bytes */
#define PCI_REBAR_COUNT   BITS(7, 5) /* in the first: how many there are */

#define PCI_SRIOV_CONTROL   8
#define PCI_SRIOV_ENABLE    BIT(0)
#define PCI_SRIOV_MEMORY    BIT(3)
#define PCI_SRIOV_NUM_VFS   0x10
#define PCI_SRIOV_OFFSET    0x14
#define PCI_SRIOV_STRIDE    0x16
#define PCI_SRIOV_DEVICE_ID 0x1a
#define PCI_SRIOV_BAR0      0x24

#endif

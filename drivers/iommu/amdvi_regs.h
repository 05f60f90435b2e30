/* SPDX-License-Identifier: MIT */
/*
 * Registers of an AMD IOMMU under the names of "AMD I/O Virtualization Technology (IOMMU)
 * Specification", "IOMMU MMIO Registers". Offsets in bytes; all have 64 bits.
 */
#ifndef BULKHEAD_DRIVERS_IOMMU_AMDVI_REGS_H
#define BULKHEAD_DRIVERS_IOMMU_AMDVI_REGS_H

#include "kernel/lib/bits.h"

#define AMDVI_DEVICE_TABLE_BASE   0x0000
#define AMDVI_COMMAND_BUFFER_BASE 0x0008
#define AMDVI_EVENT_LOG_BASE      0x0010
#define AMDVI_CONTROL             0x0018
#define AMDVI_EXCLUSION_BASE      0x0020
#define AMDVI_EXCLUSION_LIMIT     0x0028
#define AMDVI_EXTENDED_FEATURE    0x0030
#define AMDVI_COMMAND_BUFFER_HEAD 0x2000
#define AMDVI_COMMAND_BUFFER_TAIL 0x2008
#define AMDVI_EVENT_LOG_HEAD      0x2010
#define AMDVI_EVENT_LOG_TAIL      0x2018
#define AMDVI_STATUS              0x2020
#define AMDVI_REGISTERS           0x4000 /* bytes, as far as they are used */

#define AMDVI_DEVICE_TABLE_SIZE BITS(8, 0)   /* pages of 4 KiB, less 1 */
#define AMDVI_BUFFER_LENGTH     BITS(59, 56) /* of commands and events: 2^n entries */
#define AMDVI_BUFFER_POINTER    BITS(18, 4)  /* heads and tails: entries of 16 bytes */

/* Control */
#define AMDVI_CONTROL_IOMMU_EN        BIT(0)
#define AMDVI_CONTROL_HT_TUN_EN       BIT(1)
#define AMDVI_CONTROL_EVENT_LOG_EN    BIT(2)
#define AMDVI_CONTROL_EVENT_INT_EN    BIT(3)
#define AMDVI_CONTROL_COM_WAIT_INT_EN BIT(4)
#define AMDVI_CONTROL_INV_TIMEOUT     BITS(7, 5)
#define AMDVI_CONTROL_PASS_PW         BIT(8)
#define AMDVI_CONTROL_RES_PASS_PW     BIT(9)
#define AMDVI_CONTROL_COHERENT        BIT(10)
#define AMDVI_CONTROL_ISOC            BIT(11)
#define AMDVI_CONTROL_CMD_BUF_EN      BIT(12)
#define AMDVI_CONTROL_GA_EN           BIT(17)
#define AMDVI_CONTROL_XT_EN           BIT(50)

/* Extended Feature */
#define AMDVI_FEATURE_XT_SUP BIT(2)
#define AMDVI_FEATURE_IA_SUP BIT(6)
#define AMDVI_FEATURE_GA_SUP BIT(7)
#define AMDVI_FEATURE_HATS   BITS(11, 10) /* levels of host page tables, less 4 */

/* Status: the first three are cleared by writing 1. */
#define AMDVI_STATUS_EVENT_OVERFLOW BIT(0)
#define AMDVI_STATUS_EVENT_LOG_INT  BIT(1) /* an interrupt was sent: no other one until cleared */
#define AMDVI_STATUS_COM_WAIT_INT   BIT(2)
#define AMDVI_STATUS_EVENT_LOG_RUN  BIT(3)
#define AMDVI_STATUS_CMD_BUF_RUN    BIT(4)

/* "Event Log": codes */
enum amdvi_event {
    AMDVI_EVENT_ILLEGAL_DEV_TABLE_ENTRY = 1,
    AMDVI_EVENT_IO_PAGE_FAULT = 2,
    AMDVI_EVENT_DEV_TAB_HARDWARE_ERROR = 3,
    AMDVI_EVENT_PAGE_TAB_HARDWARE_ERROR = 4,
    AMDVI_EVENT_ILLEGAL_COMMAND_ERROR = 5,
    AMDVI_EVENT_COMMAND_HARDWARE_ERROR = 6,
    AMDVI_EVENT_IOTLB_INV_TIMEOUT = 7,
    AMDVI_EVENT_INVALID_DEVICE_REQUEST = 8,
};

/* The first half of an event */
#define AMDVI_EVENT_DEVICE BITS(15, 0)
#define AMDVI_EVENT_I      BIT(51) /* an interrupt, not a memory access */
#define AMDVI_EVENT_PR     BIT(52) /* a page was there, but not the right */
#define AMDVI_EVENT_RW     BIT(53) /* a write */
#define AMDVI_EVENT_CODE   BITS(63, 60)

/* INVALID_DEVICE_REQUEST: why, when it is no translation request */
#define AMDVI_EVENT_TR                BIT(56)
#define AMDVI_EVENT_TYPE              BITS(59, 57)
#define AMDVI_INVALID_INTERRUPT       5 /* a posted write to Interrupt/EOI with IntCtl 0, ... */
#define AMDVI_INVALID_INTERRUPT_RANGE 6 /* ... or to the reserved range before it */

#endif

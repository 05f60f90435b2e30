/* SPDX-License-Identifier: MIT */
/*
 * Registers of a VT-d remapping unit under the names of "Intel Virtualization Technology for
 * Directed I/O, Architecture Specification", "Register Descriptions". Offsets in bytes.
 */
#ifndef BULKHEAD_DRIVERS_IOMMU_VTD_REGS_H
#define BULKHEAD_DRIVERS_IOMMU_VTD_REGS_H

#include "kernel/lib/bits.h"

#define VTD_VER_REG    0x00 /* 32 bits */
#define VTD_CAP_REG    0x08
#define VTD_ECAP_REG   0x10
#define VTD_GCMD_REG   0x18 /* 32 bits */
#define VTD_GSTS_REG   0x1c /* 32 bits */
#define VTD_RTADDR_REG 0x20
#define VTD_CCMD_REG   0x28
#define VTD_FSTS_REG   0x34 /* 32 bits */
#define VTD_FECTL_REG  0x38 /* 32 bits */
#define VTD_PMEN_REG   0x64 /* 32 bits */
#define VTD_IQH_REG    0x80
#define VTD_IQT_REG    0x88
#define VTD_IQA_REG    0x90
#define VTD_ICS_REG    0x9c /* 32 bits */
#define VTD_IECTL_REG  0xa0 /* 32 bits */
#define VTD_IRTA_REG   0xb8

/* Capability Register */
#define VTD_CAP_ND    BITS(2, 0) /* domain ids have 4 + 2 * ND bits */
#define VTD_CAP_RWBF  BIT(4)
#define VTD_CAP_PLMR  BIT(5)
#define VTD_CAP_PHMR  BIT(6)
#define VTD_CAP_CM    BIT(7)
#define VTD_CAP_SAGAW BITS(12, 8)
#define VTD_CAP_MGAW  BITS(21, 16) /* bits of addresses that it translates, less 1 */
#define VTD_CAP_FRO   BITS(33, 24) /* the fault records' offset, in 16 bytes */
#define VTD_CAP_SSLPS BITS(37, 34)
#define VTD_CAP_NFR   BITS(47, 40) /* fault records, less 1 */
#define VTD_SAGAW_3   BIT(1)       /* in SAGAW: 39 bits, 3 levels */
#define VTD_SAGAW_4   BIT(2)       /* 48 bits, 4 levels */
#define VTD_SSLPS_2M  BIT(0)
#define VTD_SSLPS_1G  BIT(1)

/* Extended Capability Register */
#define VTD_ECAP_C   BIT(0)
#define VTD_ECAP_QI  BIT(1)
#define VTD_ECAP_IR  BIT(3)
#define VTD_ECAP_EIM BIT(4)
#define VTD_ECAP_SC  BIT(7)
#define VTD_ECAP_IRO BITS(17, 8) /* where IVA_REG is, in 16 bytes; IOTLB_REG is behind it */

/* Global Command and Global Status: the same bits, but for those that command once. */
#define VTD_GCMD_CFI   BIT(23)
#define VTD_GCMD_SIRTP BIT(24)
#define VTD_GCMD_IRE   BIT(25)
#define VTD_GCMD_QIE   BIT(26)
#define VTD_GCMD_WBF   BIT(27)
#define VTD_GCMD_EAFL  BIT(28)
#define VTD_GCMD_SFL   BIT(29)
#define VTD_GCMD_SRTP  BIT(30)
#define VTD_GCMD_TE    BIT(31)
#define VTD_GCMD_ONCE  (VTD_GCMD_SIRTP | VTD_GCMD_WBF | VTD_GCMD_SFL | VTD_GCMD_SRTP)

/* Root Table Address Register: 0 is the legacy mode that is used here. */
#define VTD_RTADDR_TTM BITS(11, 10)

/* Context Command Register, and IOTLB Invalidate Register: what is asked for, and what was done. */
#define VTD_CCMD_ICC   BIT(63)
#define VTD_CCMD_CIRG  BITS(62, 61)
#define VTD_CCMD_CAIG  BITS(60, 59)
#define VTD_IOTLB_IVT  BIT(63)
#define VTD_IOTLB_IIRG BITS(61, 60)
#define VTD_IOTLB_IAIG BITS(58, 57)
#define VTD_IOTLB_DR   BIT(49)
#define VTD_IOTLB_DW   BIT(48)
#define VTD_GLOBAL     1 /* granularity: everything */

/* Fault Status Register: these are cleared by writing 1. */
#define VTD_FSTS_PFO    BIT(0)
#define VTD_FSTS_PPF    BIT(1) /* read-only */
#define VTD_FSTS_AFO    BIT(2)
#define VTD_FSTS_APF    BIT(3)
#define VTD_FSTS_IQE    BIT(4)
#define VTD_FSTS_ICE    BIT(5)
#define VTD_FSTS_ITE    BIT(6)
#define VTD_FSTS_ERRORS (VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE)

/* Behind FECTL and IECTL: their messages' registers, of 32 bits each */
#define VTD_EVENT_DATA  4
#define VTD_EVENT_ADDR  8
#define VTD_EVENT_UADDR 12

#define VTD_FECTL_IM BIT(31) /* and IECTL's */
#define VTD_ICS_IWC  BIT(0)  /* cleared by writing 1 */

#define VTD_PMEN_PRS BIT(0)
#define VTD_PMEN_EPM BIT(31)

#define VTD_IQ_INDEX BITS(18, 4) /* of IQH and IQT: descriptors of 16 bytes */

/* Interrupt Remapping Table Address Register */
#define VTD_IRTA_S    BITS(3, 0) /* 2^(S+1) entries */
#define VTD_IRTA_EIME BIT(11)

/* Fault Recording Registers, 16 bytes each: the upper half */
#define VTD_FRCD_SIZE 16
#define VTD_FRCD_SID  BITS(15, 0)
#define VTD_FRCD_T2   BIT(28)
#define VTD_FRCD_FR   BITS(39, 32)
#define VTD_FRCD_T1   BIT(62)      /* with T2 0: a read; else a write */
#define VTD_FRCD_F    BIT(63)      /* cleared by writing 1 */
#define VTD_FRCD_FI   BITS(63, 12) /* the lower half; of interrupts: */
#define VTD_FRCD_IDX  BITS(63, 48)

/* Fault reasons that are told apart here, from the specification's appendix. */
enum vtd_fault_reason {
    VTD_FR_ROOT_NOT_PRESENT = 0x01,
    VTD_FR_CONTEXT_NOT_PRESENT = 0x02,
    VTD_FR_BEYOND_WIDTH = 0x04,
    VTD_FR_WRITE = 0x05,
    VTD_FR_READ = 0x06,
    VTD_FR_TRANSLATED = 0x0d,  /* a translated or translation request, which TT does not allow */
    VTD_FR_IR_RESERVED = 0x20, /* in the request */
    VTD_FR_IR_INDEX = 0x21,
    VTD_FR_IR_NOT_PRESENT = 0x22,
    VTD_FR_IR_ROOT = 0x23,
    VTD_FR_IR_ENTRY = 0x24,
    VTD_FR_IR_COMPATIBILITY = 0x25,
    VTD_FR_IR_SOURCE = 0x26,
    VTD_FR_PASID = 0x31,        /* a request with a PASID, ... */
    VTD_FR_PAGE_REQUEST = 0x32, /* ... or for a page, which TTM 0 does not allow */
};

#endif

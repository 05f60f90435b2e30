/* SPDX-License-Identifier: MIT */
/* Tables of remapping units, as hexadecimal digits behind the header: see machine_add_table(). */
#ifndef BULKHEAD_TESTS_UNIT_REMAPPING_TABLES_H
#define BULKHEAD_TESTS_UNIT_REMAPPING_TABLES_H

#include "tests/unit/acpi_image.h"

#define ZEROS_4  " 00 00 00 00"
#define ZEROS_8  ZEROS_4 ZEROS_4
#define ZEROS_10 ZEROS_8 " 00 00"

/* 47 bits of address; INTR_REMAP, X2APIC_OPT_OUT and DMA_CTRL_PLATFORM_OPT_IN_FLAG */
#define DMAR_HEAD "2e 07" ZEROS_10

/*
 * Two sockets in two segments. Unit 0: the bridge 00:1c.0 with all behind it, and a function that
 * is two bridges behind 00:1c.4. Unit 1: the rest of segment 0, an I/O APIC, an HPET. Unit 2: a
 * bridge of segment 1 and an I/O APIC, on node 3.
 */
#define DMAR_SERVER                                                                                \
    DMAR_HEAD " 03 00 14 00" ZEROS_4 " 00 00 40 fd" ZEROS_4 " 03 00 00 00" /* RHSA of unit 2 */    \
              " 00 00 24 00 00 00 00 00 00 00 00 fd" ZEROS_4               /* DRHD, 4 KiB */       \
              " 02 08 00 00 00 00 1c 00 01 0c 00 00 00 00 1c 04 00 00 01 02"                       \
              " 00 00 20 00 01 01 00 00 00 00 20 fd" ZEROS_4 /* DRHD, all others, 8 KiB */         \
              " 03 08 00 00 08 f0 1f 00 04 08 00 00 00 f0 1f 07"                                   \
              " 00 00 20 00 00 00 01 00 00 00 40 fd" ZEROS_4 /* DRHD of segment 1 */               \
              " 02 08 00 00 00 80 02 00 03 08 00 00 09 c0 05 04"                                   \
              " 01 00 28 00 00 00 00 00 00 00 00 7d" ZEROS_4 " ff ff 0f 7d" ZEROS_4 /* RMRR */     \
              " 01 08 00 00 00 00 14 00 02 08 00 00 00 00 1c 00"                                   \
              " 02 00 10 00 00 00 00 00 02 08 00 00 00 00 1c 00" /* ATSR */                        \
              " 04 00 0e 00 00 00 00 01 5c 5f 53 42 2e 00"       /* ANDD: \_SB. */                 \
              " 05 00 10 00 01 00 00 00 01 08 00 00 00 00 02 00" /* SATC */                        \
              " 63 00 06 00 ff ff"                               /* of a type that nobody knows */

/* PASize 48, VASize 64, EFRSup and DMA remapping before the boot */
#define IVRS_HEAD "43 30 20 00" ZEROS_8

/*
 * Two IOMMUs, the first one described three times. What a type 40h block says counts: 00:00.3 to
 * 3f:1f.7, of which 3f:00.0 and up arrive as 00:14.5; an ACPI device as 00:13.1, an I/O APIC, an
 * HPET. The second: all of segment 1, of which 81:00.0 without ATS and 82:00.0 as 81:00.7.
 */
#define IVRS_SERVER                                                                                \
    IVRS_HEAD " 10 b0 20 00 02 00 40 00 00 00 20 fd" ZEROS_8 " 6e 8f 04 80"                        \
              " 02 08 00 00 02 10 00 00"                                                           \
              " 40 30 75 00 02 00 40 00 00 00 20 fd" ZEROS_8 " 00 80 04 00"                        \
              " fa 4a 25 a2 ef 77 65 24 10" ZEROS_4 " 00 00 00"                                    \
              " 03 03 00 00 04 ff 3f 00 43 00 3f 00 00 a5 00 00 04 ff 3f 00"                       \
              " 48 00 00 00 00 a0 00 02 48 00 00 d7 21 a0 00 01 48 00 00 00 07 a0 00 63"           \
              " f0 99 00 40 41 4d 44 49 30 30 32 30" ZEROS_8 " 01 03 31 32 33"                     \
              " 40 00 00 00 00 00 00 00"                                                           \
              " 11 30 28 00 02 00 40 00 00 00 20 fd" ZEROS_8 ZEROS_4 ZEROS_8 ZEROS_8               \
              " 21 07 20 00 60 00 00 00" ZEROS_8 " 00 00 90 7d" ZEROS_4 " 00 00 10 00" ZEROS_4     \
              " 22 08 20 00 00 00 ff 0f" ZEROS_8 " 00 20 43 9a" ZEROS_4 " 01 00 00 00" ZEROS_4     \
              " 20 03 20 00 00 00 00 00" ZEROS_8 " 00 10 00 70" ZEROS_4 " 00 20 00 00" ZEROS_4     \
              " 21 07 20 00 00 81 00 00 01 00" ZEROS_4 " 00 00"                                    \
              " 00 00 00 6f" ZEROS_4 " 00 10 00 00" ZEROS_4                                        \
              " 77 00 08 00 ff ff ff ff" /* of a type that nobody knows */                         \
              " 11 0f 40 00 02 80 48 00 00 40 20 fd" ZEROS_4                                       \
              " 01 00 03 05" ZEROS_4 ZEROS_8 ZEROS_8                                               \
              " 01 00 00 80 46 00 81 07 00 00 00 80 42 00 82 00 00 07 81 00"                       \
              " 00 00 00 00"

#endif

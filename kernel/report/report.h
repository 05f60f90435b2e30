/* SPDX-License-Identifier: MIT */
/*
 * The hardware report: what the planner knows of a machine as text, which the boot half writes onto
 * the stick, people read, and tools/check reads back to plan with. README.md describes the text.
 */
#ifndef BULKHEAD_KERNEL_REPORT_REPORT_H
#define BULKHEAD_KERNEL_REPORT_REPORT_H

#include "kernel/acpi/host.h"
#include "kernel/lib/diag.h"
#include "kernel/pci/inventory.h"
#include "kernel/plan/hardware.h"

#define REPORT_MAX_BYTES MIB(4) /* the largest machine that can be described takes half of it */
#define REPORT_MAX_LINE  511    /* bytes, without the line's end */
#define REPORT_MAX_TEXT  256    /* with the zero byte */

/* What the text says of a function that follows from the rest of it; of the reader alone. */
struct report_claim {
    uint32_t line;
    uint16_t flags, group, alias;
    uint8_t reset;
    bool windows; /* it says what the bridge passes on */
};

/* Large (about 0.6 MiB): do not put it on a stack. Plain data without pointers. */
struct report {
    /* Texts for people, printable ASCII; empty: nothing to say. */
    char firmware[REPORT_MAX_TEXT];       /* who made it */
    char processor[REPORT_MAX_TEXT];      /* what it calls itself */
    char virtualization[REPORT_MAX_TEXT]; /* what it offers for guests */
    char unfit[REPORT_MAX_TEXT];          /* why Bulkhead does not run there at all */
    uint32_t unfit_line;                  /* where the text says so; of the reader alone */
    uint32_t console_port;    /* of the UART that is the console unless the config names one */
    struct hardware hardware; /* without iommu_bytes, which depends on the config */
    struct acpi_host acpi;    /* of it: mcfg, dmar and ivrs, and for the writer warnings */
    struct pci_inventory pci; /* with groups and resets; warnings for the writer alone */
    struct report_claim claims[PCI_MAX_FUNCTIONS];
    uint32_t unknown_lines; /* facts that this version does not know; of the reader alone */
};

/* The report, line by line (without line end, at most REPORT_MAX_LINE bytes). Boot half. */
void report_write(const struct report *report, void (*line)(void *context, const char *text),
                  void *context);

/*
 * Read a report, which anybody may have edited. All of *report is written, and what it then says is
 * as sound as what the machine's own parsers make. False: a diagnosis with line and column in the
 * text (both from 1); *report must not be used. Bounded by the size of the text and the limits of
 * the tables.
 */
bool report_read(const char *text, size_t size, struct report *report, struct diag *diag);

#endif

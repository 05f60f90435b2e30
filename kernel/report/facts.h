/* SPDX-License-Identifier: MIT */
/*
 * What stands in a report: one table entry a kind of line, one a field of it. Writer and reader
 * both follow these tables, so that they cannot differ. Of kernel/report alone.
 */
#ifndef BULKHEAD_KERNEL_REPORT_FACTS_H
#define BULKHEAD_KERNEL_REPORT_FACTS_H

#include "kernel/report/report.h"

#define REPORT_TITLE   "bulkhead hardware report "
#define REPORT_VERSION 1
#define REPORT_END     "end"

/* How a value is written. */
enum report_form {
    FORM_DECIMAL,
    FORM_HEX,      /* 0x1f */
    FORM_YES_NO,   /* of a bool */
    FORM_WORD,     /* one of `words`, by its number */
    FORM_FLAGS,    /* those of `words` whose bits are set, with commas; "none" */
    FORM_ADDRESS,  /* 00:1f.2, of a pci_address_t */
    FORM_FUNCTION, /* the same, of an index into the inventory; left out for PCI_NONE */
    FORM_SIZE,     /* 0x4000, of the binary logarithm */
    FORM_PATH,     /* 1c.0/00.0, of a struct dmar_scope */
};

struct report_field {
    const char *name;
    uint32_t offset; /* in the record */
    uint8_t size;    /* bytes: 1, 2, 4 or 8 */
    uint8_t form;    /* enum report_form */
    bool optional;   /* left out when the value is 0; always so for FORM_FUNCTION */
    uint64_t most;   /* the largest value */
    const char *const *words;
    uint32_t word_count;
};

enum report_kind {
    FACT_MACHINE,
    FACT_PROCESSOR,
    FACT_MEMORY,
    FACT_OWNED,
    FACT_IOAPIC,
    FACT_LINE,
    FACT_MCFG,
    FACT_DMAR,
    FACT_DMAR_UNIT,
    FACT_DMAR_REGION,
    FACT_DMAR_SCOPE, /* of the unit or region before it */
    FACT_IVRS,
    FACT_IVRS_UNIT,
    FACT_IVRS_RANGE, /* of the unit before it */
    FACT_IVRS_SPECIAL,
    FACT_IVRS_REGION,
    FACT_FUNCTION,
    FACT_CAPABILITIES, /* of the function before it; so too: */
    FACT_WINDOWS,
    FACT_BAR,
    FACT_TIED,
    FACT_KINDS,
};

/* Records in a table of struct report, or the one record (most == 0). */
struct report_fact {
    const char *keyword;
    const struct report_field *fields;
    uint32_t field_count;
    uint32_t table; /* offset in struct report of the first record */
    uint32_t count; /* and of their number, an uint32_t */
    uint32_t most;  /* records that there is room for; 0: there is one, without a number */
    uint32_t size;  /* bytes of a record */
};

/* What FACT_BAR is read into, and written from. */
struct report_bar {
    uint8_t number;
    struct pci_bar bar;
};

/* In the order of enum report_kind. */
extern const struct report_fact report_facts[FACT_KINDS];

/* Texts: the keyword, then the rest of the line as it is. */
struct report_text {
    const char *keyword;
    uint32_t offset; /* in struct report, of REPORT_MAX_TEXT bytes; REPORT_NOT_KEPT: not read */
};

#define REPORT_NOT_KEPT UINT32_MAX
#define REPORT_TEXTS    5
#define REPORT_WARNING  "warning"

extern const struct report_text report_texts[REPORT_TEXTS];

/* The value at `record`, whatever its size. */
uint64_t report_value(const struct report_field *field, const void *record);

/*
 * Is a record that was just read sound, given what was read before it? NULL: yes. Else what is
 * wrong, and *field is the name of the guilty field, or NULL for the line as a whole (sound.c).
 */
const char *report_unsound(const struct report *report, enum report_kind kind, const void *record,
                           const char **field);

#endif

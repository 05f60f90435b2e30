/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a hardware report: it is refused with a sentence and a place in it, or what it says
 * is as sound as what the machine's parsers make: written again it reads the same, and the planner
 * makes a plan that keeps the rules, or a sentence.
 */
#include <string.h>

#include "drivers/iommu/needs.h"
#include "kernel/report/report.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wishes.h"
#include "tests/unit/plan_rules.h"

struct text {
    char bytes[REPORT_MAX_BYTES];
    size_t length;
};

static struct report report, again;
static struct text written, written_again;

static void keep(void *context, const char *line)
{
    struct text *to = context;
    size_t size = strlen(line);

    PROMISE(size <= REPORT_MAX_LINE && to->length + size + 1 < sizeof(to->bytes));
    memcpy(to->bytes + to->length, line, size);
    to->length += size;
    to->bytes[to->length++] = '\n';
}

static void check_again(void)
{
    struct diag diag;

    written.length = 0;
    written_again.length = 0;
    report_write(&report, keep, &written);
    if (!report_read(written.bytes, written.length, &again, &diag)) {
        fprintf(stderr, "%u:%u: %s\n%.*s\n", diag.line, diag.column, diag.message,
                (int)written.length, written.bytes);
        abort();
    }
    report_write(&again, keep, &written_again);
    PROMISE(written.length == written_again.length &&
            memcmp(written.bytes, written_again.bytes, written.length) == 0);
    PROMISE(memcmp(&report.hardware, &again.hardware, sizeof(report.hardware)) == 0);
    PROMISE(report.pci.count == again.pci.count);
}

/* The first guest gets the functions with even numbers, up to four; the second one the others. */
static void make_wishes(struct config *wishes)
{
    memset(wishes, 0, sizeof(*wishes));
    for (uint32_t i = 0; i < 2; i++) {
        wish_guest(wishes, MIB(64));
        /* Half of them with an INTx, which the I/O APICs may have or not. */
        for (uint32_t n = i; n < 8 && n < report.pci.count; n += 2)
            wish_device(wishes, report.pci.functions[n].address, n % 4 < 2 ? 16 + 4 * n : 0);
    }
}

static void check_plan(void)
{
    static const struct plan_needs needs = {.fixed = KIB(64)};
    static struct config wishes;
    static struct plan plan;
    struct iommu_demand demand = iommu_demand(8, 8, pci_last_bus(&report.pci));
    struct plan_inputs inputs = {
        .config = &wishes, .hardware = &report.hardware, .needs = &needs, .pci = &report.pci};
    struct diag diag = {0};

    make_wishes(&wishes);
    report.hardware.iommu_bytes = iommu_bytes(&report.acpi, &demand);
    if (!plan_build(&inputs, &plan, &diag)) {
        PROMISE(diag.message[0] != '\0');
        return;
    }
    const char *rule = plan_broken_rule(&plan, &wishes, &report.hardware, &needs);
    if (rule) {
        fprintf(stderr, "broken: %s\n", rule);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag diag = {0};

    if (!report_read((const char *)data, size, &report, &diag)) {
        PROMISE(diag.message[0] != '\0' && strlen(diag.message) + 1 < sizeof(diag.message));
        PROMISE(diag.line >= 1 && diag.line <= size + 1 && diag.column >= 1);
        PROMISE(diag.column <= REPORT_MAX_LINE + 1);
        return 0;
    }
    PROMISE(report.hardware.cpu_count >= 1 && report.hardware.phys_bits <= 52);
    check_again();
    check_plan();
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* The plan as a table for people: three columns, each guest on as many lines as it needs. */
#include "kernel/lib/fmt.h"
#include "kernel/pci/describe.h"
#include "kernel/plan/work.h"

#define LINE_SIZE  100 /* with the zero byte: a console of 100 columns stays on the line */
#define CPUS_WIDTH 20
#define MAX_LINES  8 /* of one guest; then it says how much more there is */

/* One row: the texts of the columns come line by line until none has more. */
struct row {
    const struct plan *plan;
    const struct hardware *hardware;
    int name_length;
    const char *name;
    const char *devices;
    uint32_t cpu, cpu_end;       /* indexes into plan->cpus, what is not printed yet */
    uint32_t range, range_end;   /* indexes into plan->ranges, the same */
    uint32_t device, device_end; /* indexes into plan->devices, the same */
    char memory[40];             /* instead of ranges, on the first line */
    bool siblings;               /* which of plan->cpus to show: idle siblings of a guest's */
    bool spare;                  /* or those that are not */
};

struct output {
    void (*line)(void *context, const char *text);
    void *context;
};

/* Is a left-over processor one that only a guest with its core could have? */
static bool is_idle_sibling(const struct plan *plan, const struct hardware *hardware, uint32_t cpu)
{
    for (uint32_t i = 0; i < plan->cpus_used; i++)
        if (cpus_same_core(hardware, plan->cpus[i], cpu))
            return true;
    return false;
}

/* Move on to the next processor that belongs into this row. */
static void skip_others(struct row *row)
{
    while (row->cpu < row->cpu_end && (row->siblings || row->spare) &&
           is_idle_sibling(row->plan, row->hardware, row->plan->cpus[row->cpu]) != row->siblings)
        row->cpu++;
}

/* Take a run of processors that are numbered one after another: "4-7" or "4". */
static uint32_t take_run(struct row *row, uint32_t *first)
{
    const uint16_t *cpus = row->plan->cpus;
    uint32_t last = cpus[row->cpu];

    *first = last;
    row->cpu++;
    skip_others(row);
    while (row->cpu < row->cpu_end && cpus[row->cpu] == last + 1) {
        last++;
        row->cpu++;
        skip_others(row);
    }
    return last;
}

/* As many runs as fit into the column. */
static void cpus_text(struct row *row, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    while (row->cpu < row->cpu_end) {
        char run[16];
        uint32_t start = row->cpu;
        uint32_t first;
        uint32_t last = take_run(row, &first);
        const char *comma = row->cpu < row->cpu_end ? "," : "";
        size_t wide = first == last ? fmt_print(run, sizeof(run), "%u%s", first, comma)
                                    : fmt_print(run, sizeof(run), "%u-%u%s", first, last, comma);
        if (length + wide >= size) {
            row->cpu = start;
            return;
        }
        length += fmt_print(text + length, size - length, "%s", run);
    }
}

static void range_text(struct row *row, char *text, size_t size)
{
    if (row->range == row->range_end) {
        fmt_print(text, size, "%s", row->memory);
        row->memory[0] = '\0';
        return;
    }
    const struct plan_range *range = &row->plan->ranges[row->range++];
    fmt_print(text, size, "%8lu MiB at %#lx", range->size / MIB(1), range->hpa.raw);
}

/* The next device's address, or what there is to say instead. */
static void device_text(struct row *row, char text[PCI_TEXT])
{
    if (row->device < row->device_end)
        pci_address_text(row->plan->devices[row->device++].function.address, text);
    else
        fmt_print(text, PCI_TEXT, "%s", row->devices);
    row->devices = "";
}

static void print_line(const struct output *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void print_line(const struct output *out, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list args;

    va_start(args, format);
    size_t length = fmt_vprint(text, sizeof(text), format, args);
    va_end(args);
    length = length < sizeof(text) ? length : sizeof(text) - 1;
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    out->line(out->context, text);
}

/* The rest of a row that would be too long. */
static void print_rest(const struct output *out, const struct row *row)
{
    char cpus[CPUS_WIDTH + 1] = "";
    char memory[40] = "";
    uint64_t size = 0;

    for (uint32_t i = row->range; i < row->range_end; i++)
        size += row->plan->ranges[i].size;
    if (row->cpu < row->cpu_end)
        fmt_print(cpus, sizeof(cpus), "...");
    if (size > 0) {
        fmt_print(memory, sizeof(memory), "%8lu MiB in %u more", size / MIB(1),
                  row->range_end - row->range);
    }
    print_line(out, "%-15s  %-20s  %-30s  %s", "", cpus, memory,
               row->device < row->device_end ? "..." : "");
}

static void print_row(const struct output *out, struct row *row)
{
    skip_others(row);
    for (uint32_t lines = 0; lines < MAX_LINES; lines++) {
        char cpus[CPUS_WIDTH + 1];
        char memory[40];
        char device[PCI_TEXT];
        cpus_text(row, cpus, sizeof(cpus));
        range_text(row, memory, sizeof(memory));
        device_text(row, device);
        print_line(out, "%-15.*s  %-20s  %-30s  %s", lines == 0 ? row->name_length : 0, row->name,
                   cpus, memory, device);
        if (row->cpu >= row->cpu_end && row->range >= row->range_end &&
            row->device >= row->device_end)
            return;
    }
    print_rest(out, row);
}

static void print_guest(const struct output *out, const struct plan *plan,
                        const struct config_guest *config, const struct plan_guest *guest,
                        const struct hardware *hardware)
{
    struct row row = {
        .plan = plan,
        .hardware = hardware,
        .name_length = (int)config->name.length,
        .name = config->name.start,
        .devices = "none",
        .cpu = guest->first_cpu,
        .cpu_end = guest->first_cpu + guest->cpu_count,
        .range = guest->first_range,
        .range_end = guest->first_range + guest->range_count,
        .device = guest->first_device,
        .device_end = guest->first_device + guest->device_count,
    };
    print_row(out, &row);
}

/* The hypervisor's share; not a guest's name, as those have no parentheses. */
static void print_host(const struct output *out, const struct plan *plan)
{
    struct row row = {.plan = plan, .name_length = 12, .name = "(hypervisor)", .devices = ""};

    fmt_print(row.memory, sizeof(row.memory), "%8lu KiB at %#lx", plan->host_size / KIB(1),
              plan->host_base.raw);
    print_row(out, &row);
}

static void print_left(const struct output *out, const struct plan *plan,
                       const struct hardware *hardware)
{
    struct row row = {.plan = plan,
                      .hardware = hardware,
                      .name_length = 9,
                      .name = "left over",
                      .devices = "",
                      .cpu = plan->cpus_used,
                      .cpu_end = plan->cpu_count,
                      .spare = true};
    struct row idle = row;

    if (plan->free_count > 1) {
        fmt_print(row.memory, sizeof(row.memory), "%8lu MiB in %u pieces",
                  plan->memory_left / MIB(1), plan->free_count);
    } else {
        fmt_print(row.memory, sizeof(row.memory), "%8lu MiB", plan->memory_left / MIB(1));
    }
    print_row(out, &row);

    idle.name = "idle siblings";
    idle.name_length = 13;
    idle.spare = false;
    idle.siblings = true;
    skip_others(&idle);
    if (idle.cpu < idle.cpu_end)
        print_row(out, &idle);
}

void plan_print(const struct plan *plan, const struct config *config,
                const struct hardware *hardware, void (*line)(void *context, const char *text),
                void *context)
{
    struct output out = {.line = line, .context = context};

    print_line(&out, "%-15s  %-20s  %-30s  %s", "guest", "pCPUs", "  memory", "devices");
    for (uint32_t i = 0; i < plan->guest_count; i++)
        print_guest(&out, plan, &config->guests[i], &plan->guests[i], hardware);
    print_host(&out, plan);
    print_left(&out, plan, hardware);
    devices_print(plan, config, line, context);
}

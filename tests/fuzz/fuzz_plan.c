/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a machine and a config: each plan keeps the rules, each refusal is justified. The
 * bytes are counts and pieces, little-endian:
 *
 *   flags (bit 0: 1 GiB pages, bits 2..1: smt_shift, bits 4..3: needs), then
 *   number of processor groups, each: first APIC id (2), count, node
 *   number of ranges, each: base / 1 KiB (4), size / 256 (4), kind and node
 *   the rest, each a guest: processors and, in the upper bits, whether it says smt and lists
 *   them; memory in 2 MiB (2); for a list the first of each run of up to eight (2)
 */
#include <string.h>

#include "kernel/lib/cursor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/plan_rules.h"

static struct hardware machine;
static struct config wishes;
static struct plan plan;
static struct diag diag;

static void broken(const char *rule)
{
    fprintf(stderr, "broken: %s (%s)\n", rule, diag.message);
    abort();
}

static void read_cpus(struct cursor *at)
{
    uint32_t groups = cursor_u8(at) % 16;

    for (uint32_t group = 0; group < groups; group++) {
        uint32_t id = cursor_u16(at);
        uint32_t count = cursor_u8(at);
        uint32_t node = cursor_u8(at) % 8;
        for (uint32_t i = 0; i < count && machine.cpu_count < HARDWARE_MAX_CPUS; i++) {
            machine.cpus[machine.cpu_count++] =
                (struct hardware_cpu){.apic_id = id + i, .node = node};
        }
    }
}

static void read_memory(struct cursor *at)
{
    uint32_t ranges = cursor_u8(at);

    for (uint32_t i = 0; i < ranges; i++) {
        uint64_t base = (uint64_t)cursor_u32(at) << 10;
        uint64_t bytes = (uint64_t)cursor_u32(at) << 8;
        uint8_t kind = cursor_u8(at);
        if (!hardware_add_memory(&machine, base, bytes, (enum hardware_memory)(kind % 3)))
            return;
        if ((kind & 0xc0) != 0)
            hardware_set_node(&machine, base, bytes, kind >> 6);
    }
}

/* Numbers may stand twice, or be of no processor. */
static void read_list(struct cursor *at, struct config_guest *guest)
{
    uint32_t number = 0;

    guest->first_listed = (uint16_t)wishes.listed_count;
    guest->listed = wishes.listed_count + guest->cpus <= CONFIG_MAX_PCPUS;
    for (uint32_t i = 0; i < guest->cpus && guest->listed; i++) {
        number = i % 8 == 0 ? cursor_u16(at) % (CONFIG_MAX_PCPUS + 1) : number + 1;
        wishes.listed[wishes.listed_count++] = (uint16_t)number;
    }
}

static void read_guests(struct cursor *at)
{
    while (cursor_left(at) > 0 && wishes.guest_count < CONFIG_MAX_GUESTS) {
        struct config_guest *guest = &wishes.guests[wishes.guest_count++];
        uint32_t cpus = cursor_u8(at);
        guest->name = (struct slice){.start = "guest", .length = 5};
        guest->cpus = cpus < 128 ? cpus % (CONFIG_MAX_VCPUS + 2) : cpus % 32;
        guest->smt = (cpus & 64) != 0;
        guest->memory = (uint64_t)(cursor_u16(at) % 8192) * PAGE_2M;
        if ((cpus & 160) == 160)
            read_list(at, guest);
    }
}

/* Free memory in whole pieces, counted anew. */
static uint64_t free_pieces(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < machine.range_count;) {
        const struct hardware_range *first = &machine.ranges[i];
        uint64_t end = first->base.raw;
        for (; i < machine.range_count && machine.ranges[i].base.raw == end &&
               machine.ranges[i].kind == first->kind && machine.ranges[i].node == first->node;
             i++)
            end += machine.ranges[i].size;
        uint64_t base = first->base.raw < MIB(1) ? MIB(1) : first->base.raw;
        base = align_up(base, PAGE_2M);
        end = align_down(end, PAGE_2M);
        sum += first->kind == MEMORY_FREE && base < end ? end - base : 0;
    }
    return sum;
}

/* Nothing is lost: what is free, what the guests have and what the hypervisor has is all of it. */
static void check_plan(const struct plan_needs *needs)
{
    const char *rule = plan_broken_rule(&plan, &wishes, &machine, needs);
    uint64_t sum = plan.memory_left + align_up(plan.host_size, PAGE_2M);

    if (rule != NULL)
        broken(rule);
    for (uint32_t i = 0; i < wishes.guest_count; i++)
        sum += wishes.guests[i].memory;
    if (sum != free_pieces())
        broken("memory got lost");
}

static void check_refusal(void)
{
    if (diag.message[0] == '\0' || strlen(diag.message) + 1 >= sizeof(diag.message))
        broken("no message, or too long a one");
    if (strstr(diag.message, "cannot be placed") != NULL)
        broken("the checks before let too much through");
}

static void check_line(void *context, const char *text)
{
    uint32_t *lines = context;

    ++*lines;
    if (strlen(text) >= 100 || text[0] == '\0')
        broken("a line is too long or empty");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct plan_needs all_needs[4] = {{0},
                                                   {KIB(256), KIB(64), KIB(32), KIB(8), KIB(4)},
                                                   {MIB(3), 1, 1, 1, 1},
                                                   {GIB(1), MIB(1), 0, 4095, 100}};
    struct cursor at = cursor_over(data, size);
    uint32_t lines = 0;

    memset(&machine, 0, sizeof(machine));
    memset(&wishes, 0, sizeof(wishes));
    memset(&diag, 0, sizeof(diag));
    memset(&plan, 0x5a, sizeof(plan));
    uint8_t flags = cursor_u8(&at);
    const struct plan_needs *needs = &all_needs[flags >> 3 & 3];
    machine.page_1g = (flags & 1) != 0;
    machine.smt_shift = flags >> 1 & 3;
    read_cpus(&at);
    read_memory(&at);
    read_guests(&at);

    const struct plan_inputs inputs = {.config = &wishes, .hardware = &machine, .needs = needs};
    if (!plan_build(&inputs, &plan, &diag)) {
        check_refusal();
        return 0;
    }
    check_plan(needs);
    plan_print(&plan, &wishes, &machine, check_line, &lines);
    if (lines < 3 + wishes.guest_count)
        broken("the table has too few lines");
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Lines on COM1, each with `kind NAME: ` in front; the last one is `ok` or `FAILED`. Then it powers
 * itself off.
 */
#include <stdarg.h>

#include "kernel/acpi/guest.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"
#include "tests/guests/kinds/kinds.h"

#define UART_LSR      (GUEST_COM1 + 5)
#define UART_LSR_THRE 0x20

void kinds_main(void);

static bool failed;

static const char *const names[] = {
    [PVH] = "pvh",       [MULTIBOOT] = "multiboot", [AOUT] = "aout",    [MULTIBOOT2] = "multiboot2",
    [FLAT16] = "flat16", [FLAT32] = "flat32",       [FLAT64] = "flat64"};

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void put(const char *text)
{
    for (; *text; text++) {
        while ((in8(UART_LSR) & UART_LSR_THRE) == 0)
            ;
        out8(GUEST_COM1, (uint8_t)*text);
    }
}

void print(const char *format, ...)
{
    char line[400];
    va_list args;
    va_start(args, format);
    fmt_vprint(line, sizeof(line), format, args);
    va_end(args);
    put("kind ");
    put(names[kind]);
    put(": ");
    put(line);
    put("\r\n");
}

void expect(bool good, const char *what)
{
    if (good)
        return;
    failed = true;
    print("not good: %s", what);
}

/* The test fills each module with a count that begins with the letter that is its argument. */
static void check_module(const struct module *module)
{
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)module->start;
    bool good = module->start % 4096 == 0 && module->size > 0;
    for (uint64_t i = 0; i < module->size && good; i++)
        good = bytes[i] == (uint8_t)((uint8_t)module->args[0] + i);
    expect(good, "a module's bytes");
    print("module %lu bytes, args \"%s\"", module->size, module->args);
}

static void print_map(const struct told *told)
{
    char line[300];
    size_t used = 0;
    for (uint32_t i = 0; i < told->range_count; i++) {
        const struct range *range = &told->ranges[i];
        used += fmt_print(line + used, sizeof(line) - used, " %lx+%lx:%u", range->start,
                          range->size, range->type);
    }
    if (used > 0)
        print("map%s", line);
}

void kinds_main(void)
{
    static struct told told;
    expect(told_read(&told), "magic numbers");
    print("cmdline \"%s\" loader \"%s\"", told.cmdline ? told.cmdline : "",
          told.loader ? told.loader : "");
    print_map(&told);
    if (told.memory_lower)
        print("memory %u lower %u upper", told.memory_lower, told.memory_upper);
    for (uint32_t i = 0; i < told.module_count; i++)
        check_module(&told.modules[i]);
    check_acpi(told.rsdp);
    check_xapic(check_mp());
    print("cs %x stack %lx cr3 %lx", seen_cs, seen_sp, seen_cr3);
    print(failed ? "FAILED" : "ok");
    out8(GUEST_SLEEP_CONTROL, GUEST_SLEEP_TYPE_S5 << 2 | 1 << 5);
}

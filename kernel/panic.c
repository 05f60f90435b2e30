/* SPDX-License-Identifier: MIT */
#include "kernel/panic.h"

#include <stdatomic.h>

#include "arch/x86/cpu/smp.h"
#include "arch/x86/cpu/tables.h"
#include "kernel/coverage.h"
#include "kernel/lib/fmt.h"
#include "kernel/terminal.h"
#include "kernel/lib/types.h"

#define BACKTRACE_MAX 16

static void say(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static void say(const char *format, va_list args)
{
    char line[256];
    size_t length = fmt_vprint(line, sizeof(line), format, args);
    terminal_write_now("panic| ", 7);
    terminal_write_now(line, (uint32_t)(length < sizeof(line) ? length : sizeof(line) - 1));
    terminal_write_now("\n", 1);
}

void panic_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

static void backtrace_print(void)
{
    uint64_t addresses[BACKTRACE_MAX];
    unsigned count =
        backtrace((uint64_t)(uintptr_t)__builtin_frame_address(0), addresses, BACKTRACE_MAX);
    for (unsigned i = 0; i < count; i++)
        panic_line("  from %016llx", (unsigned long long)addresses[i]);
}

_Noreturn void panic(const char *format, ...)
{
    static atomic_flag panicking = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&panicking))
        cpu_park(); /* a fault inside the report, or a second processor's: one report is enough */
    smp_stop_others();
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    backtrace_print();
    coverage_dump();
    cpu_park();
}

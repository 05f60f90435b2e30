/* SPDX-License-Identifier: MIT */
/*
 * First process of the benchmark's guests, without a C library: one that is linked statically asks
 * CPUID dozens of times when it starts. Each line that it prints begins with "bench ". Arguments,
 * from the kernel's command line behind "--": what to do after the first report, in that order.
 *
 *   user    run /init (the test guests' own) until it says that it is done
 *   idle    sleep for ten seconds
 *   busy    compute, fault pages in and call the kernel for ten seconds
 *   smp     both on all processors: ten seconds idle, ten with processes that wake each other
 * (load.h)
 *
 * "exits" lines give the hypervisor's counters since the guest was started, as the CPUID leaves of
 * arch/x86/model/cpuid_policy.h tell them: kind number = count/cycles. Without Bulkhead there are
 * none. The "kernel" line is one that the kernel logged, with its time, just before it started us.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86/model/cpuid_policy.h"
#include "tests/bench/load.h"
#include "tests/bench/syscall.h"
#include "tests/guests/cpuid.h"

#define STDOUT     1
#define CLOCK_BOOT 7 /* CLOCK_BOOTTIME */
#define PROT_RW    3
#define BUSY_BYTES 65536
#define SECONDS    10

#define SYSLOG_READ_ALL 3 /* syslog(2) */

struct counter {
    uint64_t count;
    uint64_t cycles;
};

void bench_main(const uint64_t *stack, uint64_t tsc);

__asm__(".globl _start\n"
        "_start:\n"
        "    rdtsc\n"
        "    shl $32, %rdx\n"
        "    lea (%rax, %rdx), %rsi\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call bench_main\n");

static uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static struct counter counter(uint32_t leaf)
{
    struct cpuid_regs r = cpuid(leaf, 0);
    return (struct counter){(uint64_t)r.ebx << 32 | r.eax, (uint64_t)r.edx << 32 | r.ecx};
}

/* One line, written at once. */
static struct {
    char text[512];
    size_t used;
} line;

static void put(const char *text)
{
    while (*text && line.used < sizeof(line.text))
        line.text[line.used++] = *text++;
}

static void put_number(uint64_t value)
{
    char digits[21];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(digits + at);
}

static void put_counter(struct counter value)
{
    put_number(value.count);
    put("/");
    put_number(value.cycles);
}

static void put_end(void)
{
    put("\n");
    call(SYS_WRITE, STDOUT, pointer(line.text), line.used);
    line.used = 0;
}

static uint64_t now(void)
{
    struct timespec time = {0, 0};
    call(SYS_CLOCK_GETTIME, CLOCK_BOOT, pointer(&time), 0);
    return (uint64_t)time.seconds * UINT64_C(1000000000) + (uint64_t)time.nanoseconds;
}

static bool bulkhead_is_here(void)
{
    static const char name[] = CPUID_BULKHEAD_NAME;
    struct cpuid_regs r = cpuid(CPUID_BULKHEAD, 0);
    const uint32_t words[3] = {r.ebx, r.ecx, r.edx};
    const char *text = (const char *)words;
    for (size_t i = 0; i < sizeof(words); i++)
        if (text[i] != name[i])
            return false;
    return true;
}

static void report_counters(const char *at, struct counter total, uint32_t kinds)
{
    put("bench exits at=");
    put(at);
    put(" total=");
    put_counter(total);
    for (uint32_t i = 0; i < kinds; i++) {
        put(" ");
        put_number(i);
        put("=");
        put_counter(counter(CPUID_BULKHEAD_COUNTER + i));
    }
    put_end();
}

static bool same(const char *text, const char *other)
{
    while (*text && *text == *other) {
        text++;
        other++;
    }
    return *text == *other;
}

/* Pass on what comes until a line with "init done" has ended. */
static void copy_until_done(int from)
{
    static const char wanted[] = "init done";
    size_t matched = 0;
    char byte;
    while (call(SYS_READ, (uint64_t)from, pointer(&byte), 1) == 1) {
        const char text[2] = {byte, '\0'};
        if (byte == '\n' && matched == sizeof(wanted) - 1)
            break;
        if (matched < sizeof(wanted) - 1)
            matched = byte == wanted[matched] ? matched + 1 : byte == wanted[0];
        put(text);
    }
}

static void user(char **environment)
{
    static const char program[] = "/init";
    const char *arguments[2] = {program, NULL};
    int ends[2];
    call(SYS_PIPE, pointer(ends), 0, 0);
    int64_t child = call(SYS_FORK, 0, 0, 0);
    if (child == 0) {
        call(SYS_DUP2, (uint64_t)ends[1], STDOUT, 0);
        call(SYS_EXECVE, pointer(program), pointer(arguments), pointer(environment));
        call(SYS_EXIT, 1, 0, 0);
    }
    copy_until_done(ends[0]);
    call(SYS_KILL, (uint64_t)child, SIGKILL, 0);
}

static void idle(void)
{
    sleep(SECONDS);
}

static void busy(void)
{
    uint64_t until = now() + SECONDS * UINT64_C(1000000000);
    volatile uint64_t sum = 0;
    while (now() < until) {
        int64_t at = call(SYS_MMAP, 0, BUSY_BYTES, PROT_RW);
        uint64_t *words = (uint64_t *)(uintptr_t)at;
        for (size_t i = 0; i < BUSY_BYTES / sizeof(*words); i++)
            words[i] = i * sum + 1;
        for (size_t i = 0; i < BUSY_BYTES / sizeof(*words); i++)
            sum = sum + words[i];
        call(SYS_MUNMAP, (uint64_t)at, BUSY_BYTES, 0);
    }
}

/* From the log, which a quiet console does not show. */
static void report_kernel_clock(void)
{
    static char log[4096];
    static const char wanted[] = "] Run ";
    int64_t length = call(SYS_SYSLOG, SYSLOG_READ_ALL, pointer(log), sizeof(log) - 1);
    size_t stamp = 0, found = 0, matched = 0;
    for (size_t i = 0; (int64_t)i < length; i++) {
        if (log[i] == '[')
            stamp = i;
        matched = log[i] == wanted[matched] ? matched + 1 : log[i] == wanted[0];
        if (matched == sizeof(wanted) - 1) {
            found = stamp;
            matched = 0;
        }
    }
    for (size_t i = found; (int64_t)i < length; i++)
        if (log[i] == '\n')
            log[i] = '\0';
    put("bench kernel ");
    put(log + found);
    put_end();
}

/* How many exits ten seconds of this bring; the reading of the first counter is one itself. */
static void report_exits(const char *name, void (*work)(void))
{
    sleep(2); /* the console is to be empty and the kernel done with its late work */
    uint64_t start = rdtsc();
    struct counter before = counter(CPUID_BULKHEAD_TOTAL);
    work();
    struct counter after = counter(CPUID_BULKHEAD_TOTAL);
    put("bench ");
    put(name);
    put(" exits=");
    put_number(after.count - before.count - 1);
    put(" ticks=");
    put_number(rdtsc() - start);
    put_end();
}

/* From now on run on one processor, or on any. */
static void run_on(uint64_t mask)
{
    call(SYS_SCHED_SETAFFINITY, 0, sizeof(mask), pointer(&mask));
}

static struct counter smp_counters[64][CPUID_MAX_COUNTERS];

static void smp_read(uint32_t cpus, uint32_t kinds)
{
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        run_on(UINT64_C(1) << cpu);
        for (uint32_t kind = 0; kind < kinds; kind++)
            smp_counters[cpu][kind] = counter(CPUID_BULKHEAD_COUNTER + kind);
    }
    run_on(UINT64_MAX);
}

/*
 * Of all processors together, by kind: count/cycles. The reading itself is in it: on each of them
 * one CPUID for each kind, and the IPIs that it takes to get there.
 */
static void report_smp(const char *name, uint64_t (*work)(int64_t))
{
    static struct counter before[64][CPUID_MAX_COUNTERS];
    struct cpuid_regs info = cpuid(CPUID_BULKHEAD_INFO, 0);
    uint32_t kinds = info.ebx, cpus = info.edx;
    sleep(2);
    smp_read(cpus, kinds);
    for (uint32_t cpu = 0; cpu < cpus; cpu++)
        for (uint32_t kind = 0; kind < kinds; kind++)
            before[cpu][kind] = smp_counters[cpu][kind];
    uint64_t start = rdtsc(), messages = work(SECONDS), ticks = rdtsc() - start;
    smp_read(cpus, kinds);
    put("bench smp ");
    put(name);
    put(" ticks=");
    put_number(ticks);
    put(" messages=");
    put_number(messages);
    for (uint32_t kind = 0; kind < kinds; kind++) {
        struct counter sum = {0, 0};
        for (uint32_t cpu = 0; cpu < cpus; cpu++) {
            sum.count += smp_counters[cpu][kind].count - before[cpu][kind].count;
            sum.cycles += smp_counters[cpu][kind].cycles - before[cpu][kind].cycles;
        }
        put(" ");
        put_number(kind);
        put("=");
        put_counter(sum);
    }
    put_end();
}

static uint64_t no_messages(int64_t seconds)
{
    sleep(seconds);
    return 0;
}

void bench_main(const uint64_t *stack, uint64_t tsc)
{
    bool here = bulkhead_is_here();
    struct counter total = counter(CPUID_BULKHEAD_TOTAL);
    uint32_t kinds = here ? cpuid(CPUID_BULKHEAD_INFO, 0).ebx : 0;
    char **arguments = (char **)(uintptr_t)(stack + 1);
    char **environment = arguments + stack[0] + 1;

    if (here)
        report_counters("init", total, kinds);
    put("bench init tsc=");
    put_number(tsc);
    for (char **at = environment; *at; at++) {
        put(" ");
        put(*at);
    }
    put_end();
    report_kernel_clock();
    for (uint64_t i = 1; i < stack[0]; i++) {
        if (same(arguments[i], "user")) {
            user(environment);
            uint64_t done = rdtsc();
            total = counter(CPUID_BULKHEAD_TOTAL);
            put_end();
            if (here)
                report_counters("user", total, kinds);
            put("bench user tsc=");
            put_number(done);
            put_end();
        } else if (same(arguments[i], "idle")) {
            report_exits("idle", idle);
        } else if (same(arguments[i], "busy")) {
            report_exits("busy", busy);
        } else if (same(arguments[i], "smp")) {
            report_smp("idle", no_messages);
            report_smp("load", load_messages);
        }
    }
    put("bench done");
    put_end();
    for (;;)
        sleep(86400);
}

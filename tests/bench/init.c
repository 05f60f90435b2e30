/* SPDX-License-Identifier: MIT */
/*
 * First process of the benchmark's guests, without a C library: one that is linked statically asks
 * CPUID dozens of times when it starts. Each line that it prints begins with "bench ". Arguments,
 * from the kernel's command line behind "--": what to do after the first report, in that order.
 *
 *   user    run /init (the test guests' own) until it says that it is done
 *   idle    sleep for ten seconds
 *   busy    compute, fault pages in and call the kernel for ten seconds
 *
 * "exits" lines give the hypervisor's counters since the guest was started, as the CPUID leaves of
 * arch/x86/model/cpuid_policy.h tell them: kind number = count/cycles. Without Bulkhead there are
 * none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86/model/cpuid_policy.h"

/* Linux system calls, x86-64. */
enum {
    SYS_READ = 0,
    SYS_WRITE = 1,
    SYS_MMAP = 9,
    SYS_MUNMAP = 11,
    SYS_PIPE = 22,
    SYS_DUP2 = 33,
    SYS_NANOSLEEP = 35,
    SYS_FORK = 57,
    SYS_EXECVE = 59,
    SYS_EXIT = 60,
    SYS_KILL = 62,
    SYS_CLOCK_GETTIME = 228,
};

#define STDOUT        1
#define SIGKILL       9
#define CLOCK_BOOT    7 /* CLOCK_BOOTTIME */
#define PROT_RW       3
#define MAP_ANONYMOUS 0x22 /* and MAP_PRIVATE */
#define BUSY_BYTES    65536
#define SECONDS       10

struct timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

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

static int64_t call(int64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t flags __asm__("r10") = MAP_ANONYMOUS; /* mmap: the rest is always the same */
    register uint64_t file __asm__("r8") = UINT64_MAX;
    register uint64_t offset __asm__("r9") = 0;
    int64_t result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(flags), "r"(file), "r"(offset)
                     : "rcx", "r11", "memory");
    return result;
}

static uint64_t pointer(const void *to)
{
    return (uint64_t)(uintptr_t)to;
}

static struct cpuid_regs cpuid(uint32_t leaf)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(0));
    return r;
}

static uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static struct counter counter(uint32_t leaf)
{
    struct cpuid_regs r = cpuid(leaf);
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

static void sleep(int64_t seconds)
{
    struct timespec time = {seconds, 0};
    call(SYS_NANOSLEEP, pointer(&time), 0, 0);
}

static bool bulkhead_is_here(void)
{
    static const char name[] = CPUID_BULKHEAD_NAME;
    struct cpuid_regs r = cpuid(CPUID_BULKHEAD);
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

void bench_main(const uint64_t *stack, uint64_t tsc)
{
    bool here = bulkhead_is_here();
    struct counter total = counter(CPUID_BULKHEAD_TOTAL);
    uint32_t kinds = here ? cpuid(CPUID_BULKHEAD_INFO).ebx : 0;
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
        }
    }
    put("bench done");
    put_end();
    for (;;)
        sleep(86400);
}

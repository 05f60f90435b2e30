/* SPDX-License-Identifier: MIT */
#include "arch/x86/cpu/tsc.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/model/tsc_math.h"
#include "arch/x86/regs/cpuid.h"
#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

/* IA-PC HPET Specification "Memory Map". */
#define HPET_PERIOD     0x004 /* upper half of the capabilities: femtoseconds a tick */
#define HPET_CONFIG     0x010
#define HPET_COUNTER    0x0f0
#define HPET_SIZE       0x400
#define HPET_ENABLE     BIT(0)
#define HPET_PERIOD_MAX 0x05f5e100
#define FEMTOSECONDS    UINT64_C(1000000000000000)

/* ACPI Specification "Power Management Timer". */
#define PM_TIMER_HZ 3579545

/* Intel 8254 data sheet; port 0x61 of the PC/AT gates its counter 2. */
#define PIT_HZ         1193182
#define PIT_COUNTER_2  0x42
#define PIT_CONTROL    0x43
#define PIT_GATE       0x61
#define PIT_GATE_ON    BIT(0)
#define PIT_SPEAKER_ON BIT(1)
#define PIT_MODE_0     0xb0 /* counter 2, both bytes, count down once */
#define PIT_LATCH      0x80 /* counter 2 */

#define INTEL_EBX 0x756e6547 /* "Genu" of GenuineIntel */

#define MEASURE_PER_SECOND 100    /* 10 ms */
#define STUCK_READS        100000 /* the same value so often: there is no such timer */
#define TRIES              8

/* A counter that runs up at `hz` and wraps around at `mask`. */
struct timer {
    uint32_t (*read)(const struct timer *timer);
    uint64_t hz;
    uint32_t mask;
    volatile char *registers; /* HPET */
    uint16_t port;            /* PM timer */
    enum tsc_source source;
};

/* One look at both clocks. */
struct moment {
    uint64_t tsc;
    uint32_t timer;
};

static struct tsc_rate rate;

static uint32_t read_hpet(const struct timer *timer)
{
    return mmio_read32(timer->registers + HPET_COUNTER);
}

static uint32_t read_pm_timer(const struct timer *timer)
{
    return io_in32(timer->port);
}

static uint32_t read_pit(const struct timer *timer)
{
    (void)timer;
    io_out8(PIT_CONTROL, PIT_LATCH);
    uint32_t low = io_in8(PIT_COUNTER_2);
    return ~(low | (uint32_t)io_in8(PIT_COUNTER_2) << 8); /* it counts down */
}

/* An SMI or a slow bus may come between the two clocks: of some looks the quickest counts. */
static struct moment look(const struct timer *timer)
{
    struct moment best = {0, 0};
    uint64_t shortest = UINT64_MAX;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t before = cpu_rdtsc();
        uint32_t value = timer->read(timer);
        uint64_t took = cpu_rdtsc() - before;
        if (took < shortest) {
            shortest = took;
            best = (struct moment){before + took / 2, value};
        }
    }
    return best;
}

/* Let the timer run for 10 ms. False when it stands still. */
static bool run(const struct timer *timer, uint32_t from)
{
    uint32_t ticks = (uint32_t)(timer->hz / MEASURE_PER_SECOND);
    uint32_t last = from;
    unsigned same = 0;

    while (((last - from) & timer->mask) < ticks) {
        uint32_t now = timer->read(timer);
        same = now == last ? same + 1 : 0;
        if (same == STUCK_READS)
            return false;
        last = now;
    }
    return true;
}

static struct tsc_rate measure(const struct timer *timer)
{
    struct moment start = look(timer);

    if (!run(timer, start.timer))
        return (struct tsc_rate){0, TSC_UNKNOWN};
    struct moment end = look(timer);
    uint32_t ticks = (end.timer - start.timer) & timer->mask;
    return (struct tsc_rate){tsc_from_timer(end.tsc - start.tsc, ticks, timer->hz), timer->source};
}

static struct tsc_rate measure_hpet(uint64_t base)
{
    const struct tsc_rate nothing = {0, TSC_UNKNOWN};

    if (base == 0)
        return nothing;
    volatile char *registers = device_map(hpa(base), HPET_SIZE, MAP_UNCACHED);
    uint32_t period = mmio_read32(registers + HPET_PERIOD);
    if (period == 0 || period > HPET_PERIOD_MAX)
        return nothing;
    uint32_t config = mmio_read32(registers + HPET_CONFIG);
    mmio_write32(registers + HPET_CONFIG, config | HPET_ENABLE);
    struct timer timer = {.read = read_hpet,
                          .hz = FEMTOSECONDS / period,
                          .mask = UINT32_MAX,
                          .registers = registers,
                          .source = TSC_HPET};
    struct tsc_rate result = measure(&timer);
    mmio_write32(registers + HPET_CONFIG, config);
    return result;
}

static struct tsc_rate measure_pm_timer(const struct tsc_timers *timers)
{
    struct timer timer = {.read = read_pm_timer,
                          .hz = PM_TIMER_HZ,
                          .mask = timers->pm_timer_wide ? UINT32_MAX : (uint32_t)BITS(23, 0),
                          .port = timers->pm_timer,
                          .source = TSC_PM_TIMER};

    if (timers->pm_timer == 0)
        return (struct tsc_rate){0, TSC_UNKNOWN};
    return measure(&timer);
}

static struct tsc_rate measure_pit(void)
{
    struct timer timer = {
        .read = read_pit, .hz = PIT_HZ, .mask = (uint32_t)BITS(15, 0), .source = TSC_PIT};
    uint8_t gate = io_in8(PIT_GATE);

    io_out8(PIT_GATE, (uint8_t)((gate & ~PIT_SPEAKER_ON) | PIT_GATE_ON));
    io_out8(PIT_CONTROL, PIT_MODE_0);
    io_out8(PIT_COUNTER_2, 0xff);
    io_out8(PIT_COUNTER_2, 0xff);
    struct tsc_rate result = measure(&timer);
    io_out8(PIT_GATE, gate);
    return result;
}

static struct tsc_rate ask_cpuid(void)
{
    struct cpu_cpuid_regs vendor = cpu_cpuid(CPUID_VENDOR, 0);
    struct tsc_cpuid cpuid = {.max_leaf = vendor.eax, .intel = vendor.ebx == INTEL_EBX};

    cpuid.signature = cpu_cpuid(CPUID_FEATURES, 0).eax;
    if (vendor.eax >= CPUID_TSC) {
        struct cpu_cpuid_regs tsc = cpu_cpuid(CPUID_TSC, 0);
        cpuid.denominator = tsc.eax;
        cpuid.numerator = tsc.ebx;
        cpuid.crystal_hz = tsc.ecx;
    }
    if (vendor.eax >= CPUID_FREQUENCY)
        cpuid.base_mhz = cpu_cpuid(CPUID_FREQUENCY, 0).eax & (uint32_t)BITS(15, 0);
    return tsc_from_cpuid(&cpuid);
}

bool tsc_init(const struct tsc_timers *timers)
{
    struct tsc_rate measured = measure_hpet(timers->hpet);

    if (measured.khz == 0)
        measured = measure_pm_timer(timers);
    if (measured.khz == 0)
        measured = measure_pit();
    rate = tsc_choose(ask_cpuid(), measured);
    return rate.khz != 0;
}

uint64_t tsc_khz(void)
{
    return rate.khz;
}

const char *tsc_source(void)
{
    return tsc_source_name(rate.source);
}

uint64_t tsc_from_us(uint64_t us)
{
    return us * rate.khz / 1000;
}

void tsc_wait_us(uint64_t us)
{
    uint64_t start = cpu_rdtsc();
    uint64_t ticks = tsc_from_us(us);

    while (cpu_rdtsc() - start < ticks)
        cpu_pause();
}

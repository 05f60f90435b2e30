/* SPDX-License-Identifier: MIT */
#include "kernel/terminal.h"

#include "arch/cpu.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/tsc.h"
#include "drivers/ioapic.h"
#include "drivers/screen.h"
#include "drivers/uart.h"
#include "kernel/alarm.h"
#include "kernel/console/console.h"
#include "kernel/lib/mem.h"
#include "kernel/lock.h"
#include "kernel/plan/survey.h"

#define LOG_BYTES          4096
#define OUT_BYTES          256   /* little at a time: it is made on a guest's processor */
#define KEYS_MAX           1024  /* for one interrupt: a port may never run empty */
#define UNFINISHED_LINE_US 50000 /* a line that does not grow for so long is shown */
#define PUMP_ROUNDS        8     /* bound on the work that one call does for others */
#define FLUSH_ROUNDS       256

static struct uart uart;
static struct screen screen;
static struct console console;
static struct ring log_ring;
static uint8_t log_bytes[LOG_BYTES];
static struct lock log_lock = LOCK_INIT; /* log_ring has many producers */
static struct terminal_owner owner;
static const struct cpu *attendant;
static bool started;

/* Guarded by the lock: the console, and what the serial port has not taken yet. */
static struct {
    struct lock lock;
    char out[OUT_BYTES];
    uint32_t first, end;
    uint64_t flush_at; /* TSC; 0: no line waits */
} pump = {.lock = LOCK_INIT};

/* Somebody wanted to pump while another was at it. */
static _Atomic bool pump_again;

void terminal_init_serial(const struct config_machine *config, const struct acpi_host *acpi)
{
    uint32_t baud = 0;
    uint16_t port = config ? survey_console_port(config, acpi, &baud) : SURVEY_COM1;
    uart.depth = 0;
    if (port != 0)
        uart_init(&uart, port, baud);
}

uint16_t terminal_port(void)
{
    return uart.depth > 0 ? uart.port : 0;
}

void terminal_init_screen(const struct handoff_screen *what, void *pixels)
{
    screen_init(&screen, what, pixels, screen_font_start,
                (size_t)(screen_font_end - screen_font_start));
}

void terminal_move_screen(void *pixels)
{
    screen_move(&screen, pixels);
}

void terminal_write_now(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            uart_put(&uart, '\r');
        uart_put(&uart, (uint8_t)text[i]);
    }
    screen_write(&screen, text, length);
}

uint64_t terminal_bytes_fixed(void)
{
    return sizeof(struct console_source);
}

uint64_t terminal_bytes_per_guest(void)
{
    return sizeof(struct console_source);
}

void terminal_start(const struct terminal_guest *guests, uint32_t count,
                    const struct terminal_owner *who)
{
    static const char log_name[] = CONSOLE_LOG_NAME;
    struct console_source *sources = host_alloc((count + 1) * sizeof(*sources), 64);
    for (uint32_t i = 0; i < count; i++) {
        size_t length = 0;
        while (guests[i].name[length])
            length++;
        console_source(&sources[i], guests[i].name, length, guests[i].output);
    }
    ring_init(&log_ring, log_bytes, LOG_BYTES);
    console_source(&sources[count], log_name, sizeof(log_name) - 1, &log_ring);
    console_init(&console, sources, count);
    owner = *who;
    started = true;
}

/* The lines that PCs gave to COM1 and COM3, COM2 and COM4. */
static unsigned serial_irq(uint16_t port)
{
    return port == 0x2f8 || port == 0x2e8 ? 3 : 4;
}

void terminal_attend(struct cpu *cpu, const struct acpi_host *acpi)
{
    attendant = cpu;
    ioapic_route_isa(acpi, serial_irq(uart.port), cpu->apic_id);
    uart_interrupts_on(&uart);
}

/* True: something moved. Under the lock. */
static bool pump_once(void)
{
    bool moved = false;
    if (pump.first == pump.end) {
        pump.first = 0;
        pump.end = (uint32_t)console_pump(&console, pump.out, OUT_BYTES);
        if (pump.end > 0) {
            screen_write(&screen, pump.out, pump.end);
            moved = true;
        }
        if (uart.depth == 0)
            pump.first = pump.end;
    }
    size_t sent = uart_fill(&uart, pump.out + pump.first, pump.end - pump.first);
    pump.first += (uint32_t)sent;
    return moved || sent > 0;
}

/* Lines without end are in no hurry, but somebody waits for a prompt. Under the lock. */
static void timer_start(void)
{
    if (pump.flush_at != 0 || !attendant || !console_unfinished(&console))
        return;
    pump.flush_at = cpu_rdtsc() + tsc_from_us(UNFINISHED_LINE_US);
    alarm_set(ALARM_TERMINAL, pump.flush_at);
}

void terminal_pump(void)
{
    bool moved = false;
    if (!started)
        return;
    for (unsigned round = 0; round < PUMP_ROUNDS; round++) {
        if (!lock_try(&pump.lock)) {
            atomic_store(&pump_again, true);
            return;
        }
        atomic_store(&pump_again, false);
        for (unsigned i = 0; i < PUMP_ROUNDS && pump_once(); i++)
            moved = true;
        timer_start();
        lock_release(&pump.lock);
        if (!atomic_load(&pump_again))
            break;
    }
    if (moved)
        owner.drained();
}

static void key(uint8_t byte)
{
    lock_take(&pump.lock);
    struct console_event event = console_key(&console, byte);
    lock_release(&pump.lock);
    switch (event.action) {
    case CONSOLE_NOTHING:
        break;
    case CONSOLE_SEND:
        owner.input(event.guest, event.byte);
        break;
    case CONSOLE_STATISTICS:
        owner.statistics();
        break;
    }
}

void terminal_poll(const struct cpu *cpu)
{
    uint8_t byte;
    if (cpu != attendant)
        return;
    for (unsigned i = 0; i < KEYS_MAX && uart_poll_input(&uart, &byte); i++)
        key(byte);
    lock_take(&pump.lock);
    if (pump.flush_at != 0 && cpu_rdtsc() >= pump.flush_at) {
        pump.flush_at = 0;
        console_flush(&console);
    }
    lock_release(&pump.lock);
    terminal_pump();
}

void terminal_log(const char *text, uint32_t length)
{
    static const char name[] = CONSOLE_LOG_NAME "| ";
    if (!started) {
        terminal_write_now(name, sizeof(name) - 1);
        terminal_write_now(text, length);
        terminal_write_now("\n", 1);
        return;
    }
    lock_take(&log_lock);
    if (ring_space(&log_ring) > length) { /* else the line is lost: nobody may wait here */
        ring_write(&log_ring, text, length);
        ring_put(&log_ring, '\n');
    }
    lock_release(&log_lock);
    terminal_pump();
}

void terminal_restart(uint32_t guest)
{
    lock_take(&pump.lock);
    console_restart(&console, guest);
    lock_release(&pump.lock);
}

void terminal_flush(void)
{
    lock_take(&pump.lock);
    for (unsigned i = 0; i < FLUSH_ROUNDS; i++) {
        for (; pump.first < pump.end; pump.first++)
            uart_put(&uart, (uint8_t)pump.out[pump.first]);
        console_flush(&console);
        if (!pump_once() && !console_unfinished(&console))
            break;
    }
    uart_drain(&uart);
    lock_release(&pump.lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * The machine's own terminal: serial port and screen, shared by the hypervisor's log and the
 * guests' consoles (kernel/console does the sharing).
 *
 * Nobody waits for it once guests run. Output goes through rings; whoever has written something
 * pumps as much as the serial port takes, and the port's interrupt brings the rest: it is routed,
 * as NMI, to the one processor that looks after the terminal; an alarm is for unfinished lines.
 */
#ifndef BULKHEAD_KERNEL_TERMINAL_H
#define BULKHEAD_KERNEL_TERMINAL_H

#include "arch/x86/cpu/percpu.h"
#include "boot/handoff.h"
#include "kernel/acpi/host.h"
#include "kernel/config/config.h"
#include "kernel/lib/ring.h"

/* Open the serial port that the config or ACPI's SPCR names (NULL: not known yet: COM1). */
void terminal_init_serial(const struct config_machine *config, const struct acpi_host *acpi);

/* Open the screen, at the place where the framebuffer is mapped; and when that has changed. */
void terminal_init_screen(const struct handoff_screen *what, void *pixels);
void terminal_move_screen(void *pixels);

/* The first of the serial port's eight I/O ports, 0 when there is none. */
uint16_t terminal_port(void);

/* Text at once, waiting for the serial port: before terminal_start() and in a panic. */
void terminal_write_now(const char *text, uint32_t length);

/* What the terminal asks of its owner. Called on the processor that looks after it, no lock held.
 */
struct terminal_owner {
    void (*input)(uint32_t guest, uint8_t byte);
    void (*statistics)(void);
    void (*drained)(void); /* output rings have more room now */
};

/* One guest's console. */
struct terminal_guest {
    const char *name;
    struct ring *output;
};

/*
 * From now on through the rings. `guests` has `count` entries and stays. Once, before
 * memory_seal().
 */
void terminal_start(const struct terminal_guest *guests, uint32_t count,
                    const struct terminal_owner *owner);

/* Bytes of host memory for terminal_start(), fixed and for each guest. */
uint64_t terminal_bytes_fixed(void);
uint64_t terminal_bytes_per_guest(void);

/* Route the serial port's interrupt to `cpu`, which calls terminal_poll(). */
void terminal_attend(struct cpu *cpu, const struct acpi_host *acpi);

/* A line of the log, without line end. Any processor. */
void terminal_log(const char *text, uint32_t length);

/* Move output on, as far as it goes without waiting. Any processor; bounded. */
void terminal_pump(void);

/* After an NMI, and after alarm_poll(): what the serial port has to say, and lines that wait, when
 * `cpu` looks after them. */
void terminal_poll(const struct cpu *cpu);

/* A guest starts anew: its line state on the console is forgotten. */
void terminal_restart(uint32_t guest);

/* Show all that is in the rings, waiting for the serial port; bounded. Before power-off. */
void terminal_flush(void);

#endif

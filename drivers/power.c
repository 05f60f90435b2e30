/* SPDX-License-Identifier: MIT */
#include "drivers/power.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/x86/cpu/memory.h"
#include "arch/x86/cpu/tables.h"
#include "arch/x86/cpu/tsc.h"
#include "kernel/lib/bits.h"
#include "kernel/mm/pagetable.h"

/* ACPI Specification "PM1 Control Registers", "Sleep Control and Status Registers" */
#define PM1_SCI_EN    BIT(0)
#define PM1_SLP_TYP   BITS(12, 10)
#define PM1_SLP_EN    BIT(13)
#define SLEEP_SLP_TYP BITS(4, 2)
#define SLEEP_SLP_EN  BIT(5)

#define RESET_CF9            0xcf9
#define RESET_CF9_FULL       0x0e
#define KEYBOARD_COMMAND     0x64
#define KEYBOARD_PULSE_RESET 0xfe
#define OBEY_US              2000000 /* how long a machine may take to obey */

static struct acpi_fadt fadt;
static uint8_t *reset_mapped; /* when the reset register is in memory */

void power_init(const struct acpi_host *acpi)
{
    fadt = acpi->fadt;
    if (fadt.reset.present && fadt.reset.space == ACPI_SPACE_MEMORY)
        reset_mapped = device_map(hpa(fadt.reset.address), 1, MAP_UNCACHED);
}

static void pm1_sleep(const struct acpi_register *control, uint8_t type)
{
    if (!control->present || control->space != ACPI_SPACE_IO)
        return;
    uint16_t port = (uint16_t)control->address;
    uint64_t value = io_in16(port) & ~(PM1_SLP_TYP | PM1_SLP_EN);
    io_out16(port, (uint16_t)(value | field_put(PM1_SLP_TYP, type) | PM1_SLP_EN));
}

/* Firmware may have left the machine in legacy mode, in which PM1 does nothing. */
static void acpi_mode_enter(void)
{
    if (fadt.smi_command == 0 || !fadt.pm1a_control.present ||
        fadt.pm1a_control.space != ACPI_SPACE_IO)
        return;
    uint16_t port = (uint16_t)fadt.pm1a_control.address;
    if (io_in16(port) & PM1_SCI_EN)
        return;
    io_out8((uint16_t)fadt.smi_command, fadt.acpi_enable);
    uint64_t end = cpu_rdtsc() + tsc_from_us(OBEY_US);
    while (!(io_in16(port) & PM1_SCI_EN) && cpu_rdtsc() < end)
        cpu_pause();
}

void power_off(void)
{
    if (!fadt.present || !fadt.has_s5)
        return;
    if (fadt.hw_reduced) {
        if (fadt.sleep_control.present && fadt.sleep_control.space == ACPI_SPACE_IO)
            io_out8((uint16_t)fadt.sleep_control.address,
                    (uint8_t)(field_put(SLEEP_SLP_TYP, fadt.s5_type_a) | SLEEP_SLP_EN));
    } else {
        acpi_mode_enter();
        pm1_sleep(&fadt.pm1a_control, fadt.s5_type_a);
        pm1_sleep(&fadt.pm1b_control, fadt.s5_type_b);
    }
    tsc_wait_us(OBEY_US);
}

_Noreturn void power_reset(void)
{
    if (fadt.reset.present && fadt.reset.space == ACPI_SPACE_IO)
        io_out8((uint16_t)fadt.reset.address, fadt.reset_value);
    else if (reset_mapped)
        *(volatile uint8_t *)reset_mapped = fadt.reset_value;
    tsc_wait_us(OBEY_US);
    io_out8(RESET_CF9, RESET_CF9_FULL);
    io_out8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    tsc_wait_us(OBEY_US);
    cpu_park();
}

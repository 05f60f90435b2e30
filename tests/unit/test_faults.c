/* SPDX-License-Identifier: MIT */
/*
 * Who does what when devices are blocked: kernel/vm/faults.c with units that have faults to tell,
 * and guests whose letters and devices note what comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/lib/bits.h"
#include "kernel/lib/types.h"

/* In place of arch/cpu.h and of the parts of arch/x86/cpu that tell the time. */
#define BULKHEAD_ARCH_CPU_H
#define BULKHEAD_ARCH_X86_CPU_TSC_H

static uint64_t clock_us; /* microseconds */

static inline uint64_t cpu_rdtsc(void)
{
    return clock_us;
}

static inline uint64_t tsc_from_us(uint64_t us)
{
    return us;
}

static inline void cpu_pause(void)
{
}

#include "kernel/vm/faults.c"

#define GUESTS 2
#define OWNED  0x0100 /* device 0 of guest 1 */
#define SECOND 0x0200 /* device 1 of guest 1 */

static struct config_guest configs[GUESTS];
static struct vcpu vcpus[GUESTS];
static struct guest guests[GUESTS];
static struct plan_device planned[2];
static struct passthrough devices[2];
static struct cpu spare;

/* ---- units ---- */
static struct {
    struct iommu_fault next; /* told again and again ... */
    uint32_t left;           /* ... so often */
    bool alerts, listening;
    uint32_t taken;
} units;

bool iommu_on(void)
{
    return true;
}

bool iommu_poll(struct iommu_fault *fault)
{
    if (units.left == 0)
        return false;
    units.left--;
    units.taken++;
    *fault = units.next;
    return true;
}

bool iommu_alert(uint32_t apic_id)
{
    (void)apic_id;
    return units.alerts;
}

void iommu_listen(bool on)
{
    units.listening = on;
}

/* ---- the alarm, the log, the guests ---- */
static uint64_t alarm_at;
static uint32_t lines, letters[GUESTS], removed[2];

void alarm_set(uint32_t who, uint64_t tsc)
{
    assert_int_equal(who, ALARM_FAULTS);
    alarm_at = tsc;
}

void log_line(const char *format, ...)
{
    (void)format;
    lines++;
}

struct guest *guest_at(uint32_t index)
{
    return index < GUESTS ? &guests[index] : NULL;
}

uint32_t guest_count(void)
{
    return GUESTS;
}

void vcpu_mail(struct vcpu *vcpu, uint32_t letter)
{
    assert_int_equal(letter, MAIL_FAULT);
    assert_int_equal(vcpu->id, 0);
    letters[vcpu->guest->index]++;
}

bool passthrough_is(const struct passthrough *p, struct iommu_source source)
{
    return source.segment == 0 && p->planned->requesters[0] == source.id;
}

bool passthrough_remove(struct guest *guest, struct passthrough *p)
{
    assert_ptr_equal(guest, &guests[1]);
    removed[p - devices]++;
    return true;
}

bool guest_stop(struct vcpu *vcpu, enum stop_reason reason)
{
    uint32_t none = STOP_NONE;
    return atomic_compare_exchange_strong(&vcpu->guest->stop, &none, reason);
}

static int setup(void **state)
{
    (void)state;
    memset(&faults, 0, sizeof(faults));
    memset(&units, 0, sizeof(units));
    memset(guests, 0, sizeof(guests));
    memset(devices, 0, sizeof(devices));
    memset(letters, 0, sizeof(letters));
    memset(removed, 0, sizeof(removed));
    for (uint32_t i = 0; i < GUESTS; i++) {
        vcpus[i] = (struct vcpu){.guest = &guests[i]};
        configs[i].on_fault = ON_FAULT_DETACH;
        guests[i].index = i;
        guests[i].config = &configs[i];
        guests[i].vcpu_count = 1;
        guests[i].vcpus = &vcpus[i];
        atomic_store(&guests[i].state, GUEST_RUNNING);
    }
    guests[1].passthrough.devices = devices;
    guests[1].passthrough.count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        devices[i].planned = &planned[i];
        atomic_store(&devices[i].state, PASSTHROUGH_ON);
    }
    planned[0] = (struct plan_device){.requesters = {OWNED}, .requester_count = 1};
    planned[1] = (struct plan_device){.requesters = {SECOND}, .requester_count = 1};
    spare.vcpu = NULL;
    units.alerts = true;
    alarm_at = ALARM_NEVER;
    lines = 0;
    clock_us = 1000000;
    faults_attend(&spare);
    return 0;
}

static void blocked(uint16_t id, uint32_t count)
{
    units.next = (struct iommu_fault){
        .kind = IOMMU_FAULT_WRITE, .source = {0, id}, .address = 0x1000, .write = true};
    units.left = count;
}

/* Look again as soon as it is time. */
static void look(void)
{
    if (alarm_at != ALARM_NEVER)
        clock_us = alarm_at;
    alarm_at = ALARM_NEVER;
    faults_poll(&spare);
}

/* ---- */

/* The attendant counts and writes a letter; all the rest is the owner's. */
static void test_owner_cleans_up(void **state)
{
    (void)state;
    blocked(OWNED, FAULTS_MOST - 1);
    look();
    assert_int_equal(letters[1], 0);
    blocked(OWNED, 1);
    look();
    assert_int_equal(letters[1], 1);
    assert_int_equal(letters[0], 0);
    assert_int_equal(removed[0], 0);
    assert_false(faults_answer(&vcpus[1]));
    assert_int_equal(removed[0], 1);
    assert_int_equal(removed[1], 0);
    blocked(OWNED, 5);
    look();
    assert_false(faults_answer(&vcpus[1]));
    assert_int_equal(letters[1], 1);
    assert_int_equal(removed[0], 1);
}

/* A letter that came while the guest was starting is thrown away there: it comes again. */
static void test_letter_comes_again(void **state)
{
    (void)state;
    atomic_store(&guests[1].state, GUEST_WAITING);
    blocked(OWNED, FAULTS_MOST);
    look();
    assert_int_equal(letters[1], 0);
    atomic_store(&guests[1].state, GUEST_RUNNING);
    blocked(OWNED, 1);
    look();
    assert_int_equal(letters[1], 1);
    blocked(OWNED, 1);
    look();
    assert_int_equal(letters[1], 2);
}

static void test_stop(void **state)
{
    (void)state;
    configs[1].on_fault = ON_FAULT_STOP;
    blocked(SECOND, FAULTS_MOST);
    look();
    assert_int_equal(atomic_load(&guests[1].stop), STOP_NONE);
    assert_true(faults_answer(&vcpus[1]));
    assert_int_equal(atomic_load(&guests[1].stop), STOP_DEVICE);
    assert_int_equal(removed[1], 0);
}

/* However many there are. */
static void test_look_is_bounded(void **state)
{
    (void)state;
    configs[1].on_fault = ON_FAULT_IGNORE;
    blocked(OWNED, 1000000);
    look();
    assert_int_equal(units.taken, POLL_MOST);
    assert_false(units.listening);
    faults_poll(&spare); /* too early */
    assert_int_equal(units.taken, POLL_MOST);
    assert_int_equal(alarm_at, clock_us + FAULTS_PAUSE_US);
    look();
    assert_int_equal(units.taken, 2 * POLL_MOST);
    units.left = 0;
    look();
    assert_true(units.listening);
    assert_int_equal(alarm_at, ALARM_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_owner_cleans_up, setup),
        cmocka_unit_test_setup(test_letter_comes_again, setup),
        cmocka_unit_test_setup(test_stop, setup),
        cmocka_unit_test_setup(test_look_is_bounded, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
static struct cpu attendant; /* runs guest 0, or is a spare one */

/* ---- units ---- */
static struct {
    struct iommu_fault next; /* told again and again ... */
    uint32_t left;           /* ... so often */
    bool alerts, listening;
    int missed; /* so often something is there already */
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

bool iommu_alert(uint32_t apic_id, const volatile uint64_t *nmis)
{
    assert_int_equal(apic_id, attendant.apic_id);
    assert_ptr_equal(nmis, &attendant.nmis);
    return units.alerts;
}

static struct iommu_source silenced[512];
static uint32_t silences;
static bool obeys; /* a silenced source tells no more */

bool iommu_silence(struct iommu_source source)
{
    assert_true(silences < ARRAY_COUNT(silenced));
    silenced[silences++] = source;
    if (obeys && units.next.source.id == source.id)
        units.left = 0;
    return true;
}

bool iommu_listen(bool on)
{
    units.listening = on;
    return on && units.missed-- > 0;
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
    attendant.vcpu = &vcpus[0];
    units.alerts = true;
    silences = 0;
    obeys = true;
    alarm_at = ALARM_NEVER;
    lines = 0;
    clock_us = 1000000;
    faults_attend(&attendant);
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
    faults_poll(&attendant);
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
    blocked(OWNED, FAULTS_TOLD - 1);
    look();
    assert_int_equal(units.taken, POLL_MOST);
    assert_false(units.listening);
    faults_poll(&attendant); /* too early */
    assert_int_equal(units.taken, POLL_MOST);
    assert_int_equal(alarm_at, clock_us + FAULTS_PAUSE_US);
    look();
    assert_int_equal(units.taken, 2 * POLL_MOST);
    units.left = 0;
    look();
    assert_true(units.listening);
    assert_int_equal(alarm_at, ALARM_NEVER);
}

/* Until there is no alarm and no fault; the owner reads its letters at once. */
static uint32_t looks_until_quiet(void)
{
    for (uint32_t looks = 1; looks < 1000; looks++) {
        uint32_t before = letters[1];
        look();
        if (letters[1] != before)
            faults_answer(&vcpus[1]);
        if (alarm_at == ALARM_NEVER)
            return looks;
    }
    return UINT32_MAX;
}

/* A device that goes on for ever costs others a number of looks, and then nothing. */
static void test_ignored_device_falls_silent(void **state)
{
    (void)state;
    configs[1].on_fault = ON_FAULT_IGNORE;
    blocked(OWNED, UINT32_MAX);
    assert_in_range(looks_until_quiet(), 1, FAULTS_TOLD / POLL_MOST + 2);
    assert_int_equal(silences, 1);
    assert_int_equal(silenced[0].id, OWNED);
    assert_true(units.listening);
    assert_in_range(units.taken, FAULTS_TOLD, FAULTS_TOLD + POLL_MOST);
    assert_in_range(lines, 1, 10); /* powers of two, and the last word */
    assert_true(atomic_load(&devices[0].faults.silenced));
}

/* The same of a guest that does not read its letters. */
static void test_device_of_stopped_guest(void **state)
{
    (void)state;
    atomic_store(&guests[1].state, GUEST_OFF);
    blocked(OWNED, UINT32_MAX);
    assert_in_range(looks_until_quiet(), 1, FAULTS_TOLD / POLL_MOST + 2);
    assert_int_equal(letters[1], 0);
    assert_int_equal(silences, 1);
}

static void test_nobodys_source_falls_silent(void **state)
{
    (void)state;
    blocked(0x3300, UINT32_MAX);
    assert_in_range(looks_until_quiet(), 1, UNOWNED_MOST / POLL_MOST + 2);
    assert_int_equal(silences, 1);
    assert_int_equal(silenced[0].id, 0x3300);
    assert_int_equal(letters[0] + letters[1], 0);
    assert_true(lines <= LINES_MOST);
    blocked(0x3308, UINT32_MAX);
    assert_in_range(looks_until_quiet(), 1, 2);
    assert_int_equal(silenced[1].id, 0x3308);
}

/* A number that is not the device's own counts as its owner's where nobody else can be meant. */
static void test_foreign_numbers(void **state)
{
    (void)state;
    planned[0].function.address = pci_address(0, 1, 0, 0);
    planned[1].function.address = pci_address(0, 2, 0, 0);
    blocked(0x0107, FAULTS_MOST); /* the same device, another function */
    look();
    assert_int_equal(letters[1], 1);
    assert_int_equal(count_of(&devices[0].faults), FAULTS_MOST);
    blocked(0x0108, 1); /* another device of a root bus */
    look();
    assert_int_equal(atomic_load(&faults.unowned), 1);
    planned[1].bridge = pci_address(0, 0, 4, 0);
    blocked(0x0208, 1); /* behind a bridge all ids of the bus are near */
    look();
    assert_int_equal(count_of(&devices[1].faults), 1);
    guests[0].passthrough.devices = &devices[1];
    guests[0].passthrough.count = guests[1].passthrough.count = 1;
    planned[1].function.address = pci_address(0, 1, 0, 1);
    blocked(0x0107, 1); /* two owners: nobody is blamed */
    look();
    assert_int_equal(atomic_load(&faults.unowned), 2);
    assert_int_equal(count_of(&devices[0].faults), FAULTS_MOST);
}

/* Each number that it invents costs its owner one step, and others nothing. */
static void test_many_foreign_numbers(void **state)
{
    (void)state;
    configs[1].on_fault = ON_FAULT_IGNORE;
    planned[0].function.address = pci_address(0, 1, 0, 0);
    blocked(OWNED, FAULTS_TOLD);
    looks_until_quiet();
    for (uint16_t id = 0x0101; id < 0x0108; id++) {
        blocked(id, UINT32_MAX);
        assert_in_range(looks_until_quiet(), 1, 2);
        assert_int_equal(silenced[silences - 1].id, id);
    }
}

/* Where NMIs cannot tell of what came in the wrong moment, it is looked for. */
static void test_missed(void **state)
{
    (void)state;
    blocked(OWNED, 1);
    units.missed = 1;
    look();
    look();
    assert_false(units.listening);
    assert_int_equal(alarm_at, clock_us + FAULTS_PAUSE_US);
    look();
    assert_true(units.listening);
    assert_int_equal(alarm_at, ALARM_NEVER);
}

/* Without NMIs of units nobody's guest is woken to look; a spare processor looks each second. */
static void test_polling(void **state)
{
    (void)state;
    for (int spare = 0; spare < 2; spare++) {
        memset(&faults, 0, sizeof(faults));
        units.alerts = units.listening = false;
        units.taken = 0;
        attendant.vcpu = spare ? NULL : &vcpus[0];
        faults_attend(&attendant);
        assert_int_equal(alarm_at, spare ? clock_us + FAULTS_LAZY_US : ALARM_NEVER);
        blocked(OWNED, 2);
        clock_us += FAULTS_LAZY_US - 1;
        faults_poll(&attendant); /* too early */
        assert_int_equal(units.taken, 0);
        clock_us++;
        faults_poll(&attendant);
        assert_int_equal(units.taken, 2);
        assert_false(units.listening);
        assert_int_equal(alarm_at, spare ? clock_us + FAULTS_LAZY_US : ALARM_NEVER);
    }
}

/* What a unit kept of a life that is over counts for that one. */
static void test_settle(void **state)
{
    (void)state;
    blocked(OWNED, FAULTS_MOST + 3);
    faults_settle();
    assert_int_equal(units.left, 0);
    assert_int_equal(count_of(&devices[0].faults), FAULTS_MOST + 3);
    configs[1].on_fault = ON_FAULT_IGNORE;
    obeys = false;
    units.taken = 0;
    blocked(OWNED, UINT32_MAX); /* of others, it would be */
    faults_settle();
    assert_int_equal(units.taken, SETTLE_MOST);
}

/* What units tell although it was silenced: in the end nobody is woken for it. */
static void test_what_cannot_be_silenced(void **state)
{
    (void)state;
    obeys = false;
    configs[1].on_fault = ON_FAULT_IGNORE;
    blocked(OWNED, UINT32_MAX);
    assert_in_range(looks_until_quiet(), 1, FAULTS_TOLD / POLL_MOST + OLD_LOOKS_MOST + 2);
    assert_false(units.listening);
    uint32_t taken = units.taken;
    faults_poll(&attendant);
    assert_int_equal(units.taken, taken);
    clock_us += FAULTS_LAZY_US; /* something else has woken it */
    faults_poll(&attendant);
    assert_int_equal(units.taken, taken + POLL_MOST);
    assert_int_equal(alarm_at, ALARM_NEVER);
    units.left = 0;
    clock_us += FAULTS_LAZY_US;
    faults_poll(&attendant);
    assert_false(units.listening);
    clock_us += MUTE_US;
    faults_poll(&attendant);
    assert_true(units.listening);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_owner_cleans_up, setup),
        cmocka_unit_test_setup(test_letter_comes_again, setup),
        cmocka_unit_test_setup(test_stop, setup),
        cmocka_unit_test_setup(test_look_is_bounded, setup),
        cmocka_unit_test_setup(test_ignored_device_falls_silent, setup),
        cmocka_unit_test_setup(test_device_of_stopped_guest, setup),
        cmocka_unit_test_setup(test_nobodys_source_falls_silent, setup),
        cmocka_unit_test_setup(test_foreign_numbers, setup),
        cmocka_unit_test_setup(test_many_foreign_numbers, setup),
        cmocka_unit_test_setup(test_settle, setup),
        cmocka_unit_test_setup(test_missed, setup),
        cmocka_unit_test_setup(test_polling, setup),
        cmocka_unit_test_setup(test_what_cannot_be_silenced, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

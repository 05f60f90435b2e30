/* SPDX-License-Identifier: MIT */
#include "kernel/vm/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SIPI(vector) (MAIL_SIPI | (uint32_t)(vector) << MAIL_VECTOR_SHIFT) /* mail_sipi() */

/* What is in the box after these letters have come one after the other. */
static uint32_t after(const uint32_t *letters, size_t count)
{
    uint32_t word = 0;
    for (size_t i = 0; i < count; i++)
        word = mail_add(word, letters[i]);
    return word;
}

static void letters_gather(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        uint32_t letters[4];
        uint32_t word;
    } cases[] = {
        {1, {MAIL_INPUT}, MAIL_INPUT},
        {2, {MAIL_INPUT, MAIL_INPUT}, MAIL_INPUT},
        {3, {MAIL_NMI, MAIL_INPUT, MAIL_STOP}, MAIL_NMI | MAIL_INPUT | MAIL_STOP},
        /* the usual start: INIT, SIPI, SIPI */
        {3, {MAIL_INIT, SIPI(0x9a), SIPI(0x9a)}, MAIL_INIT | SIPI(0x9a)},
        /* the first SIPI counts, whatever the second says */
        {3, {MAIL_INIT, SIPI(0x9a), SIPI(0x65)}, MAIL_INIT | SIPI(0x9a)},
        {2, {SIPI(0u), SIPI(0xffu)}, SIPI(0u)},
        /* INIT outdates what came before */
        {2, {SIPI(0x9a), MAIL_INIT}, MAIL_INIT},
        {3, {SIPI(0x9a), MAIL_INIT, SIPI(0x65)}, MAIL_INIT | SIPI(0x65)},
        {2, {MAIL_NMI, MAIL_INIT}, MAIL_INIT},
        {2, {MAIL_INIT, MAIL_NMI}, MAIL_INIT | MAIL_NMI},
        /* but not that the guest stops, nor what is typed */
        {3, {MAIL_STOP, MAIL_INPUT, MAIL_INIT}, MAIL_STOP | MAIL_INPUT | MAIL_INIT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(after(cases[i].letters, cases[i].count), cases[i].word);
}

static void vectors_arrive(void **state)
{
    (void)state;
    for (uint32_t vector = 0; vector < 256; vector++) {
        uint32_t word = mail_add(MAIL_INIT | MAIL_INPUT, mail_sipi((uint8_t)vector));
        assert_true(word & MAIL_SIPI);
        assert_int_equal(word >> MAIL_VECTOR_SHIFT, vector);
        assert_int_equal(word & ~MAIL_STARTUP, MAIL_INIT | MAIL_INPUT);
    }
}

/* A running vCPU takes all but the SIPI that comes behind an INIT. */
static void what_stays(void **state)
{
    (void)state;
    assert_int_equal(mail_left(MAIL_INPUT | MAIL_NMI | MAIL_STOP), 0);
    assert_int_equal(mail_left(SIPI(0x9a) | MAIL_INPUT), 0);
    assert_int_equal(mail_left(MAIL_INIT | MAIL_NMI), 0);
    assert_int_equal(mail_left(MAIL_INIT | MAIL_INPUT | SIPI(0x9a)), SIPI(0x9a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_gather),
        cmocka_unit_test(vectors_arrive),
        cmocka_unit_test(what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

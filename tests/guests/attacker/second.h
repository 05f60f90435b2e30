/* SPDX-License-Identifier: MIT */
/* The second processor of an attacker that has two (attack_smp.c). */
#ifndef BULKHEAD_TESTS_GUESTS_ATTACKER_SECOND_H
#define BULKHEAD_TESTS_GUESTS_ATTACKER_SECOND_H

#include "kernel/lib/types.h"

enum second_task {
    SECOND_LISTEN,   /* take interrupts */
    SECOND_SPIN,     /* with interrupts off, for ever */
    SECOND_SLEEP,    /* the same in HLT */
    SECOND_STORM,    /* interrupts at the first, then listen */
    SECOND_TRIPLE,   /* a triple fault */
    SECOND_INIT_ALL, /* INIT to the first, again and again */
    SECOND_DEVICE,   /* device_turmoil() with an e1000e */
};

/* How many processors this guest has. */
uint32_t second_processors(void);

/* Start it anew, by INIT and SIPI, with that to do. False: it does not answer. */
bool second_start(enum second_task first_task);
/* While it listens: do that next. */
void second_give(enum second_task next_task);

#endif

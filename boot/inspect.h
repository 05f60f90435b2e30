/* SPDX-License-Identifier: MIT */
/* The report of the machine on the stick: kernel/report has its text. */
#ifndef BULKHEAD_BOOT_INSPECT_H
#define BULKHEAD_BOOT_INSPECT_H

#include "boot/volume.h"

/*
 * Look at the machine, write \bulkhead\hardware.txt (in place of one that is there) and say so on
 * the console. Changes nothing else, of the machine least. False: a diagnosis.
 */
bool inspect(const struct volume *volume, struct diag *diag);

#endif

/* SPDX-License-Identifier: MIT */
/* The framebuffer that the firmware set up (UEFI Specification "Graphics Output Protocol"). */
#ifndef BULKHEAD_BOOT_SCREEN_H
#define BULKHEAD_BOOT_SCREEN_H

#include "boot/handoff.h"

/*
 * Describe the first framebuffer with 32-bit pixels, in the mode that it is in. PIXELS_NONE where
 * there is none, where it can be drawn to by the firmware alone, or where its numbers make no
 * sense.
 */
void screen_find(struct handoff_screen *screen);

#endif

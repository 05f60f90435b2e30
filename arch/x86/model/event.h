/* SPDX-License-Identifier: MIT */
/* Exceptions that meet. SDM Vol. 3A "Interrupt 8: Double Fault Exception (#DF)". */
#ifndef BULKHEAD_ARCH_X86_MODEL_EVENT_H
#define BULKHEAD_ARCH_X86_MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/* Does `second`, raised while `first` was being delivered, become #DF? */
bool event_double_fault(uint64_t first, uint64_t second);

#endif

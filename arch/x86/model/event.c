/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/event.h"

#include "arch/x86/regs/exception.h"

static bool contributory(uint64_t vector)
{
    return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

bool event_double_fault(uint64_t first, uint64_t second)
{
    bool page_fault_pair = first == EXC_PF && (second == EXC_PF || contributory(second));
    return page_fault_pair || (contributory(first) && contributory(second));
}

/* SPDX-License-Identifier: MIT */
#include "kernel/plan/needs.h"

const struct plan_needs host_needs = {
    .fixed = KIB(96),
    .per_cpu = KIB(32),
    .per_guest = KIB(40),
    .per_vcpu = KIB(8),
    .per_device = KIB(4),
};

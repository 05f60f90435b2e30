/* SPDX-License-Identifier: MIT */
/* VMX capability registers as real processors report them. */
#ifndef BULKHEAD_TESTS_UNIT_VMX_CAPTURED_H
#define BULKHEAD_TESTS_UNIT_VMX_CAPTURED_H

#include "arch/x86/model/controls.h"

struct captured {
    const char *name;
    struct vmx_caps caps;
    uint32_t proc2; /* what we make of it */
};

#define CR0_CAPS .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000
#define COMMON   .cpuid_vmx = true, .cpuid_x2apic = true, .feature_control = 5, CR0_CAPS

static const struct captured captured[] = {
    {"Broadwell",
     {COMMON, .basic = 0x00da040000000012, .pin = 0x0000007f00000016, .proc = 0xfff9fffe04006172,
      .proc2 = 0x00057cff00000000, .exit = 0x007fffff00036dfb, .entry = 0x0000ffff000011fb,
      .misc = 0x300481e5, .cr4_fixed1 = 0x3767ff, .ept_vpid_cap = 0x00000f0106334141},
     0x000010ea},
    {"Skylake-X",
     {COMMON, .basic = 0x00da040000000004, .pin = 0x000000ff00000016, .proc = 0xfff9fffe04006172,
      .proc2 = 0x025d3fff00000000, .exit = 0x01ffffff00036dfb, .entry = 0x0003ffff000011fb,
      .misc = 0x7004c1e7, .cr4_fixed1 = 0x3727ff, .ept_vpid_cap = 0x00000f0106734141},
     0x001010ea},
    {"Ice Lake",
     {COMMON, .basic = 0x00da050000000013, .pin = 0x000000ff00000016, .proc = 0xfff9fffe04006172,
      .proc2 = 0x335fbfff00000000, .exit = 0x037fffff00036dfb, .entry = 0x0006ffff000011fb,
      .misc = 0x7004c1e7, .cr4_fixed1 = 0x772fff, .ept_vpid_cap = 0x00000f0106734141},
     0x101090ea},
    {"Tiger Lake",
     {COMMON, .basic = 0x01da050000000013, .pin = 0x000000ff00000016, .proc = 0xfffbfffe04006172,
      .proc2 = 0x035f3fff00000000, .exit = 0x137fffff00036dfb, .entry = 0x0016ffff000011fb,
      .misc = 0x7004c1e7, .cr4_fixed1 = 0xff2fff, .ept_vpid_cap = 0x00000f0106f34141},
     0x001010ea},
    {"Arrow Lake",
     {COMMON, .basic = 0x03da060000000015, .pin = 0x000000ff00000016, .proc = 0xfffbfffe04006172,
      .proc2 = 0xc75f7fff00000000, .exit = 0xff7fffff00036dfb, .entry = 0x007effff000011fb,
      .misc = 0x7004c1e7, .cr4_fixed1 = 0x1bf76fff, .ept_vpid_cap = 0x00000f0106f34141},
     0x001010ea},
};

#define CAPTURED_SKYLAKE (&captured[1].caps)

#endif

/* SPDX-License-Identifier: MIT */
/* Exits from protected mode without paging, PAE paging and real mode, and the ways between. */
#include "arch/x86/regs/cr.h"
#include "tests/guests/attacker/attacker.h"
#include "tests/guests/attacker/cpu.h"

static uint32_t address(const uint8_t *code)
{
    return (uint32_t)(uintptr_t)code;
}

void attack_modes(struct report *report)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();
    for (unsigned flip = 0; flip < 2; flip++) {
        uint32_t bad = protected_run(address(mode32_devices), flip != 0);
        traps_restore();
        expect(report, bad == 0, "protected mode, CD %s: failures %x", flip ? "flipped" : "left",
               bad);
        bad = protected_run(address(mode32_real), flip != 0);
        traps_restore();
        expect(report, bad == 0, "real mode, CD %s: failures %x", flip ? "flipped" : "left", bad);
        expect(report, read_cr0() == cr0 && read_cr4() == cr4, "CR0 %lx and CR4 %lx afterwards",
               read_cr0(), read_cr4());
    }
}

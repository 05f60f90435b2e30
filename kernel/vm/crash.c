/* SPDX-License-Identifier: MIT */
#include "kernel/vm/crash.h"

#include "kernel/lib/fmt.h"
#include "kernel/log.h"
#include "kernel/vm/exits.h"
#include "kernel/vm/gaccess.h"

typedef unsigned long long ull;

const char *stop_reason_name(enum stop_reason reason)
{
    switch (reason) {
    case STOP_NONE:
        return "nothing";
    case STOP_POWEROFF:
        return "power-off";
    case STOP_REBOOT:
        return "reboot";
    case STOP_TRIPLE_FAULT:
        return "triple fault";
    case STOP_BAD_STATE:
        return "state that the processor refuses";
    case STOP_FORBIDDEN:
        return "forbidden access";
    case STOP_MACHINE_CHECK:
        return "machine check";
    case STOP_DEVICE:
        return "device fault";
    case STOP_INIT:
        return "INIT";
    }
    return "unknown";
}

bool stop_is_crash(enum stop_reason reason)
{
    return reason != STOP_POWEROFF && reason != STOP_REBOOT;
}

static uint64_t get(struct vcpu *vcpu, enum vcpu_reg reg)
{
    return rights.ops->get(&vcpu->virt, reg);
}

static void registers_report(struct vcpu *vcpu, const char *name)
{
    static const char *const gpr_names[GPR_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                                     "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                                     "r12", "r13", "r14", "r15"};
    for (unsigned i = 0; i < GPR_COUNT; i += 4) {
        char line[160];
        size_t used = 0;
        for (unsigned j = i; j < i + 4; j++)
            used += fmt_print(line + used, sizeof(line) - used, " %s=%016llx", gpr_names[j],
                              (ull)vcpu_gpr(vcpu, j));
        log_line("crash guest=%s%s", name, line);
    }
}

static void code_report(struct vcpu *vcpu, const char *name)
{
    uint8_t code[INSN_MAX_LENGTH];
    char line[3 * INSN_MAX_LENGTH + 1] = "";
    uint32_t got = gaccess_code(vcpu, code, sizeof(code));
    for (uint32_t i = 0; i < got; i++)
        fmt_print(line + 3 * i, sizeof(line) - 3 * i, " %02x", code[i]);
    log_line("crash guest=%s code=%s", name, got ? line : " unreadable");
}

void crash_report(struct vcpu *vcpu, const struct vm_exit *exit, enum stop_reason reason)
{
    const char *name = vcpu->guest->name;
    if (!stop_is_crash(reason))
        return;
    log_line("crash guest=%s vcpu=%u reason='%s' exit=%llu qualification=%llx", name, vcpu->id,
             stop_reason_name(reason), (ull)exit->reason, (ull)get(vcpu, VREG_EXIT_QUALIFICATION));
    if (exit->kind == EXIT_MEMORY)
        log_line("crash guest=%s gpa=%llx%s%s", name, (ull)exit->memory.at.raw,
                 exit->memory.write ? " write" : "", exit->memory.fetch ? " fetch" : "");
    if (exit->kind == EXIT_ENTRY_FAILED) {
        char text[200];
        rights.ops->entry_failure(&vcpu->virt, text, sizeof(text));
        log_line("crash guest=%s check='%s'", name, text);
    }
    log_line("crash guest=%s rip=%016llx rflags=%llx cs=%llx cs.base=%llx", name,
             (ull)get(vcpu, VREG_RIP), (ull)get(vcpu, VREG_RFLAGS), (ull)get(vcpu, VREG_CS),
             (ull)get(vcpu, VREG_CS_BASE));
    log_line("crash guest=%s cr0=%llx cr2=%llx cr3=%llx cr4=%llx efer=%llx", name,
             (ull)get(vcpu, VREG_CR0), (ull)get(vcpu, VREG_CR2), (ull)get(vcpu, VREG_CR3),
             (ull)get(vcpu, VREG_CR4), (ull)get(vcpu, VREG_EFER));
    registers_report(vcpu, name);
    code_report(vcpu, name);
}

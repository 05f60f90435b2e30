/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/model/svm_check.h"
#include "arch/x86/regs/cr.h"
#include "kernel/lib/types.h"

#define LONG_EFER (EFER_SVME | EFER_LME | EFER_LMA)
#define PAGED     (CR0_PE | CR0_ET | CR0_PG)

/* A 64-bit guest that every processor enters. */
static struct vmcb good(void)
{
    struct vmcb v;
    memset(&v, 0, sizeof(v));
    v.intercepts[1] = (uint32_t)(INTERCEPT_VMRUN >> 32);
    v.asid = 1;
    v.efer = LONG_EFER;
    v.cr0 = PAGED;
    v.cr4 = CR4_PAE;
    v.dr6 = DR6_INITIAL;
    v.dr7 = DR7_INITIAL;
    v.cs.attributes = VMCB_ATTR_LONG | 0x9b;
    return v;
}

struct change {
    const char *sentence; /* NULL: it is entered */
    size_t offset;
    unsigned size;
    uint64_t value;
};

#define SET(field, value)    offsetof(struct vmcb, field), sizeof(((struct vmcb *)0)->field), (value)
#define INJECT(type, vector) SET(event_injection, EVENT_VALID | (type) << 8 | (vector))

static const struct change changes[] = {
    {NULL, SET(asid, 1)},
    {"EFER.SVME is clear", SET(efer, EFER_LME | EFER_LMA)},
    {"reserved bits of EFER are set: 1d02", SET(efer, LONG_EFER | EFER_NXE | BIT(1))},
    {"reserved bits of EFER are set: 8000000000001500", SET(efer, LONG_EFER | BIT(63))},
    {NULL, SET(efer, LONG_EFER | EFER_SCE | EFER_NXE | EFER_LMSLE | EFER_FFXSR | EFER_TCE)},
    {"CR0.NW is set, CR0.CD is clear", SET(cr0, PAGED | CR0_NW)},
    {NULL, SET(cr0, PAGED | CR0_CD | CR0_NW)},
    {NULL, SET(cr0, PAGED | CR0_CD)},
    {"CR0 has more than 32 bits: 180000011", SET(cr0, BIT(32) | PAGED)},
    {"DR6 has more than 32 bits: 1ffff0ff0", SET(dr6, BIT(32) | DR6_INITIAL)},
    {"DR7 has more than 32 bits: 8000000000000400", SET(dr7, BIT(63) | DR7_INITIAL)},
    {"EFER.LME and CR0.PG are set, CR4.PAE is clear", SET(cr4, CR4_PSE)},
    {"EFER.LME and CR0.PG are set, CR0.PE is clear", SET(cr0, CR0_PG)},
    {"CS.L and CS.D are both set in long mode",
     SET(cs.attributes, VMCB_ATTR_LONG | VMCB_ATTR_BIG | 0x9b)},
    {NULL, SET(cs.attributes, VMCB_ATTR_BIG | 0x9b)},
    {NULL, SET(efer, EFER_SVME)},
    {"the VMRUN intercept is clear", SET(intercepts[1], 0x7ffe)},
    {"the ASID is 0", SET(asid, 0)},
    {NULL, SET(asid, 0xffffffff)},
    {"the injected exception has vector 32", INJECT(3, 32)},
    {"the injected exception has vector 255", INJECT(3, 255)},
    {NULL, INJECT(3, 31)},
    {NULL, INJECT(0, 255)},
    {NULL, INJECT(2, 2)},
    {NULL, SET(event_injection, 3 << 8 | 255)}, /* not valid */
};

static void each_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(changes); i++) {
        const struct change *c = &changes[i];
        struct vmcb v = good();
        struct diag diag = {0};
        memcpy((char *)&v + c->offset, &c->value, c->size);
        if (svm_entry_check(&v, &diag) != (c->sentence == NULL))
            fail_msg("change %u: %s", i, diag.message);
        if (c->sentence)
            assert_string_equal(diag.message, c->sentence);
    }
}

/* Rules of long mode hold only with paging: before it LME may stand alone. */
static void long_mode_needs_paging(void **state)
{
    (void)state;
    struct vmcb v = good();
    struct diag diag = {0};
    v.cr0 = CR0_PE;
    v.cr4 = 0;
    v.cs.attributes = VMCB_ATTR_LONG | VMCB_ATTR_BIG;
    assert_true(svm_entry_check(&v, &diag));
    v.cr0 = 0;
    assert_true(svm_entry_check(&v, &diag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sentence),
        cmocka_unit_test(long_mode_needs_paging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

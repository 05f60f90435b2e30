/* SPDX-License-Identifier: MIT */
/* Who may do what to a page: U/S, R/W, NX, SMEP, SMAP, protection keys. */
#include "tests/unit/walk_world.h"

static const struct walk_case cases[] = {
    {"user to supervisor page",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | P | W},
     0,
     0,
     3,
     0,
     WALK_PAGE_FAULT,
     5,
     0},
    {"user through a supervisor table",
     LEVEL4,
     AT4,
     {TO(2) | ALLOW, TO(3) | P | W, TO(4) | ALLOW, 0x77000 | ALLOW},
     0,
     0,
     3,
     0,
     WALK_PAGE_FAULT,
     5,
     0},
    {"user, implicit access",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | P | W},
     0,
     0,
     3,
     WALK_IMPLICIT,
     WALK_OK,
     0x77123,
     PAGE_4K},
    {"write to read-only, user",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | P | U},
     0,
     CR0_WP,
     3,
     WALK_WRITE,
     WALK_PAGE_FAULT,
     7,
     0},
    {"write to read-only, supervisor",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | P},
     0,
     0,
     0,
     WALK_WRITE,
     WALK_PAGE_FAULT,
     3,
     0},
    {"write to read-only, WP off",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | P},
     0,
     CR0_WP,
     0,
     WALK_WRITE,
     WALK_OK,
     0x77123,
     PAGE_4K},
    {"no execute in the middle",
     LEVEL4,
     AT4,
     {TO(2) | ALLOW, TO(3) | ALLOW | NX, TO(4) | ALLOW, 0x77000 | ALLOW},
     0,
     0,
     3,
     WALK_FETCH,
     WALK_PAGE_FAULT,
     0x15,
     0},
    {"no execute, data",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | ALLOW | NX},
     0,
     0,
     3,
     0,
     WALK_OK,
     0x77123,
     PAGE_4K},
    {"SMEP",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | ALLOW},
     CR4_SMEP,
     0,
     0,
     WALK_FETCH,
     WALK_PAGE_FAULT,
     0x11,
     0},
    {"SMEP, data",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | ALLOW},
     CR4_SMEP,
     0,
     0,
     0,
     WALK_OK,
     0x77123,
     PAGE_4K},
    {"SMAP",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | ALLOW},
     CR4_SMAP,
     0,
     0,
     WALK_WRITE,
     WALK_PAGE_FAULT,
     3,
     0},
    {"SMAP, fetch",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | ALLOW},
     CR4_SMAP,
     0,
     0,
     WALK_FETCH,
     WALK_OK,
     0x77123,
     PAGE_4K},
    {"SMAP, user",
     LEVEL4,
     AT4,
     {TABLES, 0x77000 | ALLOW},
     CR4_SMAP,
     0,
     3,
     0,
     WALK_OK,
     0x77123,
     PAGE_4K},
};

static void table_of_rights(void **state)
{
    (void)state;
    run_cases(cases, ARRAY_COUNT(cases));
}

static enum walk_status walk_one(const struct walk_cpu *cpu, struct ram *ram, uint32_t access,
                                 struct walk_result *out)
{
    struct walk_memory memory = {ram_read, ram, NULL};
    return walk_translate(cpu, &memory, gva(AT4), access, out);
}

static void alignment_flag_lifts_smap(void **state)
{
    (void)state;
    static struct ram ram;
    struct walk_cpu cpu = cpu_in(LEVEL4);
    struct walk_result out;
    fill(&ram,
         &(struct walk_case){.paging = LEVEL4, .at = AT4, .entries = {TABLES, 0x77000 | ALLOW}});
    cpu.cr4 |= CR4_SMAP;
    cpu.rflags = RFLAGS_AC;
    assert_int_equal(walk_one(&cpu, &ram, WALK_READ, &out), WALK_OK);
    assert_int_equal(walk_one(&cpu, &ram, WALK_IMPLICIT, &out), WALK_PAGE_FAULT);
    assert_int_equal(out.error_code, PF_PRESENT);
}

static void no_execute_bit_needs_nxe(void **state)
{
    (void)state;
    static struct ram ram;
    struct walk_cpu cpu = cpu_in(LEVEL4);
    struct walk_result out;
    fill(&ram, &(struct walk_case){
                   .paging = LEVEL4, .at = AT4, .entries = {TABLES, 0x77000 | ALLOW | NX}});
    cpu.efer &= ~EFER_NXE;
    assert_int_equal(walk_one(&cpu, &ram, WALK_FETCH, &out), WALK_PAGE_FAULT);
    assert_int_equal(out.error_code, PF_PRESENT | PF_RESERVED);
}

static void rights_are_reported(void **state)
{
    (void)state;
    static struct ram ram;
    struct walk_cpu cpu = cpu_in(LEVEL4);
    struct walk_result out;
    fill(&ram,
         &(struct walk_case){.paging = LEVEL4, .at = AT4, .entries = {TABLES, 0x77000 | P | U}});
    assert_int_equal(walk_one(&cpu, &ram, WALK_READ, &out), WALK_OK);
    assert_true(out.user);
    assert_false(out.writable);
}

static void protection_keys(void **state)
{
    (void)state;
    static const struct {
        uint32_t pkru, cpl, access;
        uint64_t clear_cr0;
        enum walk_status status;
        uint32_t code;
    } keys[] = {
        {0x00, 3, WALK_WRITE, 0, WALK_OK, 0},
        {0x40, 3, WALK_READ, 0, WALK_PAGE_FAULT, 0x25},
        {0x40, 3, WALK_FETCH, 0, WALK_OK, 0},
        {0x40, 0, WALK_READ, 0, WALK_PAGE_FAULT, 0x21},
        {0x80, 3, WALK_READ, 0, WALK_OK, 0},
        {0x80, 3, WALK_WRITE, 0, WALK_PAGE_FAULT, 0x27},
        {0x80, 0, WALK_WRITE, 0, WALK_PAGE_FAULT, 0x23},
        {0x80, 0, WALK_WRITE, CR0_WP, WALK_OK, 0},
        {0x03, 3, WALK_WRITE, 0, WALK_OK, 0},
        {0xc0, 3, WALK_WRITE, 0, WALK_PAGE_FAULT, 0x27},
    };
    static struct ram ram;
    fill(&ram, &(struct walk_case){.paging = LEVEL4,
                                   .at = AT4,
                                   .entries = {TABLES, 0x77000 | ALLOW | UINT64_C(3) << 59}});
    for (unsigned i = 0; i < ARRAY_COUNT(keys); i++) {
        struct walk_cpu cpu = cpu_in(LEVEL4);
        struct walk_result out;
        cpu.cr4 |= CR4_PKE;
        cpu.cr0 &= ~keys[i].clear_cr0;
        cpu.pkru = keys[i].pkru;
        cpu.cpl = keys[i].cpl;
        assert_int_equal(walk_one(&cpu, &ram, keys[i].access, &out), keys[i].status);
        assert_int_equal(out.error_code, keys[i].code);
    }
}

/* ---- all rights in all modes, against the sentences of the manual ---- */

struct right {
    uint64_t entry; /* R/W, U/S, NX of the last entry; the others allow all */
    uint32_t access, cpl;
    bool wp, smep, smap, ac;
};

/* SDM Vol. 3A "Determination of Access Rights", in its own order. */
static bool manual_allows(const struct right *r)
{
    bool user_page = r->entry & U, writable = r->entry & W, execute = !(r->entry & NX);
    bool fetch = r->access == WALK_FETCH, write = r->access == WALK_WRITE;
    if (r->cpl == 3) {
        if (!user_page)
            return false;
        return fetch ? execute : !write || writable;
    }
    if (!user_page)
        return fetch ? execute : !write || writable || !r->wp;
    if (fetch)
        return !r->smep && execute;
    return (!r->smap || r->ac) && (!write || writable || !r->wp);
}

static void try_right(enum paging paging, const struct right *r)
{
    static struct ram ram;
    struct walk_memory memory = {ram_read, &ram, NULL};
    struct walk_case c = {.paging = paging, .at = 0};
    struct walk_cpu cpu = cpu_in(paging);
    struct walk_result out;
    unsigned last = levels_of[paging] - 1;
    for (unsigned i = 0; i < last; i++)
        c.entries[i] = TO(i + 2) | (paging == PAE && i == 0 ? P : ALLOW);
    c.entries[last] = 0x7000 | P | r->entry;
    fill(&ram, &c);
    cpu.cr0 &= r->wp ? ~UINT64_C(0) : ~CR0_WP;
    cpu.cr4 |= (r->smep ? CR4_SMEP : 0) | (r->smap ? CR4_SMAP : 0);
    cpu.rflags = r->ac ? RFLAGS_AC : 0;
    cpu.cpl = r->cpl;
    bool shows_fetch = paging != BITS32 || r->smep;
    uint32_t code = PF_PRESENT | (r->access == WALK_WRITE ? PF_WRITE : 0) |
                    (r->cpl == 3 ? PF_USER : 0) |
                    (r->access == WALK_FETCH && shows_fetch ? PF_FETCH : 0);
    enum walk_status status = walk_translate(&cpu, &memory, gva(0), r->access, &out);
    bool allowed = manual_allows(r);
    if (status != (allowed ? WALK_OK : WALK_PAGE_FAULT) || (!allowed && out.error_code != code))
        fail_msg("mode %d, entry %#llx, access %u, CPL %u, WP %d SMEP %d SMAP %d AC %d: %d %#x",
                 paging, (unsigned long long)r->entry, r->access, r->cpl, r->wp, r->smep, r->smap,
                 r->ac, status, out.error_code);
}

static void rights_in_every_mode(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1u << 12; i++) {
        enum paging paging = (enum paging)(BITS32 + (i & 3));
        static const uint32_t accesses[] = {WALK_READ, WALK_WRITE, WALK_FETCH, WALK_READ};
        struct right right = {
            .entry = (i >> 2 & 3) << 1 | (paging != BITS32 && (i >> 4 & 1) != 0 ? NX : 0),
            .access = accesses[i >> 5 & 3],
            .cpl = (i >> 7 & 1) != 0 ? 3 : 0,
            .wp = i >> 8 & 1,
            .smep = i >> 9 & 1,
            .smap = i >> 10 & 1,
            .ac = i >> 11 & 1,
        };
        try_right(paging, &right);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights_in_every_mode),      cmocka_unit_test(table_of_rights),
        cmocka_unit_test(alignment_flag_lifts_smap), cmocka_unit_test(no_execute_bit_needs_nxe),
        cmocka_unit_test(rights_are_reported),       cmocka_unit_test(protection_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

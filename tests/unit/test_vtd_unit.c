/* SPDX-License-Identifier: MIT */
/*
 * The driver of a VT-d unit against a model of one, which objects to what the specification
 * forbids: two commands at a time, translation with tables that were not invalidated, a queue that
 * moves while it is on. And units that stop at each step.
 */
#include "tests/unit/iommu_world.h"

#include "tests/unit/iommu_registers.h"

#include "drivers/iommu/vtd_regs.h"
#include "drivers/vtd_unit.c"

#define FIRMWARE_TABLE UINT64_C(0x7000000)
#define FIRMWARE_QUEUE UINT64_C(0x7100000) /* of nonsense */
#define FRO            0x220
#define IOTLB          0x1f8
#define RECORDS        4

/* CAP: 48 bits, 2M and 1G, records at FRO, protected regions, write buffer */
#define CAP                                                                                        \
    (field_put(VTD_CAP_SAGAW, 4) | field_put(VTD_CAP_FRO, FRO / 16) |                              \
     field_put(VTD_CAP_NFR, RECORDS - 1) | VTD_CAP_PLMR | VTD_CAP_RWBF)

static struct {
    uint64_t status; /* GSTS */
    uint64_t stuck;  /* bits of GSTS that do not change any more */
    uint64_t roots, irta, iqa, iqt, iqh;
    uint64_t roots_used, irta_used; /* since SRTP and SIRTP */
    uint32_t faults, pmen, fectl;
    uint32_t fedata, feaddr, feuaddr;
    uint32_t iectl, ics, iedata, ieaddr, ieuaddr;
    bool fixed_only; /* an NMI is not what it can send */
    struct vtd_pair records[RECORDS];
    bool contexts_stale, tlb_stale, irtes_stale;
    uint64_t cap, ecap, ccmd, iotlb;
    bool ccmd_stuck, iotlb_stuck, does_part; /* of what CCMD and IOTLB ask for */
    bool queue_stuck, queue_error;
    bool ever_off; /* translation was off after it was on */
    uint32_t waits, reads;
} unit;

static uint64_t nmis; /* that arrived */

static const struct vtd_roots roots = {.contexts = {HOST_BASE + 0x8000},
                                       .irtes = {HOST_BASE + 0x9000},
                                       .irte_count = 512,
                                       .x2apic = true};

static int setup(void **state)
{
    (void)state;
    memset(&unit, 0, sizeof(unit));
    unit.cap = CAP;
    unit.ecap = VTD_ECAP_QI | VTD_ECAP_IR | field_put(VTD_ECAP_IRO, (IOTLB - 8) / 16);
    host_taken = 0;
    host_alloc(sizeof(struct vtd_unit), 16); /* the first: see map() */
    return 0;
}

static void latch(uint64_t bit, bool on)
{
    if ((unit.stuck & bit) == 0)
        unit.status = on ? unit.status | bit : unit.status & ~bit;
}

static void global_command(uint64_t value)
{
    uint64_t changed = (value ^ unit.status) & ~VTD_GCMD_ONCE & BITS(31, 23);
    uint64_t once = value & VTD_GCMD_ONCE;

    /* One at a time: a change, or a command that is done once. */
    assert_true((changed == 0 || once == 0) && (changed & (changed - 1)) == 0);
    assert_true((once & (once - 1)) == 0);
    if ((changed & VTD_GCMD_TE) != 0 && (value & VTD_GCMD_TE) != 0) {
        assert_int_equal(unit.roots_used, roots.contexts.raw);
        assert_false(unit.contexts_stale || unit.tlb_stale);
    }
    if ((changed & VTD_GCMD_IRE) != 0 && (value & VTD_GCMD_IRE) != 0) {
        assert_false(unit.irtes_stale);
        assert_int_equal(unit.status & VTD_GCMD_CFI, 0);
    }
    unit.ever_off |= (changed & VTD_GCMD_TE) != 0 && (value & VTD_GCMD_TE) == 0;
    if ((once & VTD_GCMD_SRTP) != 0) {
        /* Another kind of table cannot come while translation is on. */
        assert_true((unit.status & VTD_GCMD_TE) == 0 || (unit.roots_used & VTD_RTADDR_TTM) == 0);
        unit.roots_used = unit.roots;
        unit.contexts_stale = unit.tlb_stale = true;
        latch(VTD_GCMD_SRTP, true);
    }
    if ((once & VTD_GCMD_SIRTP) != 0) {
        unit.irta_used = unit.irta;
        unit.irtes_stale = true;
        latch(VTD_GCMD_SIRTP, true);
    }
    if ((once & VTD_GCMD_WBF) != 0)
        unit.status |= unit.stuck & VTD_GCMD_WBF; /* else it is done already */
    latch(changed, (value & changed) != 0);
}

/* "Invalidation Completion Status": an event that is still there is no new one. */
static void completion_event(void)
{
    bool sent = (unit.ics & 1) == 0 && unit.iectl == 0;

    unit.ics |= 1;
    if (sent && unit.iedata == 0x400 && unit.ieaddr == 0xfee45000 && unit.ieuaddr == 0x12300 &&
        !unit.fixed_only)
        nmis++;
}

static void descriptor_run(const struct vtd_pair *what)
{
    switch (what->low & 0xf) {
    case 1:
        unit.contexts_stale = false;
        break;
    case 2:
        assert_false(unit.contexts_stale); /* the TLB is filled from contexts */
        unit.tlb_stale = false;
        break;
    case 4:
        unit.irtes_stale = false;
        break;
    case 5:
        if ((what->low & 0x10) != 0) {
            assert_int_equal(what->low & 0x20, 0);
            completion_event();
            break;
        }
        *(uint32_t *)host_at(what->high) = (uint32_t)(what->low >> 32);
        unit.waits++;
        break;
    default:
        fail_msg("descriptor %llx", (unsigned long long)what->low);
    }
}

static void queue_run(void)
{
    while (unit.iqh != unit.iqt && !unit.queue_stuck && !(unit.faults & VTD_FSTS_IQE)) {
        if (unit.queue_error || unit.iqa == FIRMWARE_QUEUE) {
            unit.faults |= (uint32_t)VTD_FSTS_IQE;
            return;
        }
        descriptor_run(host_at((unit.iqa & ~UINT64_C(0xfff)) + unit.iqh));
        unit.iqh = (unit.iqh + 16) % PAGE_4K;
    }
}

static uint32_t fault_status(void)
{
    uint32_t status = unit.faults;

    for (unsigned i = 0; i < RECORDS; i++)
        status |= unit.records[i].high & VTD_FRCD_F ? (uint32_t)VTD_FSTS_PPF : 0;
    return status;
}

/* Both registers: one invalidation at a time, of everything, contexts first, not beside a queue. */
static uint64_t register_run(uint64_t value, uint64_t asked, uint64_t done, bool stuck)
{
    assert_int_equal(unit.status & VTD_GCMD_QIE, 0);
    assert_int_equal(((unit.ccmd | unit.iotlb) & BIT(63)), 0);
    assert_int_equal(value >> 63, 1);
    assert_int_equal(field_get(asked, value), 1);
    value &= ~(done | BIT(63));
    return stuck ? value | BIT(63) : value | field_put(done, unit.does_part ? 0 : 1);
}

static void ccmd_write(uint64_t value)
{
    unit.ccmd = register_run(value, VTD_CCMD_CIRG, VTD_CCMD_CAIG, unit.ccmd_stuck);
    unit.contexts_stale &= unit.ccmd_stuck || unit.does_part;
}

static void iotlb_write(uint64_t value)
{
    assert_false(unit.contexts_stale);
    unit.iotlb = register_run(value, VTD_IOTLB_IIRG, VTD_IOTLB_IAIG, unit.iotlb_stuck);
    unit.tlb_stale &= unit.iotlb_stuck || unit.does_part;
}

static uint64_t unit_read(uint32_t reg, int size)
{
    unit.reads++;
    if (reg >= FRO) {
        const struct vtd_pair *record = &unit.records[(reg - FRO) / 16];
        assert_int_equal(size, 8);
        return reg % 16 == 8 ? record->high : record->low;
    }
    switch (reg) {
    case VTD_CAP_REG:
        return unit.cap;
    case VTD_ECAP_REG:
        return unit.ecap;
    case VTD_GSTS_REG:
        return unit.status;
    case VTD_RTADDR_REG:
        return unit.roots;
    case VTD_FSTS_REG:
        return fault_status();
    case VTD_PMEN_REG:
        return unit.pmen;
    case VTD_CCMD_REG:
    case VTD_CCMD_REG + 4:
        return size == 8 ? unit.ccmd : unit.ccmd >> 32;
    case IOTLB:
    case IOTLB + 4:
        return size == 8 ? unit.iotlb : unit.iotlb >> 32;
    case VTD_IQH_REG:
        return unit.iqh;
    case VTD_IQT_REG:
        return unit.iqt;
    default:
        fail_msg("read of register %x", reg);
        return 0;
    }
}

/* FECTL and IECTL, and their messages' registers. Nothing goes to a half of an address. */
static bool event_write(uint32_t reg, uint32_t value)
{
    uint32_t *const fault[] = {&unit.fectl, &unit.fedata, &unit.feaddr, &unit.feuaddr};
    uint32_t *const wait[] = {&unit.iectl, &unit.iedata, &unit.ieaddr, &unit.ieuaddr};
    uint32_t base = reg < VTD_IECTL_REG ? VTD_FECTL_REG : VTD_IECTL_REG;
    uint32_t *const *event = base == VTD_FECTL_REG ? fault : wait;

    if (reg < base || reg >= base + 16)
        return false;
    assert_true(reg == base || *event[0] == VTD_FECTL_IM);
    *event[(reg - base) / 4] = value;
    return true;
}

static void unit_write(uint32_t reg, uint64_t value, int size)
{
    if (event_write(reg, (uint32_t)value))
        return;
    if (reg >= FRO) {
        struct vtd_pair *record = &unit.records[(reg - FRO) / 16];
        assert_int_equal(reg % 16, 12);
        record->high &= ~(value << 32 & VTD_FRCD_F);
        return;
    }
    switch (reg) {
    case VTD_GCMD_REG:
        assert_int_equal(size, 4);
        global_command(value);
        break;
    case VTD_RTADDR_REG:
        unit.roots = value;
        break;
    case VTD_IRTA_REG:
        unit.irta = value;
        break;
    case VTD_CCMD_REG:
        assert_int_equal(size, 8);
        ccmd_write(value);
        break;
    case IOTLB:
        assert_int_equal(size, 8);
        iotlb_write(value);
        break;
    case VTD_FSTS_REG:
        unit.faults &= ~(uint32_t)value;
        if ((unit.status & VTD_GCMD_QIE) != 0) /* it looks at the same descriptor again */
            queue_run();
        break;
    case VTD_ICS_REG:
        unit.ics &= ~(uint32_t)value;
        break;
    case VTD_PMEN_REG:
        assert_int_not_equal(unit.status & VTD_GCMD_TE, 0); /* no gap */
        unit.pmen = (uint32_t)value & (uint32_t)VTD_PMEN_EPM
                        ? unit.pmen
                        : unit.pmen & ~(uint32_t)(VTD_PMEN_EPM | VTD_PMEN_PRS);
        break;
    case VTD_IQA_REG:
        assert_int_equal(unit.status & VTD_GCMD_QIE, 0);
        unit.iqa = value;
        unit.iqh = 0;
        break;
    case VTD_IQT_REG:
        unit.iqt = value;
        if ((unit.status & VTD_GCMD_QIE) != 0)
            queue_run();
        break;
    default:
        fail_msg("write of register %x", reg);
    }
}

static struct vtd_unit *map(void)
{
    struct vtd_unit *placed = (struct vtd_unit *)(void *)host_bytes;
    const struct dmar_unit from = {.base = 0xfed90000, .size = 4096, .segment = 5};
    struct diag diag;

    assert_true(vtd_unit_map(placed, &from, &diag));
    assert_int_equal(placed->segment, 5);
    return placed;
}

static void assert_running(void)
{
    assert_int_equal(unit.status & (VTD_GCMD_TE | VTD_GCMD_QIE | VTD_GCMD_IRE | VTD_GCMD_CFI),
                     VTD_GCMD_TE | VTD_GCMD_QIE | VTD_GCMD_IRE);
    assert_int_equal(unit.roots_used, roots.contexts.raw);
    assert_int_equal(unit.irta_used, roots.irtes.raw | 0x800 | 8); /* EIME, 2^9 entries */
    assert_int_equal(unit.fectl, VTD_FECTL_IM);
    assert_int_equal(fault_status(), 0);
    assert_false(unit.contexts_stale || unit.tlb_stale || unit.irtes_stale);
    assert_int_equal(unit.pmen, 0);
}

static void test_start(void **state)
{
    (void)state;
    assert_true(vtd_unit_start(map(), &roots));
    assert_running();
}

/* Everything that firmware may have left on. */
static void test_takeover(void **state)
{
    (void)state;
    unit.status = VTD_GCMD_TE | VTD_GCMD_SRTP | VTD_GCMD_QIE | VTD_GCMD_IRE | VTD_GCMD_SIRTP |
                  VTD_GCMD_CFI | VTD_GCMD_EAFL;
    unit.roots = unit.roots_used = FIRMWARE_TABLE;
    unit.irta = unit.irta_used = FIRMWARE_TABLE;
    unit.iqt = unit.iqh = 0x30;
    unit.faults = (uint32_t)(VTD_FSTS_PFO | VTD_FSTS_AFO | VTD_FSTS_ITE);
    unit.records[2].high = VTD_FRCD_F;
    unit.pmen = (uint32_t)(VTD_PMEN_EPM | VTD_PMEN_PRS);
    assert_true(vtd_unit_start(map(), &roots));
    assert_running();
    assert_false(unit.ever_off);
    assert_int_equal(unit.status & VTD_GCMD_EAFL, 0);
}

/* Another kind of root table: translation has to be off for a moment. */
static void test_takeover_from_scalable_mode(void **state)
{
    (void)state;
    unit.status = VTD_GCMD_TE | VTD_GCMD_SRTP;
    unit.roots = unit.roots_used = FIRMWARE_TABLE | 0x400;
    assert_true(vtd_unit_start(map(), &roots));
    assert_running();
}

/* Firmware's queue stands at a descriptor that the unit does not know. */
static void test_takeover_of_a_bad_queue(void **state)
{
    for (int block = 0; block < 2; block++) {
        setup(state);
        unit.status = VTD_GCMD_TE | VTD_GCMD_SRTP | VTD_GCMD_QIE;
        unit.roots = unit.roots_used = FIRMWARE_TABLE;
        unit.iqa = FIRMWARE_QUEUE;
        unit.iqh = 0x10;
        unit.iqt = 0x20;
        unit.faults = (uint32_t)VTD_FSTS_IQE;
        uint64_t before = now;
        if (block) {
            assert_true(vtd_unit_block(map(), roots.contexts));
        } else {
            assert_true(vtd_unit_start(map(), &roots));
            assert_running();
        }
        assert_int_equal(fault_status(), 0);
        assert_false(unit.ever_off);
        assert_true(now - before < IOMMU_PATIENCE_US);
    }
}

static void test_unit_that_does_not_obey(void **state)
{
    static const uint64_t bits[] = {VTD_GCMD_SRTP, VTD_GCMD_QIE,   VTD_GCMD_TE,
                                    VTD_GCMD_WBF,  VTD_GCMD_SIRTP, VTD_GCMD_IRE};

    for (size_t i = 0; i < ARRAY_COUNT(bits); i++) {
        setup(state);
        unit.stuck = bits[i];
        uint64_t before = now;
        assert_false(vtd_unit_start(map(), &roots));
        assert_true(now - before < 2 * IOMMU_PATIENCE_US + 10000);
    }
    setup(state);
    unit.queue_stuck = true;
    assert_false(vtd_unit_start(map(), &roots));
    setup(state);
    unit.queue_error = true;
    assert_false(vtd_unit_start(map(), &roots));
}

static void assert_blocking(void)
{
    assert_int_equal(unit.status & (VTD_GCMD_TE | VTD_GCMD_IRE), VTD_GCMD_TE);
    assert_int_equal(unit.roots_used, roots.contexts.raw);
    assert_int_equal(unit.fectl, VTD_FECTL_IM);
    assert_false(unit.contexts_stale || unit.tlb_stale);
}

/* Blocked by the queue, or without one by registers. */
static void test_block(void **state)
{
    assert_true(vtd_unit_block(map(), roots.contexts));
    assert_blocking();
    assert_int_equal(unit.status & VTD_GCMD_QIE, VTD_GCMD_QIE);
    setup(state);
    unit.ecap &= ~(VTD_ECAP_QI | VTD_ECAP_IR);
    assert_true(vtd_unit_block(map(), roots.contexts));
    assert_blocking();
    assert_int_equal(unit.status & VTD_GCMD_QIE, 0);
    assert_int_equal(unit.waits, 0);
}

/* What firmware left on goes, without a gap. */
static void test_block_takes_over(void **state)
{
    for (int queue = 0; queue < 2; queue++) {
        setup(state);
        unit.ecap = queue ? unit.ecap : unit.ecap & ~(VTD_ECAP_QI | VTD_ECAP_IR);
        unit.status = VTD_GCMD_TE | VTD_GCMD_SRTP;
        if (queue)
            unit.status |= VTD_GCMD_QIE | VTD_GCMD_IRE | VTD_GCMD_SIRTP;
        unit.roots = unit.roots_used = FIRMWARE_TABLE;
        unit.pmen = (uint32_t)(VTD_PMEN_EPM | VTD_PMEN_PRS);
        assert_true(vtd_unit_block(map(), roots.contexts));
        assert_blocking();
        assert_false(unit.ever_off);
        assert_int_not_equal(unit.pmen, 0); /* what is blocked twice may stay so */
    }
}

static void test_block_that_does_not_come(void **state)
{
    bool *const flaws[] = {&unit.ccmd_stuck, &unit.iotlb_stuck, &unit.does_part};

    for (size_t i = 0; i < ARRAY_COUNT(flaws); i++) {
        setup(state);
        unit.ecap &= ~VTD_ECAP_QI;
        *flaws[i] = true;
        uint64_t before = now;
        assert_false(vtd_unit_block(map(), roots.contexts));
        assert_true(now - before < 2 * IOMMU_PATIENCE_US);
        assert_int_equal(unit.status & VTD_GCMD_TE, 0);
    }
    setup(state);
    unit.ecap &= ~VTD_ECAP_QI;
    unit.ccmd = VTD_CCMD_ICC; /* firmware's, which does not end */
    assert_false(vtd_unit_block(map(), roots.contexts));
    setup(state);
    unit.stuck = VTD_GCMD_IRE;
    unit.status = VTD_GCMD_IRE;
    assert_false(vtd_unit_block(map(), roots.contexts));
}

static void test_queue_wraps(void **state)
{
    const struct vtd_pair what[] = {vtd_invalidate_contexts(), vtd_invalidate_tlb()};
    struct vtd_unit *placed = map();

    (void)state;
    assert_true(vtd_unit_start(placed, &roots));
    uint32_t before = unit.waits;
    for (unsigned i = 0; i < 1000; i++) {
        unit.contexts_stale = unit.tlb_stale = true;
        assert_true(vtd_unit_invalidate(placed, what, 2));
        assert_false(unit.contexts_stale || unit.tlb_stale);
    }
    assert_int_equal(unit.waits - before, 1000);
}

/* It waits once, and is dead from then on; that is told once. */
static void test_unit_that_dies(void **state)
{
    const struct vtd_pair what[] = {vtd_invalidate_tlb()};
    struct vtd_unit *placed = map();
    struct iommu_fault fault;

    (void)state;
    assert_true(vtd_unit_start(placed, &roots));
    unit.queue_stuck = true;
    uint64_t before = now;
    assert_false(vtd_unit_invalidate(placed, what, 1));
    assert_true(now - before >= IOMMU_PATIENCE_US);
    before = now;
    assert_false(vtd_unit_invalidate(placed, what, 1));
    assert_int_equal(now, before);
    assert_true(vtd_unit_poll(placed, &fault));
    assert_int_equal(fault.kind, IOMMU_FAULT_UNIT);
    assert_int_equal(fault.source.segment, 5);
    assert_false(vtd_unit_poll(placed, &fault));
}

static void test_faults(void **state)
{
    struct vtd_unit *placed = map();
    struct iommu_fault fault;

    (void)state;
    assert_true(vtd_unit_start(placed, &roots));
    unit.reads = 0;
    assert_false(vtd_unit_poll(placed, &fault));
    assert_int_equal(unit.reads, 1);
    for (unsigned round = 0; round < 3; round++) {
        unit.faults = (uint32_t)VTD_FSTS_PFO;
        for (unsigned i = 0; i < RECORDS; i++)
            unit.records[i] = (struct vtd_pair){0x1000 * i, VTD_FRCD_F | UINT64_C(2) << 32 | i};
        for (unsigned i = 0; i < RECORDS; i++) {
            unit.reads = 0;
            assert_true(vtd_unit_poll(placed, &fault));
            assert_int_equal(unit.reads, 3);
            assert_int_equal(fault.kind, IOMMU_FAULT_BLOCKED);
            assert_int_equal(fault.source.id, i);
            assert_int_equal(fault.address, 0x1000 * i);
        }
        assert_true(vtd_unit_poll(placed, &fault));
        assert_int_equal(fault.kind, IOMMU_FAULT_LOST);
        assert_false(vtd_unit_poll(placed, &fault));
        assert_int_equal(fault_status(), 0);
    }
    unit.records[3] = (struct vtd_pair){0, VTD_FRCD_F | UINT64_C(2) << 32 | 9};
    assert_true(vtd_unit_poll(placed, &fault)); /* wherever it stands */
    assert_int_equal(fault.source.id, 9);
}

static void test_registers_beyond_the_end(void **state)
{
    const struct dmar_unit from = {.base = 0xfed90000, .size = FRO};
    struct diag diag = {.message = ""};

    (void)state;
    assert_false(vtd_unit_map((struct vtd_unit *)(void *)host_bytes, &from, &diag));
    assert_non_null(strstr(diag.message, "0xfed90000"));

    const struct dmar_unit small = {.base = 0xfed90000, .size = 4096};
    unit.ecap = field_put(VTD_ECAP_IRO, 4096 / 16);
    assert_false(vtd_unit_map((struct vtd_unit *)(void *)host_bytes, &small, &diag));
    unit.ecap |= VTD_ECAP_QI; /* it needs no others */
    assert_true(vtd_unit_map((struct vtd_unit *)(void *)host_bytes, &small, &diag));

    unit.cap = unit.ecap = UINT64_MAX; /* not there: it has no registers at all */
    assert_true(vtd_unit_map((struct vtd_unit *)(void *)host_bytes, &small, &diag));
}

#include "tests/unit/vtd_events.h"

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_start, setup),
        cmocka_unit_test_setup(test_takeover, setup),
        cmocka_unit_test_setup(test_takeover_from_scalable_mode, setup),
        cmocka_unit_test_setup(test_takeover_of_a_bad_queue, setup),
        cmocka_unit_test_setup(test_unit_that_does_not_obey, setup),
        cmocka_unit_test_setup(test_block, setup),
        cmocka_unit_test_setup(test_block_takes_over, setup),
        cmocka_unit_test_setup(test_block_that_does_not_come, setup),
        cmocka_unit_test_setup(test_queue_wraps, setup),
        cmocka_unit_test_setup(test_unit_that_dies, setup),
        cmocka_unit_test_setup(test_faults, setup),
        EVENT_TESTS,
        cmocka_unit_test_setup(test_registers_beyond_the_end, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

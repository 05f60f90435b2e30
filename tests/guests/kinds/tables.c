/* SPDX-License-Identifier: MIT */
/* What lies in the guest's BIOS area. */
#include "kernel/acpi/guest.h"
#include "kernel/lib/mem.h"
#include "tests/guests/kinds/kinds.h"

static const uint8_t *bytes_at(uint64_t at)
{
    return (const uint8_t *)(uintptr_t)at;
}

static bool sums_up(uint64_t at, uint32_t size)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes_at(at)[i]);
    return sum == 0;
}

static uint64_t search(uint64_t from, uint64_t end, const char *mark, size_t length)
{
    for (uint64_t at = from; at < end; at += 16)
        if (memcmp(bytes_at(at), mark, length) == 0)
            return at;
    return 0;
}

static bool table_is(uint64_t at, const char *signature)
{
    return memcmp(bytes_at(at), signature, 4) == 0 && sums_up(at, read32(at + 4));
}

void check_acpi(uint64_t told_rsdp)
{
    uint64_t found = search(GUEST_RSDP_START, GUEST_RSDP_END, "RSD PTR ", 8);
    uint64_t rsdp = told_rsdp ? told_rsdp : found;
    expect(found != 0, "an RSDP in the BIOS area");
    expect(sums_up(rsdp, 20) && sums_up(rsdp, 36), "the RSDP's checksums");
    uint64_t xsdt = read64(rsdp + 24);
    expect(table_is(xsdt, "XSDT"), "the XSDT");
    expect(table_is(read32(rsdp + 16), "RSDT"), "the RSDT");
    expect(table_is(read64(xsdt + 36), "FACP"), "the FADT");
    expect(table_is(read64(xsdt + 44), "APIC"), "the MADT");
    print("rsdp at %lx, told %lx", found, told_rsdp);
}

uint32_t check_mp(void)
{
    uint64_t mp = search(GUEST_MP_START, GUEST_RSDP_END, "_MP_", 4);
    uint32_t counts[5] = {0};
    expect(mp != 0 && sums_up(mp, 16), "the MP floating pointer");
    uint64_t table = read32(mp + 4), at = table + 44;
    uint32_t entries = read32(table + 32) >> 16;
    expect(memcmp(bytes_at(table), "PCMP", 4) == 0 && sums_up(table, read32(table + 4) & 0xffff),
           "the MP table");
    expect(read32(table + 36) == GUEST_LAPIC_BASE, "the local APIC's address");
    for (uint32_t i = 0; i < entries && bytes_at(at)[0] < 5; i++) {
        counts[bytes_at(at)[0]]++;
        at += bytes_at(at)[0] == 0 ? 20 : 8;
    }
    expect(at == table + (read32(table + 4) & 0xffff), "the MP table's length");
    print("mp %u processors %u buses %u ioapics %u lines %u local", counts[0], counts[1], counts[2],
          counts[3], counts[4]);
    return counts[0];
}

/* SPDX-License-Identifier: MIT */
/* ACPI Specification "ACPI Machine Language (AML) Specification", "_PRT (PCI Routing Table)". */
#include "kernel/acpi/guest_prt.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/mem.h"

enum {
    AML_ZERO = 0x00,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_DWORD = 0x0c,
    AML_SCOPE = 0x10,
    AML_PACKAGE = 0x12,

    SHORT_LENGTH = 63, /* a PkgLength up to this, itself included, has one byte; up to 4095 two: */
    LENGTH_LOW = 1 << 6, /* one byte follows the one with the lowest four bits */
    ROUTE_ELEMENTS = 4,  /* address, pin, source, index */
    ROUTE_MOST = 13,     /* bytes */
    ALL_FUNCTIONS = 0xffff,
};

static const uint8_t scope_name[] = {0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0'};
static const uint8_t prt_name[] = {AML_NAME, '_', 'P', 'R', 'T'};

_Static_assert(2 + sizeof(scope_name) + sizeof(prt_name) + 1 + 2 + 1 +
                       GUEST_ACPI_MAX_ROUTES * ROUTE_MOST <
                   4096,
               "a PkgLength of two bytes");

/* What a PkgLength says of so many bytes behind it. */
static size_t with_length(size_t bytes)
{
    return bytes + 1 <= SHORT_LENGTH ? bytes + 1 : bytes + 2;
}

static uint8_t *put_length(uint8_t *at, size_t bytes)
{
    size_t length = with_length(bytes);

    if (length == bytes + 1) {
        *at++ = (uint8_t)length;
    } else {
        *at++ = (uint8_t)(LENGTH_LOW | (length & 0xf));
        *at++ = (uint8_t)(length >> 4);
    }
    return at;
}

static size_t number_size(uint8_t number)
{
    return number <= 1 ? 1 : 2;
}

static uint8_t *put_number(uint8_t *at, uint8_t number)
{
    if (number > 1)
        *at++ = AML_BYTE;
    *at++ = number; /* ZeroOp and OneOp are what they mean */
    return at;
}

/* Bytes of a route behind its PkgLength: elements, address, pin, source, index. */
static size_t route_bytes(const struct acpi_route *route)
{
    return 1 + 5 + number_size(route->pin) + 1 + number_size(route->gsi);
}

/* Likewise of the list of routes; then of the scope. */
static size_t package_bytes(const struct acpi_route *routes, uint32_t count)
{
    size_t bytes = 1;

    for (uint32_t i = 0; i < count; i++)
        bytes += 1 + with_length(route_bytes(&routes[i]));
    return bytes;
}

static size_t scope_bytes(const struct acpi_route *routes, uint32_t count)
{
    return sizeof(scope_name) + sizeof(prt_name) + 1 + with_length(package_bytes(routes, count));
}

size_t guest_prt_size(const struct acpi_route *routes, uint32_t count)
{
    return count == 0 ? 0 : 1 + with_length(scope_bytes(routes, count));
}

/* Source 0: the index is a GSI. */
static uint8_t *put_route(uint8_t *at, const struct acpi_route *route)
{
    *at++ = AML_PACKAGE;
    at = put_length(at, route_bytes(route));
    *at++ = ROUTE_ELEMENTS;
    *at++ = AML_DWORD;
    *at++ = ALL_FUNCTIONS & 0xff;
    *at++ = ALL_FUNCTIONS >> 8;
    *at++ = route->device;
    *at++ = 0;
    at = put_number(at, route->pin);
    *at++ = AML_ZERO;
    return put_number(at, route->gsi);
}

void guest_prt_put(uint8_t *bytes, const struct acpi_route *routes, uint32_t count)
{
    if (count == 0)
        return;
    *bytes++ = AML_SCOPE;
    bytes = put_length(bytes, scope_bytes(routes, count));
    memcpy(bytes, scope_name, sizeof(scope_name));
    bytes += sizeof(scope_name);
    memcpy(bytes, prt_name, sizeof(prt_name));
    bytes += sizeof(prt_name);
    *bytes++ = AML_PACKAGE;
    bytes = put_length(bytes, package_bytes(routes, count));
    *bytes++ = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++)
        bytes = put_route(bytes, &routes[i]);
}

/* SPDX-License-Identifier: MIT */
#include "kernel/image/bzimage.h"

#include "kernel/lib/bits.h"
#include "kernel/lib/cursor.h"
#include "kernel/lib/mem.h"

/* Fields of the setup header by their offset in the file, with the protocol's names. */
enum {
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4,
    BOOT_FLAG = 0x1fe,
    JUMP_LENGTH = 0x201, /* second byte of `jump`; the header ends that far behind it */
    HEADER = 0x202,
    VERSION = 0x206,
    LOADFLAGS = 0x211,
    CODE32_START = 0x214,
    INITRD_ADDR_MAX = 0x22c,
    KERNEL_ALIGNMENT = 0x230,
    RELOCATABLE_KERNEL = 0x234,
    XLOADFLAGS = 0x236,
    CMDLINE_SIZE = 0x238,
    PAYLOAD_OFFSET = 0x248,
    PAYLOAD_LENGTH = 0x24c,
    PREF_ADDRESS = 0x258,
    INIT_SIZE = 0x260,
    HEADER_LEAST_END = 0x264,     /* of the fields above, all there since protocol 2.12 */
    HEADER_LEAST_END_OLD = 0x23c, /* with cmdline_size as the last one */
};

enum {
    BOOT_FLAG_MAGIC = 0xaa55,
    HEADER_MAGIC = 0x53726448, /* "HdrS" */
    VERSION_LEAST = 0x0206,    /* the first with cmdline_size */
    VERSION_PAYLOAD = 0x0208,
    VERSION_INIT_SIZE = 0x020a, /* and pref_address */
    VERSION_XLOADFLAGS = 0x020c,
    LOADFLAGS_LOADED_HIGH = 1 << 0,
    XLF_KERNEL_64 = 1 << 0,
    SECTOR = 512,
    SETUP_SECTS_DEFAULT = 4, /* what 0 stands for */
    PARAGRAPH = 16,          /* unit of syssize */
};

/* A field at `offset`, which lies in the head. */
static struct cursor field(struct cursor head, size_t offset)
{
    cursor_skip(&head, offset);
    return head;
}

static uint32_t field_u8(struct cursor head, size_t offset)
{
    struct cursor at = field(head, offset);
    return cursor_u8(&at);
}

static uint32_t field_u16(struct cursor head, size_t offset)
{
    struct cursor at = field(head, offset);
    return cursor_u16(&at);
}

static uint32_t field_u32(struct cursor head, size_t offset)
{
    struct cursor at = field(head, offset);
    return cursor_u32(&at);
}

static uint64_t field_u64(struct cursor head, size_t offset)
{
    struct cursor at = field(head, offset);
    return cursor_u64(&at);
}

bool bzimage_is(const void *head, size_t head_size)
{
    struct cursor at = cursor_over(head, head_size);

    return field_u16(at, BOOT_FLAG) == BOOT_FLAG_MAGIC && field_u32(at, HEADER) == HEADER_MAGIC;
}

static bool check_kind(struct cursor head, struct bzimage *out, struct diag *diag)
{
    out->version = (uint16_t)field_u16(head, VERSION);
    if (out->version < VERSION_LEAST) {
        diag_set(diag, "the kernel speaks boot protocol %u.%02u, but 2.06 is the oldest that works",
                 out->version >> 8, out->version & 0xffu);
        return diag_hint(diag, "take a Linux kernel of version 2.6.22 or newer");
    }
    if ((field_u8(head, LOADFLAGS) & LOADFLAGS_LOADED_HIGH) == 0)
        return diag_set(diag, "the kernel is a zImage, which loads below 1 MiB, not a bzImage");
    bool long_mode =
        out->version >= VERSION_XLOADFLAGS && (field_u16(head, XLOADFLAGS) & XLF_KERNEL_64) != 0;
    /* Who begins with its real-mode part alone (iPXE) has no address for protected mode. */
    out->entry_bits = long_mode ? 64 : field_u32(head, CODE32_START) != 0 ? 32 : 16;
    return true;
}

/* The header itself, for boot_params: from its first field to the end that its jump tells. */
static bool copy_header(struct cursor head, struct bzimage *out, struct diag *diag)
{
    uint32_t end = HEADER + field_u8(head, JUMP_LENGTH);
    uint32_t least = out->version < VERSION_XLOADFLAGS ? HEADER_LEAST_END_OLD : HEADER_LEAST_END;

    if (end < least || end > BZIMAGE_HEADER_END) {
        return diag_set(diag, "the kernel's header ends at %#x instead of between %#x and %#x", end,
                        least, BZIMAGE_HEADER_END);
    }
    struct cursor at = field(head, BZIMAGE_HEADER_START);
    out->header_size = end - BZIMAGE_HEADER_START;
    const uint8_t *bytes = cursor_bytes(&at, out->header_size);
    if (bytes == NULL)
        return diag_set(diag, "the kernel file is cut off in its header");
    memcpy(out->header, bytes, out->header_size);
    return true;
}

static bool read_sizes(struct cursor head, uint64_t file_size, struct bzimage *out,
                       struct diag *diag)
{
    uint32_t sectors = field_u8(head, SETUP_SECTS);
    uint64_t wanted = (uint64_t)field_u32(head, SYSSIZE) * PARAGRAPH;
    uint64_t payload = field_u32(head, PAYLOAD_OFFSET);
    uint64_t payload_end = payload + field_u32(head, PAYLOAD_LENGTH);

    out->setup_size = ((sectors == 0 ? SETUP_SECTS_DEFAULT : sectors) + 1) * SECTOR;
    uint64_t rest = file_size > out->setup_size ? file_size - out->setup_size : 0;
    /* syssize is rounded up; behind it there may be a signature, which is not loaded. */
    if (wanted >= rest + PARAGRAPH || rest <= BZIMAGE_ENTRY_64) {
        diag_set(diag, "the kernel file is cut off: it has %lu bytes, its header speaks of %lu",
                 file_size, out->setup_size + wanted);
        return diag_hint(diag, "copy the file again");
    }
    out->kernel_size = wanted == 0 || wanted > rest ? rest : wanted;
    if (out->kernel_size <= BZIMAGE_ENTRY_64)
        return diag_set(diag, "the kernel has only %lu bytes of code", out->kernel_size);
    if (out->version >= VERSION_PAYLOAD && payload_end > out->kernel_size) {
        return diag_set(diag, "the kernel's payload ends at %#lx, beyond its code of %#lx bytes",
                        payload_end, out->kernel_size);
    }
    return true;
}

/* Before these fields were there, a kernel lay at 1 MiB, or where its alignment wanted it. */
static void read_place_and_size(struct cursor head, struct bzimage *out)
{
    out->pref_address = MIB(1);
    out->init_size = out->kernel_size;
    if (out->version >= VERSION_INIT_SIZE) {
        out->pref_address = field_u64(head, PREF_ADDRESS);
        out->init_size = field_u32(head, INIT_SIZE);
    }
}

static bool read_placement(struct cursor head, struct bzimage *out, struct diag *diag)
{
    read_place_and_size(head, out);
    out->relocatable = field_u8(head, RELOCATABLE_KERNEL) != 0;
    out->alignment = field_u32(head, KERNEL_ALIGNMENT);
    out->cmdline_max = field_u32(head, CMDLINE_SIZE);
    out->initrd_max = field_u32(head, INITRD_ADDR_MAX);

    if ((out->alignment & (out->alignment - 1)) != 0) {
        return diag_set(diag, "the kernel wants the alignment %#lx, which is not a power of two",
                        out->alignment);
    }
    if (out->alignment < PAGE_4K)
        out->alignment = PAGE_4K;
    if (out->init_size < out->kernel_size) {
        return diag_set(diag, "the kernel says it needs %lu bytes of memory, but has %lu of code",
                        out->init_size, out->kernel_size);
    }
    if (!out->relocatable &&
        (out->pref_address < MIB(1) || !is_aligned(out->pref_address, PAGE_4K))) {
        return diag_set(diag,
                        "the kernel wants to lie at %#lx and nowhere else, which is impossible",
                        out->pref_address);
    }
    return true;
}

bool bzimage_parse(const void *head, size_t head_size, uint64_t file_size, struct bzimage *out,
                   struct diag *diag)
{
    struct cursor at = cursor_over(head, head_size);

    *out = (struct bzimage){0};
    if (!bzimage_is(head, head_size)) {
        diag_set(diag, "not a Linux kernel (bzImage): its header is missing");
        return diag_hint(diag, "take the file that distributions call vmlinuz or bzImage");
    }
    if (head_size < HEADER_LEAST_END_OLD)
        return diag_set(diag, "the kernel file is cut off in its header");
    return check_kind(at, out, diag) && copy_header(at, out, diag) &&
           read_sizes(at, file_size, out, diag) && read_placement(at, out, diag);
}

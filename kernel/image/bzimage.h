/* SPDX-License-Identifier: MIT */
/*
 * Check of a Linux kernel image (bzImage) by its header. The Linux/x86 Boot Protocol.
 *
 *   file:  | boot sector, header, real-mode code | protected-mode code ............ |
 *          0                                     setup_size        + kernel_size
 *                          `-- 16-bit entry       `-- goes to the load address, which is the 32-bit
 *                                                     entry point; the 64-bit one is
 *                                                     BZIMAGE_ENTRY_64 bytes into it
 */
#ifndef BULKHEAD_KERNEL_IMAGE_BZIMAGE_H
#define BULKHEAD_KERNEL_IMAGE_BZIMAGE_H

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define BZIMAGE_HEAD_SIZE    1024  /* bytes from the file's beginning that always suffice */
#define BZIMAGE_HEADER_START 0x1f1 /* of the setup header, in the file and in boot_params */
#define BZIMAGE_HEADER_END   0x290 /* boot_params has room for no more */
#define BZIMAGE_ENTRY_64     0x200

/* All checked; still, sizes and addresses are what the file says and may not fit the guest. */
struct bzimage {
    uint16_t version;      /* of the protocol, 0x206 and up */
    uint32_t entry_bits;   /* 16, 32 or 64: the widest mode in which it can start */
    uint32_t setup_size;   /* bytes before the protected-mode code */
    uint64_t kernel_size;  /* bytes of the protected-mode code, all within the file */
    uint64_t pref_address; /* GPA at which the kernel wants to lie */
    uint64_t init_size;    /* bytes it needs there until it can read the memory map */
    uint64_t alignment;    /* of the load address, a power of two, at least 4 KiB */
    bool relocatable;      /* false: pref_address and nowhere else */
    uint32_t cmdline_max;  /* bytes of the command line without the zero byte behind it */
    uint64_t initrd_max;   /* the last byte that an initrd may take, GPA */
    uint32_t header_size;  /* bytes of `header` */
    uint8_t header[BZIMAGE_HEADER_END - BZIMAGE_HEADER_START]; /* for boot_params */
};

/* Do the first bytes say bzImage? Any `head_size`. */
bool bzimage_is(const void *head, size_t head_size);

/*
 * Check the first head_size bytes (not trusted) of a file that has file_size bytes. Returns false
 * and a diagnosis when it is no kernel that can be started; the message does not name the file, the
 * caller puts that in front.
 */
bool bzimage_parse(const void *head, size_t head_size, uint64_t file_size, struct bzimage *out,
                   struct diag *diag);

#endif

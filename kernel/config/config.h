/* SPDX-License-Identifier: MIT */
/*
 * The config file (bulkhead.conf): plain INI text to a checked `struct config`. The text comes from
 * a stick that anybody may have edited, so nothing in it is trusted.
 *
 *     # comment
 *     [machine]
 *     console  = com1 115200       # com1 .. com4, a port such as 0x3f8, or screen; then the baud
 *                                  # rate, a divisor of 115200
 *     [guest web]
 *     cpus     = 1                 # default 1
 *     memory   = 512M              # required: K, M or G; a multiple of 2M
 *     kernel   = vmlinuz           # required: a file, as seen from the config's folder
 *     initrd   = initrd.gz
 *     cmdline  = console=ttyS0
 *     on-crash = restart           # halt (default) | restart | reboot-machine
 *
 * Rules of the text: ASCII, lines end with LF or CR LF, a UTF-8 mark at the start is skipped. Names
 * of sections and keys are small letters. A comment starts with a "#" at the start of a line or
 * behind a blank, and goes to the end of the line. Blanks around names and values do not count. A
 * value that starts with a double quote ends at the next one in its line and is taken as it is
 * between them, "#" and outer blanks included; there is no way to put a double quote into such a
 * value, while one in the middle of a value without quotes stands for itself:
 *
 *     cmdline = "init=/bin/sh # this is passed on"
 *     cmdline = dyndbg="file a.c +p" quiet
 *
 * Each section and key may stand once, guests are told apart by their names. The time needed grows
 * with the length of the text alone, and the same text gives the same answer.
 */
#ifndef BULKHEAD_KERNEL_CONFIG_CONFIG_H
#define BULKHEAD_KERNEL_CONFIG_CONFIG_H

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"

#define CONFIG_MAX_TEXT        KIB(256)
#define CONFIG_MAX_LINE        2047 /* bytes without the line's end */
#define CONFIG_MAX_GUESTS      256
#define CONFIG_MAX_VCPUS       64 /* of one guest */
#define CONFIG_SUPPORTED_VCPUS 1  /* of one guest, in this release */
#define CONFIG_MAX_NAME        15 /* bytes of a guest's name: a letter, then letters, digits, - or _ */
#define CONFIG_MAX_PATH        127  /* bytes of a file name, relative to the config's folder */
#define CONFIG_MAX_CMDLINE     1023 /* bytes of a kernel command line */
#define CONFIG_MIN_MEMORY      MIB(64)
#define CONFIG_MAX_MEMORY      GIB(16384) /* so that the sum of all guests fits 64 bits by far */

/*
 * A piece of the config's text, not ended by a zero byte, printable ASCII and tabs only.
 * start == NULL: the key was not given.
 */
struct slice {
    const char *start;
    uint32_t length;
    uint32_t line; /* where it stands, for later messages (missing file, too little memory, ...) */
    uint32_t column;
};

enum config_on_crash { ON_CRASH_HALT, ON_CRASH_RESTART, ON_CRASH_REBOOT_MACHINE };

enum config_console { CONSOLE_DEFAULT, CONSOLE_PORT, CONSOLE_SCREEN };

struct config_machine {
    enum config_console console;
    uint16_t console_port; /* I/O port of the UART, when console is CONSOLE_PORT (com1 = 0x3f8) */
    uint32_t console_baud; /* 0: not given, leave it as firmware set it, else 115200 */
};

struct config_guest {
    struct slice name;
    /*
     * Files: 1 to CONFIG_MAX_PATH bytes, folders divided by "/", relative to the config's folder,
     * without empty, "." or ".." parts, without anything that FAT cannot hold.
     */
    struct slice kernel;
    struct slice initrd;    /* start == NULL: none */
    struct slice cmdline;   /* start == NULL: not given; may also be given and empty */
    struct slice cpus_at;   /* the value of `cpus`, for messages of the planner; when it was not
                             * given start == NULL and the place is that of the guest's name */
    struct slice memory_at; /* the value of `memory` */
    uint32_t cpus;          /* 1 .. CONFIG_SUPPORTED_VCPUS */
    uint64_t memory;        /* bytes: CONFIG_MIN_MEMORY .. CONFIG_MAX_MEMORY, multiple of 2 MiB */
    enum config_on_crash on_crash;
};

struct config {
    struct config_machine machine;
    uint32_t guest_count; /* at least 1 */
    struct config_guest guests[CONFIG_MAX_GUESTS];
};

/*
 * Parse and check `text` (size bytes, need not end in a zero byte). The config's slices point into
 * `text`, which must stay where it is. Returns false and a diagnosis with line and column (bytes,
 * behind a UTF-8 mark) when the text is refused; `config` is then undefined. `config` is large
 * (about 45 KiB): do not put it on a stack. Guests beyond guest_count are not written.
 */
bool config_parse(const char *text, size_t size, struct config *config, struct diag *diag);

#endif

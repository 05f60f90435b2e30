/* SPDX-License-Identifier: MIT */
/*
 * The config file (bulkhead.conf): plain INI text to a checked `struct config`. The text comes from
 * a stick that anybody may have edited, so nothing in it is trusted.
 *
 *     # comment
 *     [machine]
 *     console  = com1 115200       # com1 .. com4, a port such as 0x3f8, or screen; then the baud
 *                                  # rate, a divisor of 115200
 *     inspect  = yes               # yes | no (default): write a report of the machine instead of
 *                                  # starting guests, of which there may be none then
 *     [guest web]
 *     cpus     = 2                 # default 1; see below
 *     memory   = 512M              # required: K, M or G; a multiple of 2M
 *     kind     = linux             # linux | pvh | multiboot | flat; default: what the file is
 *     kernel   = vmlinuz           # required: a file, as seen from the config's folder
 *     initrd   = initrd.gz         # linux and pvh
 *     cmdline  = console=ttyS0     # all but flat
 *     on-crash = restart           # halt (default) | restart | reboot-machine
 *     on-device-fault = stop       # ignore | detach (default) | stop
 *     [guest kernel-of-mine]
 *     memory   = 64M
 *     kernel   = kernel.elf
 *     module   = disk.img root     # pvh and multiboot: a file and its arguments; up to 8 of them
 *     [guest blob]
 *     memory   = 64M
 *     kind     = flat              # bytes without a header; has to be said
 *     kernel   = blob.bin
 *     load     = 0x100000          # required: where in the guest's memory its first byte goes
 *     entry    = 0x100010 64       # where it starts, in 16, 32 (default) or 64-bit mode; default:
 *                                  # at load
 *
 * Processors are cores or threads of them (SMT); siblings never serve two guests:
 *
 *     cpus = 2          # two cores, one thread of each: the guest has them for itself, their
 *                       # other threads stay idle, and it knows nothing of SMT
 *     cpus = 4 smt      # all threads of as few cores as possible, siblings side by side; the guest
 *                       # sees which are siblings
 *     cpus = 2,3,8-11   # these pCPUs, numbered as in the plan's table, as vCPU 0, 1, 2, ...; their
 *                       # siblings stay idle
 *     cpus = 2,3 smt    # the same for pCPUs that may be siblings
 *     cpus = 5-5        # this pCPU alone
 *
 * PCI devices that the guest drives itself; the key may stand several times:
 *
 *     device = 00:1f.2          # by address, as lspci shows it; or 0000:00:1f.2 with the segment
 *     device = 03:00.*          # all functions of that device
 *     device = 8086:10d3        # the first one with these vendor and device ids, #2 the second
 *     device = nvme#1           # the first NVMe disk; kernel/pci/class.c has all such names
 *     device = class:0200#1     # the first one of that class
 *     device = 00:05.0 intx=21  # with the I/O APIC's input (GSI) that its interrupt pin is wired
 * to
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
 * Each section and key may stand once (module and device several times), guests are told apart by
 * their names. The time needed grows with the length of the text alone, and the same text gives the
 * same answer.
 */
#ifndef BULKHEAD_KERNEL_CONFIG_CONFIG_H
#define BULKHEAD_KERNEL_CONFIG_CONFIG_H

#include "kernel/lib/diag.h"
#include "kernel/lib/types.h"
#include "kernel/pci/match.h"

#define CONFIG_MAX_TEXT          KIB(256)
#define CONFIG_MAX_LINE          2047 /* bytes without the line's end */
#define CONFIG_MAX_GUESTS        256
#define CONFIG_MAX_VCPUS         64   /* of one guest */
#define CONFIG_MAX_PCPUS         2048 /* that lists can tell apart: 0 .. CONFIG_MAX_PCPUS - 1 */
#define CONFIG_MAX_NAME          15 /* bytes of a guest's name: a letter, then letters, digits, - _ */
#define CONFIG_MAX_PATH          127  /* bytes of a file name, relative to the config's folder */
#define CONFIG_MAX_CMDLINE       1023 /* bytes of a kernel command line, or a module's arguments */
#define CONFIG_MAX_MODULES       256  /* of all guests together */
#define CONFIG_MAX_GUEST_MODULES 8
#define CONFIG_MAX_DEVICES       64 /* lines, of all guests together */
#define CONFIG_MIN_MEMORY        MIB(64)
#define CONFIG_MAX_MEMORY        GIB(16384) /* so that the sum of all guests fits 64 bits by far */
#define CONFIG_MAX_GSI           65535
#define CONFIG_ADDRESS_END       (UINT64_C(1) << 47) /* beyond all memory that a guest can have */

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

/* What follows when the IOMMU has blocked too much of what a guest's device tried. */
enum config_on_fault { ON_FAULT_IGNORE, ON_FAULT_DETACH, ON_FAULT_STOP };

/* What the kernel's file is, which decides how it is loaded and started. */
enum config_kind { KIND_BY_CONTENT, KIND_LINUX, KIND_PVH, KIND_MULTIBOOT, KIND_FLAT };

enum config_console { CONSOLE_DEFAULT, CONSOLE_PORT, CONSOLE_SCREEN };

struct config_machine {
    enum config_console console;
    uint16_t console_port; /* I/O port of the UART, when console is CONSOLE_PORT (com1 = 0x3f8) */
    uint32_t console_baud; /* 0: not given, leave it as firmware set it, else 115200 */
    bool inspect;          /* the boot half writes a report of the machine and starts no guest */
};

/* A file that is put into the guest's memory beside its kernel. */
struct config_module {
    struct slice file; /* as the files below, but without blanks */
    struct slice args; /* the rest of the value, 0 to CONFIG_MAX_CMDLINE bytes */
};

/* One line that gives PCI functions to a guest. */
struct config_device {
    struct slice at; /* the value, for messages of the planner */
    struct pci_selector selector;
    uint32_t gsi; /* its INTx is this input of the I/O APICs: 1 .. CONFIG_MAX_GSI; 0: not told */
};

struct config_guest {
    struct slice name;
    /*
     * Files: 1 to CONFIG_MAX_PATH bytes, folders divided by "/", relative to the config's folder,
     * without empty, "." or ".." parts, without anything that FAT cannot hold.
     */
    struct slice kernel;
    struct slice initrd;    /* start == NULL: none; not with KIND_MULTIBOOT, KIND_FLAT, modules */
    struct slice cmdline;   /* start == NULL: not given; may also be given and empty */
    struct slice cpus_at;   /* the value of `cpus`, for messages of the planner; when it was not
                             * given start == NULL and the place is that of the guest's name */
    struct slice memory_at; /* the value of `memory` */
    struct slice load_at;   /* the value of `load`; start == NULL unless KIND_FLAT */
    struct slice entry_at;  /* the value of `entry`, when it was not given that of `load` */
    uint64_t memory;        /* bytes: CONFIG_MIN_MEMORY .. CONFIG_MAX_MEMORY, multiple of 2 MiB */
    gpa_t load;             /* KIND_FLAT: below CONFIG_ADDRESS_END, whether or not it is memory */
    gpa_t entry;            /* KIND_FLAT: not below load, and where that mode can start */
    uint32_t entry_bits;    /* KIND_FLAT: 16, 32 or 64; else 0 */
    enum config_kind kind;  /* as the config says, which may be wrong of the file */
    enum config_on_crash on_crash;
    enum config_on_fault on_fault;
    uint32_t cpus; /* vCPUs, 1 .. CONFIG_MAX_VCPUS */
    bool smt;      /* siblings may serve this guest together */
    bool listed;   /* vCPU n runs on pCPU config->listed[first_listed + n] */
    uint16_t first_listed;
    uint16_t first_module; /* its modules: config->modules[first_module ...], in the text's order */
    uint16_t module_count; /* 0 with KIND_LINUX and KIND_FLAT */
    uint16_t first_device; /* its lines: config->devices[first_device ...], in the text's order */
    uint16_t device_count;
};

/* The guests come last, so that those that are not there take no memory: config_bytes(). */
struct config {
    struct config_machine machine;
    uint32_t guest_count; /* at least 1; with machine.inspect there may be none */
    uint32_t module_count;
    uint32_t listed_count;
    uint32_t device_count;
    uint16_t listed[CONFIG_MAX_PCPUS]; /* the lists of all guests, no number twice */
    struct config_module modules[CONFIG_MAX_MODULES];
    struct config_device devices[CONFIG_MAX_DEVICES];
    struct config_guest guests[CONFIG_MAX_GUESTS];
};

/* The bytes of a config that count: up to its last guest. Only these are handed on. */
static inline uint64_t config_bytes(const struct config *config)
{
    return offsetof(struct config, guests) + config->guest_count * sizeof(config->guests[0]);
}

/* How many PCI functions its lines may mean at most: which they are, the planner finds out. */
uint32_t config_most_functions(const struct config *config);

/* How many of its lines tell of an INTx. */
uint32_t config_intx_lines(const struct config *config);

/*
 * Parse and check `text` (size bytes, need not end in a zero byte). The config's slices point into
 * `text`, which must stay where it is. Returns false and a diagnosis with line and column (bytes,
 * behind a UTF-8 mark) when the text is refused; `config` is then undefined. `config` is large
 * (about 80 KiB): do not put it on a stack. What lies beyond the counts is not written.
 */
bool config_parse(const char *text, size_t size, struct config *config, struct diag *diag);

#endif

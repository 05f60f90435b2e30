/* SPDX-License-Identifier: MIT */
/* Configs that must be refused: each with its place, its exact message and its hint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/config/config.h"

#define GUEST           "[guest web]\nmemory = 512M\nkernel = vmlinuz\n" /* three lines, complete */
#define MORE            "memory = 64M\nkernel = k\n"                     /* two lines */
#define FLAT            GUEST "kind = flat\nload = 0x100000\n"           /* five lines, complete */
#define MODULE          "module = m\n"
#define NO_HINT         ""
#define HINT_NAME       "use letters, digits, - and _"
#define HINT_GUEST      "write such as [guest web]"
#define HINT_UTF8       "save it as UTF-8 (in Notepad: Save as, Encoding: UTF-8)"
#define HINT_ASCII      "use plain letters, digits and signs, in comments too"
#define HINT_KEY        "write key = value"
#define HINT_REST       "a comment starts with \"#\" and a blank in front of it"
#define HINT_FAT        "rename the file"
#define HINT_MEM        "write such as memory = 512M"
#define MEM_UNIT        "memory must be a whole number with K, M or G, not "
#define CONSOLE         "console must be com1 to com4, a port such as 0x3f8, or screen, not "
#define HINT_CPUS       "write such as cpus = 2, cpus = 2 smt, or cpus = 2,3 for these very processors"
#define CPUS_NUMBER     "cpus: a number must stand here, not "
#define CPUS_REST(text) "unexpected \"" text "\" behind the processors"
#define KIND            "kind must be linux, pvh, multiboot or flat, not "
#define ADDRESS(key)    key " must be an address such as 0x100000, not "
#define HINT_DEVICE     "write such as 00:1f.2, 8086:10d3, nvme#1 or class:0200#1"
#define BAUD_RATES      "usual rates are 115200, 57600, 38400, 19200 and 9600"

struct bad {
    const char *text;
    size_t size; /* 0: up to the zero byte */
    uint32_t line;
    uint32_t column;
    const char *message;
    const char *hint;
};

/* Texts with zero bytes inside. */
#define SIZED(text) text, sizeof(text) - 1

/* clang-format off */
static const struct bad bad_configs[] = {
    /* ---- what the file is ---- */
    {"", 0, 1, 1, "the config has no guest", "add a section such as [guest web]"},
    {"# only this\n\n", 0, 1, 1, "the config has no guest", "add a section such as [guest web]"},
    {"\xef\xbb\xbf", 0, 1, 1, "the config has no guest", "add a section such as [guest web]"},
    {"[machine]\nconsole = com1\n", 0, 1, 1, "the config has no guest",
     "add a section such as [guest web]"},
    {SIZED("\xff\xfe[\0g\0"), 1, 1, "the file is saved as UTF-16", HINT_UTF8},
    {SIZED("\xfe\xff\0[\0g"), 1, 1, "the file is saved as UTF-16", HINT_UTF8},
    {SIZED("[\0g\0u\0"), 1, 1, "the file is saved as UTF-16", HINT_UTF8},
    {SIZED("\0[\0g\0u"), 1, 1, "the file is saved as UTF-16", HINT_UTF8},
    {SIZED("\0\0\0\0"), 1, 1, "byte 0x00: this is not a text file",
     "copy the file to the stick again, or save it as UTF-8"},
    {SIZED(GUEST "cpus\0 = 1\n"), 4, 5, "byte 0x00: this is not a text file",
     "copy the file to the stick again, or save it as UTF-8"},

    /* ---- bytes ---- */
    {GUEST "# caf\xc3\xa9\n", 0, 4, 6, "byte 0xc3 is not ASCII", HINT_ASCII},
    {GUEST "initrd = a\xa0z\n", 0, 4, 11, "byte 0xa0 is not ASCII", HINT_ASCII},
    {GUEST "\xef\xbb\xbf# a mark in the middle\n", 0, 4, 1, "byte 0xef is not ASCII", HINT_ASCII},
    {GUEST "initrd = a\x1b[2Jb\n", 0, 4, 11, "control character 0x1b",
     "delete it; of these only the tab is allowed"},
    {GUEST "initrd = a\x7f\n", 0, 4, 11, "control character 0x7f",
     "delete it; of these only the tab is allowed"},
    {"[guest web]\rmemory = 512M\r", 0, 1, 12, "carriage return in the middle of a line",
     "end each line with LF or CR LF"},

    /* ---- sections ---- */
    {"memory = 512M\n" GUEST, 0, 1, 1, "the key \"memory\" stands before any section",
     "write [machine], or [guest NAME], in a line above it"},
    {"[guest web\nmemory = 512M\n", 0, 1, 1, "the section header is not closed",
     "put a \"]\" at its end"},
    {GUEST "[guest r", 0, 4, 1, "the section header is not closed", "put a \"]\" at its end"},
    {"  [guest #web]\n", 0, 1, 3, "the section header is not closed", "put a \"]\" at its end"},
    {"[]\n", 0, 1, 1, "the section header is empty", "write [machine], or [guest NAME]"},
    {" [  ]\n", 0, 1, 2, "the section header is empty", "write [machine], or [guest NAME]"},
    {"[guest web] memory = 512M\n", 0, 1, 13, "unexpected text behind the section header",
     HINT_REST},
    {"[guest web]# comment\n", 0, 1, 12, "unexpected text behind the section header", HINT_REST},
    {"[gest web]\n", 0, 1, 2, "unknown section \"gest\"", "did you mean \"guest\"?"},
    {"[ Guest web ]\n", 0, 1, 3, "unknown section \"Guest\"", "did you mean \"guest\"?"},
    {"[network]\n", 0, 1, 2, "unknown section \"network\"", "write [machine], or [guest NAME]"},
    {"[machine one]\n", 0, 1, 10, "[machine] takes no name", "write [machine]"},
    {"[machine]\n" GUEST "[machine]\n", 0, 5, 2,
     "a second [machine] section; the first is in line 1", "put the keys of both into one"},

    /* ---- names of guests ---- */
    {"[guest]\n", 0, 1, 7, "a guest needs a name", HINT_GUEST},
    {"[guest   ]\n", 0, 1, 10, "a guest needs a name", HINT_GUEST},
    {"[guest 1web]\n", 0, 1, 8, "a guest's name must start with a letter, not \"1\"", HINT_GUEST},
    {"[guest \"web\"]\n", 0, 1, 8, "a guest's name must start with a letter, not \"\"\"",
     HINT_GUEST},
    {"[guest web server]\n", 0, 1, 11, "\" \" cannot stand in a guest's name", HINT_NAME},
    {"[guest web/1]\n", 0, 1, 11, "\"/\" cannot stand in a guest's name", HINT_NAME},
    {"[guest sixteen-bytes-ab]\n", 0, 1, 23, "the guest's name has 16 bytes, more than 15",
     "it stands in front of each console line; choose a short one"},
    {GUEST "\n" GUEST, 0, 5, 8, "a second guest \"web\"; the first is in line 1",
     "give it another name"},

    /* ---- lines and keys ---- */
    {"[guest web]\nmemory 512M\n", 0, 2, 1, "there is no \"=\" in this line", HINT_KEY},
    {"[guest web]\n\tmemory # = 512M\n", 0, 2, 2, "there is no \"=\" in this line", HINT_KEY},
    {GUEST "cpu", 0, 4, 1, "there is no \"=\" in this line", HINT_KEY},
    {GUEST "; comment\n", 0, 4, 1, "there is no \"=\" in this line",
     "a comment starts with \"#\""},
    {GUEST "// comment\n", 0, 4, 1, "there is no \"=\" in this line",
     "a comment starts with \"#\""},
    {GUEST "  = 512M\n", 0, 4, 3, "there is no key in front of the \"=\"", HINT_KEY},
    {"[guest web]\nmemroy = 512M\n", 0, 2, 1, "[guest] knows no key \"memroy\"",
     "did you mean \"memory\"?"},
    {"[guest web]\nMemory = 512M\n", 0, 2, 1, "[guest] knows no key \"Memory\"",
     "did you mean \"memory\"?"},
    {"[guest web]\non_crash = halt\n", 0, 2, 1, "[guest] knows no key \"on_crash\"",
     "did you mean \"on-crash\"?"},
    {"[guest web]\nconsole = com1\n", 0, 2, 1, "[guest] knows no key \"console\"",
     "it belongs into a [machine] section"},
    {"[machine]\nmemory = 512M\n", 0, 2, 1, "[machine] knows no key \"memory\"",
     "it belongs into a [guest NAME] section"},
    {"[guest web]\npriority = 9\n", 0, 2, 1, "[guest] knows no key \"priority\"",
     "its keys are cpus, memory, kind, kernel, initrd, module, cmdline, load, entry, device, "
     "on-crash, on-device-fault"},
    {"[machine]\nlog = x\n", 0, 2, 1, "[machine] knows no key \"log\"",
     "its keys are console, inspect"},
    {"[guest web]\ninspect = yes\n", 0, 2, 1, "[guest] knows no key \"inspect\"",
     "it belongs into a [machine] section"},
    {"[guest web]\nmemory x = 512M\n", 0, 2, 1, "[guest] knows no key \"memory x\"",
     "did you mean \"memory\"?"},
    {GUEST "\nmemory = 256M\n", 0, 5, 1, "a second memory; the first is in line 2",
     "remove one of the two lines"},
    {"[machine]\nconsole = com1\nconsole = com1\n", 0, 3, 1,
     "a second console; the first is in line 2", "remove one of the two lines"},
    {"[guest web]\nmemory =\n", 0, 2, 9, "memory has no value", "write such as memory = 512M"},
    {"[guest web]\nmemory = # much\n", 0, 2, 10, "memory has no value",
     "write such as memory = 512M"},
    {GUEST "cmdline =", 0, 4, 10, "cmdline has no value",
     "write such as cmdline = console=ttyS0"},
    {GUEST "cmdline = \"quiet\n", 0, 4, 11, "the quote is not closed",
     "put a second '\"' at the end of the value, in the same line"},
    {GUEST "cmdline = \"quiet # \n\"", 0, 4, 11, "the quote is not closed",
     "put a second '\"' at the end of the value, in the same line"},
    {GUEST "cmdline = \"quiet\" splash\n", 0, 4, 19, "unexpected text behind the closing quote",
     HINT_REST},

    /* ---- what a guest must have ---- */
    {"[guest web]\nkernel = vmlinuz\n", 0, 1, 8, "guest \"web\" has no memory",
     "add a line such as memory = 512M"},
    {"[guest web]\nmemory = 512M\n[machine]\n", 0, 1, 8, "guest \"web\" has no kernel",
     "add a line such as kernel = vmlinuz"},
    {GUEST "[guest rt]\n" , 0, 4, 8, "guest \"rt\" has no memory",
     "add a line such as memory = 512M"},

    /* ---- cpus ---- */
    {GUEST "cpus = 0\n", 0, 4, 8, "cpus must be from 1 to 64, not 0",
     "for pCPU 0 alone write cpus = 0-0"},
    {GUEST "cpus = 65\n", 0, 4, 8, "cpus must be from 1 to 64, not 65", NO_HINT},
    {GUEST "cpus = 65 smt\n", 0, 4, 8, "cpus must be from 1 to 64, not 65", NO_HINT},
    {GUEST "cpus = 18446744073709551617\n", 0, 4, 8,
     "cpus must be from 1 to 64, not 18446744073709551617", NO_HINT},
    {GUEST "cpus = two\n", 0, 4, 8, CPUS_NUMBER "\"two\"", HINT_CPUS},
    {GUEST "cpus = 1.5\n", 0, 4, 9, CPUS_REST(".5"), HINT_CPUS},
    {GUEST "cpus = -1\n", 0, 4, 8, CPUS_NUMBER "\"-1\"", HINT_CPUS},
    {GUEST "cpus = smt\n", 0, 4, 8, CPUS_NUMBER "\"smt\"", HINT_CPUS},
    {GUEST "cpus = \"\"\n", 0, 4, 9, CPUS_NUMBER "\"\"", HINT_CPUS},
    {GUEST "cpus = 2smt\n", 0, 4, 9, CPUS_REST("smt"), "did you mean \"smt\"?"},
    {GUEST "cpus = 2 SMT\n", 0, 4, 10, CPUS_REST("SMT"), "did you mean \"smt\"?"},
    {GUEST "cpus = 2 smt smt\n", 0, 4, 10, CPUS_REST("smt smt"), HINT_CPUS},
    {GUEST "cpus = 2 3\n", 0, 4, 10, CPUS_REST("3"), HINT_CPUS},
    {GUEST "cpus = 2, 3 4\n", 0, 4, 13, CPUS_REST("4"), HINT_CPUS},
    {GUEST "cpus = 2,\n", 0, 4, 10, CPUS_NUMBER "\"\"", HINT_CPUS},
    {GUEST "cpus = 2,,3\n", 0, 4, 10, CPUS_NUMBER "\",3\"", HINT_CPUS},
    {GUEST "cpus = ,2\n", 0, 4, 8, CPUS_NUMBER "\",2\"", HINT_CPUS},
    {GUEST "cpus = 2, smt\n", 0, 4, 11, CPUS_NUMBER "\"smt\"", HINT_CPUS},
    {GUEST "cpus = 2-\n", 0, 4, 10, CPUS_NUMBER "\"\"", HINT_CPUS},
    {GUEST "cpus = 2-3-4\n", 0, 4, 11, CPUS_REST("-4"), HINT_CPUS},
    {GUEST "cpus = 3-2\n", 0, 4, 10, "the range of pCPUs ends with 2, before it begins", NO_HINT},
    {GUEST "cpus = 0,2048\n", 0, 4, 10, "pCPUs have numbers from 0 to 2047, not 2048", NO_HINT},
    {GUEST "cpus = 18446744073709551617,1\n", 0, 4, 8,
     "pCPUs have numbers from 0 to 2047, not 18446744073709551617", NO_HINT},
    {GUEST "cpus = 2040-18446744073709551615\n", 0, 4, 13,
     "pCPUs have numbers from 0 to 2047, not 18446744073709551615", NO_HINT},
    {GUEST "cpus = 0-64\n", 0, 4, 10, "cpus lists more than 64 processors", NO_HINT},
    {GUEST "cpus = 0-62 , 70,80\n", 0, 4, 18, "cpus lists more than 64 processors", NO_HINT},
    {GUEST "cpus = 2 , 3 , 2\n", 0, 4, 16, "pCPU 2 stands twice in the list",
     "a pCPU serves one vCPU"},
    {GUEST "cpus = 2-5,4\n", 0, 4, 12, "pCPU 4 stands twice in the list",
     "a pCPU serves one vCPU"},
    {GUEST "cpus = 1,2\n[guest b]\ncpus = 9-9\n" MORE "[guest rt]\ncpus = 5,7-9\n", 0, 10, 12,
     "pCPU 9 is in the list of guest \"b\" already, in line 6", "a pCPU serves one vCPU"},

    /* ---- kind, load and entry ---- */
    {GUEST "kind = Flat\n", 0, 4, 8, KIND "\"Flat\"", "did you mean \"flat\"?"},
    {GUEST "kind = windows\n", 0, 4, 8, KIND "\"windows\"",
     "of all but flat the kernel's file tells what it is: leave the line out"},
    {GUEST "kind = flat\n", 0, 1, 8, "guest \"web\" has no load",
     "add a line such as load = 0x100000"},
    {GUEST "load = 0x100000\n", 0, 4, 1, "load goes with kind = flat only",
     "add a line kind = flat, or remove this one"},
    {GUEST "entry = 0x100000\n" GUEST, 0, 4, 1, "entry goes with kind = flat only",
     "add a line kind = flat, or remove this one"},
    {GUEST "  load = 0x100000\nkind = linux\n", 0, 4, 3, "load goes with kind = flat only",
     "this guest says kind = linux; remove one of the two lines"},
    {GUEST "kind = pvh\nentry = 0x1\n", 0, 5, 1, "entry goes with kind = flat only",
     "this guest says kind = pvh; remove one of the two lines"},
    {FLAT "initrd = initrd.gz\n", 0, 6, 1, "initrd goes with kind = linux or pvh only",
     "this guest says kind = flat; remove one of the two lines"},
    {FLAT "cmdline = \"\"\n", 0, 6, 1, "cmdline goes with kind = linux or pvh or multiboot only",
     "this guest says kind = flat; remove one of the two lines"},
    {FLAT "module = a\n", 0, 6, 1, "module goes with kind = pvh or multiboot only",
     "this guest says kind = flat; remove one of the two lines"},
    {GUEST "kind = multiboot\ninitrd = i\n", 0, 5, 1, "initrd goes with kind = linux or pvh only",
     "this guest says kind = multiboot; remove one of the two lines"},
    {GUEST "kind = linux\nmodule = a\nmodule = b\n", 0, 6, 1,
     "module goes with kind = pvh or multiboot only",
     "this guest says kind = linux; remove one of the two lines"},
    {GUEST "kind = flat\nload = 100000\n", 0, 5, 8, ADDRESS("load") "\"100000\"", NO_HINT},
    {GUEST "kind = flat\nload = 0x\n", 0, 5, 8, ADDRESS("load") "\"0x\"", NO_HINT},
    {GUEST "kind = flat\nload = 0x1g\n", 0, 5, 8, ADDRESS("load") "\"0x1g\"", NO_HINT},
    {GUEST "kind = flat\nload = 0x1000 32\n", 0, 5, 8, ADDRESS("load") "\"0x1000 32\"", NO_HINT},
    {GUEST "kind = flat\nload = 0x800000000000\n", 0, 5, 8,
     "load = 0x800000000000 is beyond all memory that a guest can have", NO_HINT},
    {GUEST "kind = flat\nload = 0x10000000000001000\n", 0, 5, 8,
     "load = 0x10000000000001000 is beyond all memory that a guest can have", NO_HINT},
    {FLAT "entry = start\n", 0, 6, 9, ADDRESS("entry") "\"start\"", NO_HINT},
    {FLAT "entry = 0x100000 8\n", 0, 6, 18,
     "the mode behind entry must be 16, 32 or 64, not \"8\"",
     "write such as entry = 0x100000 64"},
    {FLAT "entry = 0x100000 32 64\n", 0, 6, 18,
     "the mode behind entry must be 16, 32 or 64, not \"32 64\"",
     "write such as entry = 0x100000 64"},
    {FLAT "entry = 0xfffff\n", 0, 6, 9,
     "entry 0xfffff lies in front of load 0x100000, where the kernel begins", NO_HINT},
    {FLAT "entry = 0x100000 16\n", 0, 6, 9,
     "16-bit code cannot start at 0x100000, only below 0x100000",
     "another mode: entry = 0x100000 32"},
    {FLAT "entry = 0x100000000\n", 0, 6, 9,
     "32-bit code cannot start at 0x100000000, only below 0x100000000",
     "another mode: entry = 0x100000000 64"},
    {GUEST "kind = flat\nload = 0x140000000\n", 0, 5, 8,
     "32-bit code cannot start at 0x140000000, only below 0x100000000",
     "another mode: entry = 0x140000000 64"},

    /* ---- devices ---- */
    {GUEST "device = \n", 0, 4, 10, "device has no value", "write such as device = 00:1f.2"},
    {GUEST "device = \"\"\n", 0, 4, 11, "no kind of device is called \"\"", HINT_DEVICE},
    {GUEST "device = 00:1f\n", 0, 4, 10, "\"00:1f\" names no PCI device", HINT_DEVICE},
    {GUEST "device = nvme\ndevice = 8086:10d\n", 0, 5, 10, "\"8086:10d\" names no PCI device",
     HINT_DEVICE},
    {GUEST "device = 0000:00:20.0\n", 0, 4, 18, "a PCI device's number goes from 00 to 1f",
     HINT_DEVICE},
    {GUEST "device = 00:1f.8\n", 0, 4, 16,
     "a PCI function's number goes from 0 to 7, or * stands for all", HINT_DEVICE},
    {GUEST "device = 00:1f.2#1\n", 0, 4, 17, "an address names one device: no # behind it",
     HINT_DEVICE},
    {GUEST "device = nvme#0\n", 0, 4, 15, "behind the # stands which one, from 1 to 999",
     HINT_DEVICE},
    {GUEST "device = class:020\n", 0, 4, 16, "a class has two, four or six hexadecimal digits",
     HINT_DEVICE},
    {GUEST "device = nmve\n", 0, 4, 10, "no kind of device is called \"nmve\"",
     "did you mean \"nvme\"?"},
    {GUEST "device = graphics\n", 0, 4, 10, "no kind of device is called \"graphics\"",
     HINT_DEVICE},
    {"[machine]\ndevice = nvme\n", 0, 2, 1, "[machine] knows no key \"device\"",
     "it belongs into a [guest NAME] section"},

    /* ---- modules ---- */
    {GUEST "module = a\ninitrd = i\n", 0, 5, 10, "a guest has an initrd or modules, not both",
     "write it as the first module, or as the initrd alone"},
    {GUEST "module = \n", 0, 4, 10, "module has no value", "write such as module = disk.img"},
    {GUEST "module = \" a\"\n", 0, 4, 11, "module has no value",
     "write the name of a file beside the config"},
    {GUEST "module = ok\nmodule = ../a b\n", 0, 5, 10, "module: \"..\" cannot stand in a path",
     "put the file beside the config or into a folder there"},
    {GUEST MODULE MODULE MODULE MODULE MODULE MODULE MODULE MODULE MODULE, 0, 12, 10,
     "more than 8 modules for one guest", NO_HINT},

    /* ---- memory ---- */
    {"[guest web]\nmemory = 0M\n", 0, 2, 10, "memory = 0M is less than 64M",
     "stock kernels need 256M or more"},
    {"[guest web]\nmemory = 62M\n", 0, 2, 10, "memory = 62M is less than 64M",
     "stock kernels need 256M or more"},
    {"[guest web]\nmemory = 513M\n", 0, 2, 10, "memory = 513M is not a multiple of 2M",
     "write 512M or 514M"},
    {"[guest web]\nmemory = 524289K\n", 0, 2, 10, "memory = 524289K is not a multiple of 2M",
     "write 512M or 514M"},
    {"[guest web]\nmemory = 16385G\n", 0, 2, 10, "memory = 16385G is more than 16384G", NO_HINT},
    {"[guest web]\nmemory = 17179869184G\n", 0, 2, 10,
     "memory = 17179869184G is more than 16384G", NO_HINT},
    {"[guest web]\nmemory = 99999999999999999999999M\n", 0, 2, 10,
     "memory = 99999999999999999999999M is more than 16384G", NO_HINT},
    {"[guest web]\nmemory = 512\n", 0, 2, 10, MEM_UNIT "\"512\"", "did you mean 512M?"},
    {"[guest web]\nmemory = 512MB\n", 0, 2, 10, MEM_UNIT "\"512MB\"", HINT_MEM},
    {"[guest web]\nmemory = 512 M\n", 0, 2, 10, MEM_UNIT "\"512 M\"", HINT_MEM},
    {"[guest web]\nmemory = 0.5G\n", 0, 2, 10, MEM_UNIT "\"0.5G\"", HINT_MEM},
    {"[guest web]\nmemory = M\n", 0, 2, 10, MEM_UNIT "\"M\"", HINT_MEM},
    {"[guest web]\nmemory = 1T\n", 0, 2, 10, MEM_UNIT "\"1T\"", HINT_MEM},
    {"[guest web]\nmemory = 51", 0, 2, 10, MEM_UNIT "\"51\"", "did you mean 51M?"},
    {"[guest web]\nmemory = 0x20M\n", 0, 2, 10, MEM_UNIT "\"0x20M\"", HINT_MEM},

    /* ---- files ---- */
    {"[guest web]\nkernel = \"\"\n", 0, 2, 11, "kernel has no value",
     "write the name of a file beside the config"},
    {"[guest web]\nkernel = /boot/vmlinuz\n", 0, 2, 10,
     "kernel: the path must not start with \"/\"",
     "name the file as seen from the config's own folder"},
    {"[guest web]\nkernel = ../vmlinuz\n", 0, 2, 10, "kernel: \"..\" cannot stand in a path",
     "put the file beside the config or into a folder there"},
    {"[guest web]\ninitrd = a/../../b\n", 0, 2, 12, "initrd: \"..\" cannot stand in a path",
     "put the file beside the config or into a folder there"},
    {"[guest web]\nkernel = ./vmlinuz\n", 0, 2, 10, "kernel: \".\" cannot stand in a path",
     "put the file beside the config or into a folder there"},
    {"[guest web]\nkernel = a\\vmlinuz\n", 0, 2, 11, "kernel: \"\\\" cannot stand in a path",
     "write \"/\" between folders"},
    {"[guest web]\nkernel = c:vmlinuz\n", 0, 2, 11,
     "kernel: \":\" cannot stand in a file name of a FAT volume", HINT_FAT},
    {"[guest web]\ninitrd = in?trd\n", 0, 2, 12,
     "initrd: \"?\" cannot stand in a file name of a FAT volume", HINT_FAT},
    {"[guest web]\nkernel = a*\n", 0, 2, 11,
     "kernel: \"*\" cannot stand in a file name of a FAT volume", HINT_FAT},
    {"[guest web]\nkernel = a//b\n", 0, 2, 12, "kernel: a folder or file in the path has no name",
     "one \"/\" between folders, none at the end"},
    {"[guest web]\nkernel = a/\n", 0, 2, 12, "kernel: a folder or file in the path has no name",
     "one \"/\" between folders, none at the end"},
    {"[guest web]\nkernel = vmlinuz.\n", 0, 2, 17,
     "kernel: a name that ends with \".\" cannot stand on a FAT volume", NO_HINT},
    {"[guest web]\nkernel = \"a /b\"\n", 0, 2, 12,
     "kernel: a name that ends with \" \" cannot stand on a FAT volume", NO_HINT},

    /* ---- on-crash ---- */
    {GUEST "on-crash = reboot\n", 0, 4, 12,
     "on-crash must be halt, restart or reboot-machine, not \"reboot\"", NO_HINT},
    {GUEST "on-crash = Restart\n", 0, 4, 12,
     "on-crash must be halt, restart or reboot-machine, not \"Restart\"",
     "did you mean \"restart\"?"},

    /* ---- on-device-fault ---- */
    {GUEST "on-device-fault = halt\n", 0, 4, 19,
     "on-device-fault must be ignore, detach or stop, not \"halt\"", NO_HINT},
    {GUEST "on-device-fault = detached\n", 0, 4, 19,
     "on-device-fault must be ignore, detach or stop, not \"detached\"",
     "did you mean \"detach\"?"},
    {"[machine]\non-device-fault = stop\n", 0, 2, 1,
     "[machine] knows no key \"on-device-fault\"", "it belongs into a [guest NAME] section"},

    /* ---- inspect ---- */
    {"[machine]\ninspect = true\n", 0, 2, 11, "inspect must be yes or no, not \"true\"", NO_HINT},
    {"[machine]\ninspect = Yes\n", 0, 2, 11, "inspect must be yes or no, not \"Yes\"", NO_HINT},
    {"[machine]\ninspect =\n", 0, 2, 10, "inspect has no value", "write such as inspect = yes"},
    {"[machine]\ninspect = no\n", 0, 1, 1, "the config has no guest",
     "add a section such as [guest web]"},

    /* ---- console ---- */
    {"[machine]\nconsole = com5\n", 0, 2, 11, CONSOLE "\"com5\"", "did you mean \"com1\"?"},
    {"[machine]\nconsole = COM2\n", 0, 2, 11, CONSOLE "\"COM2\"", "did you mean \"com2\"?"},
    {"[machine]\nconsole = 3f8\n", 0, 2, 11, CONSOLE "\"3f8\"", NO_HINT},
    {"[machine]\nconsole = 0x\n", 0, 2, 11, CONSOLE "\"0x\"", NO_HINT},
    {"[machine]\nconsole = 0x3g8\n", 0, 2, 11, CONSOLE "\"0x3g8\"", NO_HINT},
    {"[machine]\nconsole = \"\"\n", 0, 2, 12, CONSOLE "\"\"", NO_HINT},
    {"[machine]\nconsole = 0x0\n", 0, 2, 11, "console port 0x0 is not from 0x1 to 0xfff8",
     "com1 is 0x3f8, com2 is 0x2f8"},
    {"[machine]\nconsole = 0xfff9\n", 0, 2, 11, "console port 0xfff9 is not from 0x1 to 0xfff8",
     "com1 is 0x3f8, com2 is 0x2f8"},
    {"[machine]\nconsole = 0x100000000000003f8\n", 0, 2, 11,
     "console port 0x100000000000003f8 is not from 0x1 to 0xfff8",
     "com1 is 0x3f8, com2 is 0x2f8"},
    {"[machine]\nconsole = com1 115200n8\n", 0, 2, 16,
     "baud rate must be a number, not \"115200n8\"", "write such as console = com1 115200"},
    {"[machine]\nconsole = com1 110000\n", 0, 2, 16, "baud rate 110000 does not divide 115200",
     BAUD_RATES},
    {"[machine]\nconsole = com1 0\n", 0, 2, 16, "baud rate 0 does not divide 115200", BAUD_RATES},
    {"[machine]\nconsole = com1 1\n", 0, 2, 16, "baud rate 1 does not divide 115200", BAUD_RATES},
    {"[machine]\nconsole = com1\t9600 n\n", 0, 2, 21, "unexpected \"n\" behind the console",
     "write such as console = com1 115200, or console = screen"},
    {"[machine]\nconsole = screen 9600\n", 0, 2, 18, "unexpected \"9600\" behind the console",
     "write such as console = com1 115200, or console = screen"},
};
/* clang-format on */

/* Parse a copy that ends where the text does, so that reading on is found by the sanitizer. */
static bool parse(const char *text, size_t size, struct diag *diag)
{
    struct config *config = malloc(sizeof(*config));
    char *copy = malloc(size > 0 ? size : 1);
    bool good;

    assert_non_null(config);
    assert_non_null(copy);
    memcpy(copy, text, size);
    good = config_parse(copy, size, config, diag);
    free(copy);
    free(config);
    return good;
}

static bool is_same(const struct bad *bad, const struct diag *diag)
{
    return diag->line == bad->line && diag->column == bad->column &&
           strcmp(diag->message, bad->message) == 0 && strcmp(diag->hint, bad->hint) == 0;
}

static void test_each_is_refused_with_its_sentence(void **state)
{
    unsigned wrong = 0;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_COUNT(bad_configs); i++) {
        const struct bad *bad = &bad_configs[i];
        struct diag diag = {0};
        bool good = parse(bad->text, bad->size > 0 ? bad->size : strlen(bad->text), &diag);

        if (!good && is_same(bad, &diag))
            continue;
        wrong++;
        print_error("config %zu:\n%s\nexpected %u:%u: %s [%s]\n", i, bad->text, bad->line,
                    bad->column, bad->message, bad->hint);
        if (good)
            print_error("but it was taken\n\n");
        else
            print_error("but got  %u:%u: %s [%s]\n\n", diag.line, diag.column, diag.message,
                        diag.hint);
    }
    assert_int_equal(wrong, 0);
}

/* `before`, then `count` times `fill`, then `after`, must be refused. */
static void refused(const char *before, char fill, size_t count, const char *after,
                    const struct bad *expected)
{
    size_t size = strlen(before) + count + strlen(after);
    char *text = malloc(size + 1);
    struct diag diag = {0};

    assert_non_null(text);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), fill, count);
    memcpy(text + strlen(before) + count, after, strlen(after) + 1);
    assert_false(parse(text, size, &diag));
    free(text);
    assert_string_equal(diag.message, expected->message);
    assert_string_equal(diag.hint, expected->hint);
    assert_int_equal(diag.line, expected->line);
    assert_int_equal(diag.column, expected->column);
}

static void test_overlong_pieces(void **state)
{
    (void)state;
    refused("", '\n', CONFIG_MAX_TEXT, "\n",
            &(struct bad){NULL, 0, 1, 1, "the file has 262145 bytes, more than 262144",
                          "is this the config file?"});
    refused("[machine]\n#", 'x', 2047, "\n",
            &(struct bad){NULL, 0, 2, 2048, "the line has 2048 bytes, more than 2047",
                          "one key = value a line"});
    refused("[guest ", 'x', 1900, "]\n",
            &(struct bad){NULL, 0, 1, 23, "the guest's name has 1900 bytes, more than 15",
                          "it stands in front of each console line; choose a short one"});
    refused("[guest web]\nkernel=", 'x', 128, "\n",
            &(struct bad){NULL, 0, 2, 135, "kernel: the path has 128 bytes, more than 127",
                          "choose shorter names"});
    refused("[guest web]\nmodule=", 'x', 128, " a\n",
            &(struct bad){NULL, 0, 2, 135, "module: the path has 128 bytes, more than 127",
                          "choose shorter names"});
    refused("[guest web]\nmodule=m ", 'x', 1024, "\n",
            &(struct bad){NULL, 0, 2, 1033,
                          "the module's arguments have 1024 bytes, more than 1023", NO_HINT});
    refused("[guest web]\ncmdline=\"", 'x', 1024, "\"\n",
            &(struct bad){NULL, 0, 2, 1033, "cmdline has 1024 bytes, more than 1023", NO_HINT});
}

/* A message shows the beginning of what is too long for it. */
static void test_long_words_in_messages(void **state)
{
    (void)state;
    refused("[", 'x', 2000, "]\n",
            &(struct bad){NULL, 0, 1, 2,
                          "unknown section \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
                          "write [machine], or [guest NAME]"});
    refused(
        "[guest web]\n", 'y', 2000, "=1\n",
        &(struct bad){NULL, 0, 2, 1,
                      "[guest] knows no key \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"",
                      "its keys are cpus, memory, kind, kernel, initrd, module, cmdline, load, "
                      "entry, device, on-crash, on-device-fault"});
    refused("[guest web]\nmemory = ", '7', 2000, "\n",
            &(struct bad){NULL, 0, 2, 10,
                          MEM_UNIT "\"777777777777777777777777777777777777777777777777\"",
                          HINT_MEM});
}

static void test_one_guest_too_many(void **state)
{
    size_t room = CONFIG_MAX_TEXT;
    char *text = malloc(room);
    size_t size = 0;
    struct diag diag = {0};
    unsigned i;

    (void)state;
    assert_non_null(text);
    for (i = 0; i < CONFIG_MAX_GUESTS; i++)
        size += (size_t)snprintf(text + size, room - size,
                                 "[guest g%u]\nmemory = 512M\nkernel = vmlinuz\n", i);
    assert_true(parse(text, size, &diag));
    size += (size_t)snprintf(text + size, room - size, "[guest last]\n");
    assert_false(parse(text, size, &diag));
    free(text);
    assert_string_equal(diag.message, "more than 256 guests");
    assert_int_equal(diag.line, 3 * CONFIG_MAX_GUESTS + 1);
    assert_int_equal(diag.column, 8);
}

static void test_one_module_too_many(void **state)
{
    size_t room = CONFIG_MAX_TEXT;
    char *text = malloc(room);
    size_t size = 0;
    struct diag diag = {0};
    unsigned i;

    (void)state;
    assert_non_null(text);
    for (i = 0; i < CONFIG_MAX_MODULES / CONFIG_MAX_GUEST_MODULES; i++)
        size += (size_t)snprintf(text + size, room - size, "[guest g%u]\n" MORE "%s", i,
                                 MODULE MODULE MODULE MODULE MODULE MODULE MODULE MODULE);
    assert_true(parse(text, size, &diag));
    size += (size_t)snprintf(text + size, room - size, "[guest last]\n" MODULE);
    assert_false(parse(text, size, &diag));
    free(text);
    assert_string_equal(diag.message, "more than 256 modules for all guests together");
    assert_int_equal(diag.line, 32 * 11 + 2);
    assert_int_equal(diag.column, 10);
}

static void test_one_device_too_many(void **state)
{
    char text[4096];
    size_t size = (size_t)snprintf(text, sizeof(text), GUEST);
    struct diag diag = {0};
    unsigned i;

    (void)state;
    for (i = 1; i <= CONFIG_MAX_DEVICES; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "device = nvme#%u\n", i);
    assert_true(parse(text, size, &diag));
    size += (size_t)snprintf(text + size, sizeof(text) - size, "device = ahci\n");
    assert_false(parse(text, size, &diag));
    assert_string_equal(diag.message, "more than 64 device lines for all guests together");
    assert_int_equal(diag.line, 4 + CONFIG_MAX_DEVICES);
    assert_int_equal(diag.column, 10);
}

/* Cut a good config anywhere: it is refused with a sentence, or still good. */
static void test_every_truncation(void **state)
{
    static const char text[] = "[machine]\nconsole = com1 115200\n[guest web]\nmemory = 512M\n"
                               "kernel = vmlinuz\ncmdline = \"a b\"\n[guest rt]\nmemory = 64M\n"
                               "kernel = k\non-crash = restart\ncpus = 2 , 4-7 smt\nkind = flat\n"
                               "load = 0x1000\nentry = 0x1000 64\n";
    size_t size;

    (void)state;
    for (size = 0; size < sizeof(text); size++) {
        struct diag diag = {0};

        if (parse(text, size, &diag))
            continue;
        assert_in_range(strlen(diag.message), 10, sizeof(diag.message) - 1);
        assert_in_range(diag.line, 1, 15);
        assert_in_range(diag.column, 1, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_refused_with_its_sentence),
        cmocka_unit_test(test_overlong_pieces),
        cmocka_unit_test(test_long_words_in_messages),
        cmocka_unit_test(test_one_guest_too_many),
        cmocka_unit_test(test_one_module_too_many),
        cmocka_unit_test(test_one_device_too_many),
        cmocka_unit_test(test_every_truncation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

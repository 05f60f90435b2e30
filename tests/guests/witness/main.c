/* SPDX-License-Identifier: MIT */
/*
 * The witness: a Linux program that measures from inside a guest what happens to it. The system
 * tests put it into the initramfs; tests/system/README.md explains what it prints.
 */
#include "tests/guests/witness/witness.h"

#include <stdio.h>
#include <string.h>

static int usage(void)
{
    fprintf(stderr, "usage: witness exits idle|busy SECONDS\n"
                    "       witness watch MIB PERIOD_US TSC_KHZ   (until a line is typed)\n"
                    "       witness threads ROUNDS\n"
                    "       witness run COMMAND...\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "exits") == 0)
        return witness_exits(argv[2], argv[3]);
    if (argc == 5 && strcmp(argv[1], "watch") == 0)
        return witness_watch(argv[2], argv[3], argv[4]);
    if (argc == 3 && strcmp(argv[1], "threads") == 0)
        return witness_threads(argv[2]);
    if (argc > 2 && strcmp(argv[1], "run") == 0)
        return witness_run(argv + 2);
    return usage();
}

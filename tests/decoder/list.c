/* SPDX-License-Identifier: MIT */
/*
 * What the decoder says about instructions in a file: for `compare`, which asks objdump, too.
 *
 *     list MODE FILE    MODE is 16, 32 or 64; offsets into FILE come on standard input, one a line
 *
 * For each a line: length (0: not decoded), op, memory, operand and address size, reg, reg_high,
 * segment, base, index, scale, rip_relative, displacement, has_immediate, immediate, condition,
 * rep + repne, has_memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/model/insn.h"

static int usage(void)
{
    fprintf(stderr, "usage: list 16|32|64 FILE <OFFSETS\n");
    return 2;
}

static uint8_t *read_all(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    uint8_t *bytes = NULL;
    if (!file || fseek(file, 0, SEEK_END) != 0)
        goto failed;
    long length = ftell(file);
    if (length < 0 || fseek(file, 0, SEEK_SET) != 0)
        goto failed;
    *size = (size_t)length;
    bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size)
        goto failed;
    fclose(file);
    return bytes;
failed:
    fprintf(stderr, "%s: %s\n", name, strerror(errno));
    if (file)
        fclose(file);
    free(bytes);
    return NULL;
}

static void show(enum insn_mode mode, const uint8_t *bytes, size_t size)
{
    struct insn insn;
    if (!insn_decode(mode, bytes, size, &insn)) {
        puts("0");
        return;
    }
    printf("%u %u %u %u %u %u %u %u %u %u %u %u %lld %u %lld %u %u %u\n", insn.length, insn.op,
           insn.memory_size, insn.operand_size, insn.address_size, insn.reg, insn.reg_high,
           insn.segment, insn.base, insn.index, insn.scale, insn.rip_relative,
           (long long)insn.displacement, insn.has_immediate, (long long)insn.immediate,
           insn.condition, insn.rep + insn.repne, insn.has_memory);
}

int main(int argc, char **argv)
{
    size_t size = 0, at = 0;
    if (argc != 3)
        return usage();
    unsigned long bits = strtoul(argv[1], NULL, 10);
    if (bits != 16 && bits != 32 && bits != 64)
        return usage();
    uint8_t *bytes = read_all(argv[2], &size);
    if (!bytes)
        return 1;
    enum insn_mode mode = bits == 16 ? INSN_16 : bits == 32 ? INSN_32 : INSN_64;
    while (scanf("%zu", &at) == 1 && at < size)
        show(mode, bytes + at, size - at);
    free(bytes);
    return 0;
}

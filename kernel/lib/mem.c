/* SPDX-License-Identifier: MIT */
/*
 * Plain loops, eight bytes at a time. A compiler recognizes such loops and would replace each by a
 * call of the function that it stands in, so this file is built with -fno-builtin (and gcc with
 * -fno-tree-loop-distribute-patterns).
 */
#include "kernel/lib/mem.h"

#include <stdint.h>

/* Eight bytes at any address, whatever they were written as. */
typedef uint64_t __attribute__((aligned(1), may_alias)) word_t;

#define WORD sizeof(word_t)

/* Lowest address first: right when `to` lies below `from` or the two do not overlap. */
static void copy_up(unsigned char *to, const unsigned char *from, size_t size)
{
    for (; size >= WORD; size -= WORD, to += WORD, from += WORD)
        *(word_t *)to = *(const word_t *)from;
    for (; size > 0; size--)
        *to++ = *from++;
}

/* Highest address first: right when `to` lies above `from`. */
static void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
    for (; size >= WORD; size -= WORD)
        *(word_t *)(to + size - WORD) = *(const word_t *)(from + size - WORD);
    for (; size > 0; size--)
        to[size - 1] = from[size - 1];
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_up(to, from, size);
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to < (uintptr_t)from)
        copy_up(to, from, size);
    else
        copy_down(to, from, size);
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    unsigned char *at = to;
    uint64_t word = (unsigned char)byte * UINT64_C(0x0101010101010101);

    for (; size >= WORD; size -= WORD, at += WORD)
        *(word_t *)at = word;
    for (; size > 0; size--)
        *at++ = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a;
    const unsigned char *right = b;

    for (; size >= WORD; size -= WORD, left += WORD, right += WORD)
        if (*(const word_t *)left != *(const word_t *)right)
            break;
    for (; size > 0; size--, left++, right++)
        if (*left != *right)
            return *left < *right ? -1 : 1;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* Pieces of text that do not end in a zero byte: comparing them, reading numbers from them. */
#ifndef BULKHEAD_KERNEL_LIB_TEXT_H
#define BULKHEAD_KERNEL_LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer words than this are near to nothing (text_distance). */
#define TEXT_MAX_WORD 31

/* Is the text the same as the zero-ended `word`, byte for byte? */
bool text_equal(const char *text, size_t length, const char *word);

/*
 * Read the digits at the start of the text, in base 10 or 16 (either case, no 0x). *used is how
 * many there are, 0 when the text does not start with one. Returns false when the number is larger
 * than 64 bits hold; *value is then UINT64_MAX.
 */
bool text_number(const char *text, size_t length, unsigned base, uint64_t *value, size_t *used);

/*
 * How many letters must be put in, taken out, replaced or swapped with their neighbour to get from
 * the text to the zero-ended `word`; capitals count as small letters. TEXT_MAX_WORD + 1 when either
 * is longer than TEXT_MAX_WORD.
 */
unsigned text_distance(const char *text, size_t length, const char *word);

/*
 * The one of the `count` words that somebody who wrote the text most likely meant, NULL when none
 * is near (more than a third of its letters are wrong). The first one wins a tie.
 */
const char *text_nearest(const char *text, size_t length, const char *const *words, size_t count);

#endif

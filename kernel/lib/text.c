/* SPDX-License-Identifier: MIT */
#include "kernel/lib/text.h"

static size_t word_length(const char *word)
{
    size_t length = 0;

    while (word[length] != '\0')
        length++;
    return length;
}

bool text_equal(const char *text, size_t length, const char *word)
{
    size_t at;

    for (at = 0; at < length; at++)
        if (word[at] == '\0' || text[at] != word[at])
            return false;
    return word[length] == '\0';
}

/* The digit's value, or 16 (more than any base has). */
static unsigned digit_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return (unsigned)(byte - '0');
    if (byte >= 'a' && byte <= 'f')
        return (unsigned)(byte - 'a') + 10;
    if (byte >= 'A' && byte <= 'F')
        return (unsigned)(byte - 'A') + 10;
    return 16;
}

bool text_number(const char *text, size_t length, unsigned base, uint64_t *value, size_t *used)
{
    bool fits = true;
    size_t at;

    *value = 0;
    for (at = 0; at < length && digit_value(text[at]) < base; at++) {
        unsigned digit = digit_value(text[at]);

        if (*value > (UINT64_MAX - digit) / base)
            fits = false;
        *value = fits ? *value * base + digit : UINT64_MAX;
    }
    *used = at;
    return fits;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/*
 * The usual table of distances between all beginnings of the two, kept as its last three rows:
 * row[i][j] is the distance from the first i letters of the text to the first j of the word.
 */
unsigned text_distance(const char *text, size_t length, const char *word)
{
    unsigned rows[3][TEXT_MAX_WORD + 1];
    size_t wanted = word_length(word);
    size_t i, j;

    if (length > TEXT_MAX_WORD || wanted > TEXT_MAX_WORD)
        return TEXT_MAX_WORD + 1;
    for (j = 0; j <= wanted; j++)
        rows[0][j] = (unsigned)j;
    for (i = 1; i <= length; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        const unsigned *above2 = rows[(i + 1) % 3];

        row[0] = (unsigned)i;
        for (j = 1; j <= wanted; j++) {
            char have = lower(text[i - 1]);
            unsigned replaced = above[j - 1] + (have != word[j - 1]);

            row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && have == word[j - 2] && lower(text[i - 2]) == word[j - 1])
                row[j] = smaller(row[j], above2[j - 2] + 1);
        }
    }
    return rows[length % 3][wanted];
}

const char *text_nearest(const char *text, size_t length, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    unsigned best = TEXT_MAX_WORD + 1;
    size_t at;

    for (at = 0; at < count; at++) {
        unsigned distance = text_distance(text, length, words[at]);

        if (distance < best && distance <= (word_length(words[at]) + 2) / 3) {
            best = distance;
            nearest = words[at];
        }
    }
    return nearest;
}

/* SPDX-License-Identifier: MIT */
#include "arch/x86/model/vmcs_names.h"

#include <stddef.h>

/*
 * Each list becomes its numbers and one text of all names, each ended by a zero byte. A name is
 * found by counting: slow, small, and only for reports.
 */
#define AS_TEXT(NAME, ...) #NAME "\0"

#define AS_FIELD(NAME, encoding, width, class) (encoding),
static const uint16_t fields[] = {VMCS_FIELDS(AS_FIELD)};
static const char field_names[] = VMCS_FIELDS(AS_TEXT);

#define AS_EXIT(NAME, number) (number),
static const uint8_t exits[] = {VMX_EXITS(AS_EXIT)};
static const char exit_names[] = VMX_EXITS(AS_TEXT);

#define AS_ERROR(NAME, number, text)    (number),
#define AS_SENTENCE(NAME, number, text) text "\0"
static const uint8_t errors[] = {VMX_ERRORS(AS_ERROR)};
static const char error_texts[] = VMX_ERRORS(AS_SENTENCE);

/* The text number `index` of `texts`, which has more than that. */
static const char *text_at(const char *texts, unsigned index)
{
    while (index > 0)
        if (*texts++ == 0)
            index--;
    return texts;
}

static const char *find8(const uint8_t *numbers, unsigned count, uint32_t number, const char *texts)
{
    for (unsigned i = 0; i < count; i++)
        if (numbers[i] == number)
            return text_at(texts, i);
    return NULL;
}

enum vmcs_field vmcs_field_at(unsigned index)
{
    if (index >= VMCS_FIELD_COUNT)
        index = VMCS_FIELD_COUNT - 1;
    return (enum vmcs_field)fields[index];
}

const char *vmcs_field_name(enum vmcs_field field)
{
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (fields[i] == (uint32_t)field)
            return text_at(field_names, i);
    return "unknown field";
}

const char *vmx_exit_name(uint32_t reason)
{
    const char *name = find8(exits, sizeof(exits), reason, exit_names);
    return name != NULL ? name : "unknown exit";
}

const char *vmx_error_text(uint32_t error)
{
    const char *text = find8(errors, sizeof(errors), error, error_texts);
    return text != NULL ? text : "unknown VMX error";
}

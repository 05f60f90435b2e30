/* SPDX-License-Identifier: MIT */
/* What kind of guest it is, and where one starts that says nothing of that itself. */
#include "kernel/config/values.h"

#include "kernel/lib/text.h"

/* in the order of enum config_kind, from KIND_LINUX on */
static const char *const kind_words[] = {"linux", "pvh", "multiboot", "flat"};

const char *config_kind_name(enum config_kind kind)
{
    return kind == KIND_BY_CONTENT ? "" : kind_words[kind - KIND_LINUX];
}

bool config_parse_kind(const struct slice *value, const struct config_target *target,
                       struct diag *diag)
{
    const char *nearest =
        text_nearest(value->start, value->length, kind_words, ARRAY_COUNT(kind_words));
    size_t i;

    for (i = 0; i < ARRAY_COUNT(kind_words); i++) {
        target->guest->kind = (enum config_kind)(KIND_LINUX + i);
        if (slice_equal(value, kind_words[i]))
            return true;
    }
    diag_set(diag, "kind must be linux, pvh, multiboot or flat, not \"%.*s\"", slice_shown(value),
             value->start);
    if (nearest != NULL)
        diag_hint(diag, "did you mean \"%s\"?", nearest);
    else
        diag_hint(diag, "of all but flat the kernel's file tells what it is: leave the line out");
    return config_refuse(value, 0, diag);
}

static bool parse_address(const struct slice *word, const char *key, gpa_t *address,
                          struct diag *diag)
{
    uint64_t number = 0;
    size_t used = 0;

    if (word->length > 2 && word->start[0] == '0' && word->start[1] == 'x')
        text_number(word->start + 2, word->length - 2, 16, &number, &used);
    if (used == 0 || used + 2 != word->length) {
        diag_set(diag, "%s must be an address such as 0x100000, not \"%.*s\"", key,
                 slice_shown(word), word->start);
        return config_refuse(word, 0, diag);
    }
    if (number >= CONFIG_ADDRESS_END) {
        diag_set(diag, "%s = %.*s is beyond all memory that a guest can have", key,
                 slice_shown(word), word->start);
        return config_refuse(word, 0, diag);
    }
    *address = gpa(number);
    return true;
}

bool config_parse_load(const struct slice *value, const struct config_target *target,
                       struct diag *diag)
{
    target->guest->load_at = *value;
    return parse_address(value, "load", &target->guest->load, diag);
}

bool config_parse_entry(const struct slice *value, const struct config_target *target,
                        struct diag *diag)
{
    struct config_guest *guest = target->guest;
    struct slice rest;
    struct slice address = slice_cut_word(value, &rest);

    guest->entry_at = *value;
    if (!parse_address(&address, "entry", &guest->entry, diag))
        return false;
    guest->entry_bits = slice_equal(&rest, "16") ? 16 : slice_equal(&rest, "64") ? 64 : 32;
    if (rest.length == 0 || guest->entry_bits != 32 || slice_equal(&rest, "32"))
        return true;
    diag_set(diag, "the mode behind entry must be 16, 32 or 64, not \"%.*s\"", slice_shown(&rest),
             rest.start);
    diag_hint(diag, "write such as entry = 0x100000 64");
    return config_refuse(&rest, 0, diag);
}

/* The first address at which that mode cannot start: segments in 16-bit mode end at 1 MiB. */
static uint64_t mode_end(uint32_t bits)
{
    return bits == 16 ? MIB(1) : bits == 32 ? GIB(4) : CONFIG_ADDRESS_END;
}

static bool check_entry(struct config_guest *guest, struct diag *diag)
{
    if (guest->entry_at.start == NULL) {
        guest->entry = guest->load;
        guest->entry_at = guest->load_at;
        guest->entry_bits = 32;
    }
    if (guest->entry.raw < guest->load.raw) {
        diag_set(diag, "entry %#lx lies in front of load %#lx, where the kernel begins",
                 guest->entry.raw, guest->load.raw);
        return config_refuse(&guest->entry_at, 0, diag);
    }
    if (guest->entry.raw >= mode_end(guest->entry_bits)) {
        diag_set(diag, "%u-bit code cannot start at %#lx, only below %#lx", guest->entry_bits,
                 guest->entry.raw, mode_end(guest->entry_bits));
        diag_hint(diag, "another mode: entry = %#lx %u", guest->entry.raw,
                  guest->entry.raw < GIB(4) ? 32 : 64);
        return config_refuse(&guest->entry_at, 0, diag);
    }
    return true;
}

bool config_check_guest(struct config_guest *guest, struct diag *diag)
{
    if (guest->module_count > 0 && guest->initrd.start != NULL) {
        diag_set(diag, "a guest has an initrd or modules, not both");
        diag_hint(diag, "write it as the first module, or as the initrd alone");
        return config_refuse(&guest->initrd, 0, diag);
    }
    return guest->kind != KIND_FLAT || check_entry(guest, diag);
}

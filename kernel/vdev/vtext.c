/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vtext.h"

enum {
    ATTRIBUTE = 0x3c0,
    ATTRIBUTE_DATA = 0x3c1,
    MISC_WRITE = 0x3c2, /* read: input status 0 */
    SEQUENCER = 0x3c4,
    MISC_READ = 0x3cc,
    GRAPHICS = 0x3ce,
    CRTC = 0x3d4,
    STATUS_1 = 0x3da,
};

enum { STATUS_DISPLAY_OFF = 0x01, STATUS_RETRACE = 0x08 };
enum { MISC_COLOUR_TEXT = 0x67, ATTRIBUTE_INDEX = 0x3f };

/* The CRT controller's registers for 80 by 25 characters of 9 by 16 dots, cursor in two lines. */
static const uint8_t crtc_text[] = {
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
    0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
};

void vtext_reset(struct vtext *v)
{
    *v = (struct vtext){.misc = MISC_COLOUR_TEXT};
    for (unsigned i = 0; i < sizeof(crtc_text); i++)
        v->reg[VTEXT_CRTC][i] = crtc_text[i];
}

/* The group whose index register is at `port`, VTEXT_GROUPS: none. */
static unsigned group_at(uint16_t port)
{
    switch (port) {
    case SEQUENCER:
        return VTEXT_SEQUENCER;
    case GRAPHICS:
        return VTEXT_GRAPHICS;
    case CRTC:
        return VTEXT_CRTC;
    default:
        return VTEXT_GROUPS;
    }
}

static uint8_t *shown(struct vtext *v, unsigned group)
{
    return &v->reg[group][v->index[group] % VTEXT_REGISTERS];
}

uint8_t vtext_read(struct vtext *v, uint16_t port)
{
    unsigned group = group_at(port & (uint16_t)~1u);

    if (group < VTEXT_GROUPS)
        return port & 1 ? *shown(v, group) : v->index[group];
    switch (port) {
    case ATTRIBUTE:
        return v->index[VTEXT_ATTRIBUTE];
    case ATTRIBUTE_DATA:
        return *shown(v, VTEXT_ATTRIBUTE);
    case MISC_READ:
        return v->misc;
    case STATUS_1:
        v->attribute_data = false;
        v->retrace = !v->retrace; /* who waits for its begin or its end waits one look */
        return v->retrace ? STATUS_RETRACE | STATUS_DISPLAY_OFF : 0;
    default:
        return 0;
    }
}

void vtext_write(struct vtext *v, uint16_t port, uint8_t value)
{
    unsigned group = group_at(port & (uint16_t)~1u);

    if (group < VTEXT_GROUPS && (port & 1)) {
        *shown(v, group) = value;
    } else if (group < VTEXT_GROUPS) {
        v->index[group] = value;
    } else if (port == ATTRIBUTE) {
        if (v->attribute_data)
            *shown(v, VTEXT_ATTRIBUTE) = value;
        else
            v->index[VTEXT_ATTRIBUTE] = value & ATTRIBUTE_INDEX;
        v->attribute_data = !v->attribute_data;
    } else if (port == MISC_WRITE) {
        v->misc = value;
    }
}

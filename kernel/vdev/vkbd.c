/* SPDX-License-Identifier: MIT */
#include "kernel/vdev/vkbd.h"

enum {
    STATUS_FULL = 0x01,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_MOUSE = 0x20,
    STATUS_TIMEOUT = 0x40,
    STATUS_OF_OUTPUT = STATUS_FULL | STATUS_MOUSE | STATUS_TIMEOUT,
};

enum {
    BYTE_IRQ = 0x01,
    BYTE_MOUSE_IRQ = 0x02,
    BYTE_TESTED = 0x04, /* bit 2 of the status, too */
    BYTE_NO_KEYBOARD = 0x10,
    BYTE_NO_MOUSE = 0x20,
    BYTE_TRANSLATE = 0x40,
    BYTE_AT_RESET = BYTE_NO_KEYBOARD | BYTE_NO_MOUSE | BYTE_TESTED,
    BYTE_OF_FIRMWARE = BYTE_IRQ | BYTE_TESTED | BYTE_NO_MOUSE | BYTE_TRANSLATE,
};

enum {
    READ_RAM = 0x20,
    WRITE_RAM = 0x60,
    MOUSE_OFF = 0xa7,
    MOUSE_ON = 0xa8,
    MOUSE_TEST = 0xa9,
    SELF_TEST = 0xaa,
    KEYBOARD_TEST = 0xab,
    KEYBOARD_OFF = 0xad,
    KEYBOARD_ON = 0xae,
    READ_INPUT_PORT = 0xc0,
    READ_OUTPUT_PORT = 0xd0,
    WRITE_OUTPUT_PORT = 0xd1,
    WRITE_OUTPUT = 0xd2,
    WRITE_MOUSE_OUTPUT = 0xd3,
    WRITE_MOUSE = 0xd4,
    A20_OFF = 0xdd,
    A20_ON = 0xdf,
    READ_TEST_PINS = 0xe0,
    PULSE = 0xf0, /* the low bits that are 0 pulse output lines; bit 0 is the reset */
};

enum { TEST_PASSED = 0x55, LINE_FINE = 0x00, INPUT_PORT_IDLE = 0xa0, RESEND = 0xfe };
enum { OUT_NO_RESET = 0x01, OUT_A20 = 0x02, OUT_IRQ = 0x10, OUT_MOUSE_IRQ = 0x20, OUT_IDLE = 0xc0 };
enum { A_RESET = 0x01, A_A20 = 0x02 };

void vkbd_reset(struct vkbd *v)
{
    *v = (struct vkbd){.status = STATUS_UNLOCKED, .a20 = true};
    v->ram[0] = BYTE_OF_FIRMWARE;
}

static bool full(const struct vkbd *v, uint8_t mouse)
{
    return (v->status & (STATUS_FULL | STATUS_MOUSE)) == (STATUS_FULL | mouse);
}

bool vkbd_irq(const struct vkbd *v)
{
    return (v->ram[0] & BYTE_IRQ) && full(v, 0);
}

bool vkbd_mouse_irq(const struct vkbd *v)
{
    return (v->ram[0] & BYTE_MOUSE_IRQ) && full(v, STATUS_MOUSE);
}

static void answer(struct vkbd *v, uint8_t value, uint8_t status)
{
    v->output = value;
    v->status = (uint8_t)((v->status & ~STATUS_OF_OUTPUT) | STATUS_FULL | status);
}

static uint8_t output_port(const struct vkbd *v)
{
    uint8_t value = OUT_IDLE | OUT_NO_RESET;

    if (v->a20)
        value |= OUT_A20;
    if (full(v, 0))
        value |= OUT_IRQ;
    if (full(v, STATUS_MOUSE))
        value |= OUT_MOUSE_IRQ;
    return value;
}

static void self_test(struct vkbd *v)
{
    v->ram[0] = BYTE_AT_RESET;
    answer(v, TEST_PASSED, 0);
}

static bool command(struct vkbd *v, uint8_t value)
{
    v->command = 0;
    v->status |= STATUS_COMMAND;
    if (value >= PULSE)
        return !(value & 1);
    if (value >= READ_RAM && value < READ_RAM + VKBD_RAM)
        answer(v, v->ram[value % VKBD_RAM], 0);
    if (value >= WRITE_RAM && value < WRITE_RAM + VKBD_RAM)
        v->command = value;
    switch (value) {
    case MOUSE_OFF:
        v->ram[0] |= BYTE_NO_MOUSE;
        break;
    case MOUSE_ON:
        v->ram[0] &= (uint8_t)~BYTE_NO_MOUSE;
        break;
    case KEYBOARD_OFF:
        v->ram[0] |= BYTE_NO_KEYBOARD;
        break;
    case KEYBOARD_ON:
        v->ram[0] &= (uint8_t)~BYTE_NO_KEYBOARD;
        break;
    case SELF_TEST:
        self_test(v);
        break;
    case MOUSE_TEST:
    case KEYBOARD_TEST:
    case READ_TEST_PINS:
        answer(v, LINE_FINE, 0);
        break;
    case READ_INPUT_PORT:
        answer(v, INPUT_PORT_IDLE, 0);
        break;
    case READ_OUTPUT_PORT:
        answer(v, output_port(v), 0);
        break;
    case WRITE_OUTPUT_PORT:
    case WRITE_OUTPUT:
    case WRITE_MOUSE_OUTPUT:
    case WRITE_MOUSE:
        v->command = value;
        break;
    case A20_OFF:
    case A20_ON:
        v->a20 = value == A20_ON;
        break;
    default: /* a controller ignores what it does not know */
        break;
    }
    return false;
}

static bool data(struct vkbd *v, uint8_t value)
{
    uint8_t waiting = v->command;

    v->command = 0;
    v->status &= (uint8_t)~STATUS_COMMAND;
    switch (waiting) {
    case WRITE_OUTPUT_PORT:
        v->a20 = value & OUT_A20;
        return !(value & OUT_NO_RESET);
    case WRITE_OUTPUT:
        answer(v, value, 0);
        break;
    case WRITE_MOUSE_OUTPUT:
        answer(v, value, STATUS_MOUSE);
        break;
    case WRITE_MOUSE:
        answer(v, RESEND, STATUS_MOUSE | STATUS_TIMEOUT);
        break;
    case 0: /* for the keyboard; sending to it switches its line on */
        v->ram[0] &= (uint8_t)~BYTE_NO_KEYBOARD;
        answer(v, RESEND, STATUS_TIMEOUT);
        break;
    default:
        v->ram[waiting % VKBD_RAM] = value;
        break;
    }
    return false;
}

uint8_t vkbd_read(struct vkbd *v, uint16_t port)
{
    if (port == VKBD_SYSTEM_A)
        return v->a20 ? A_A20 : 0;
    if (port == VKBD_COMMAND)
        return v->status | (v->ram[0] & BYTE_TESTED);
    v->status &= (uint8_t)~STATUS_OF_OUTPUT;
    return v->output;
}

bool vkbd_write(struct vkbd *v, uint16_t port, uint8_t value)
{
    if (port == VKBD_COMMAND)
        return command(v, value);
    if (port == VKBD_DATA)
        return data(v, value);
    v->a20 = value & A_A20;
    return value & A_RESET;
}

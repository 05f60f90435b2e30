/* SPDX-License-Identifier: MIT */
/*
 * A guest's I/O APIC for the lines of its virtual devices: the register model of Intel's "82093AA
 * I/O Advanced Programmable Interrupt Controller" data sheet with 24 pins, version 0x20, and the
 * EOI register that this version has.
 *
 * The guest's local APICs are the machine's own, and their EOI does not exit. So this device never
 * learns of an EOI there, and a level-triggered pin cannot wait for one: it sends its message when
 * the line becomes active, when the pin is unmasked while the line is active, and on a write to the
 * EOI register while the line is active. Its remote IRR reads 1 as long as the pin is unmasked and
 * the line is active, which is when the hardware's does, but for the time between the end of the
 * cause and the EOI; so who waits for it to fall never waits for ever. A guest that services a
 * level-triggered device until it is quiet sees no difference; a device with several causes on one
 * line lets the line fall for a moment when one of them was served (vplatform.c), so that the
 * others are told again.
 *
 * An edge on a masked pin is lost, as the data sheet says. Stock Linux lives with that: it unmasks
 * the pin before it lets the device raise its line, disables an interrupt without masking the pin
 * (and replays by itself what came meanwhile), and masks only around a handler that runs already
 * and looks at the device again.
 *
 * What is sent is checked: fixed or lowest-priority delivery with a vector of 16 or more. Any other
 * delivery mode (SMI, NMI, INIT, ExtINT, reserved) is kept in the register and never sent.
 *
 * Pins may be wired to lines of the machine's own I/O APICs: INTx of passed-through functions.
 * Their entries are for the caller to bring to the machine's (vioapic_take_line()), and there
 * interrupts are raised, in service and ended: the processor's EOI does it, and for guests that
 * keep EOIs from being broadcast the EOI register here (vioapic_take_end()). A virtual device on
 * the same pin is active when its line is high, whatever the polarity.
 *
 * Messages wait until the caller takes them: after each call that may have made one, it asks
 * vioapic_take() until that says no.
 */
#ifndef BULKHEAD_KERNEL_VDEV_VIOAPIC_H
#define BULKHEAD_KERNEL_VDEV_VIOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define VIOAPIC_PINS 24

enum vioapic_delivery { VIOAPIC_FIXED = 0, VIOAPIC_LOWEST_PRIORITY = 1 };

/* What the caller has to send to the guest's local APICs. */
struct vioapic_message {
    bool logical;     /* destination mode: else physical */
    uint8_t vector;   /* 16..255 */
    uint8_t delivery; /* enum vioapic_delivery */
    uint32_t dest;    /* 0..255: the guest's (virtual) APIC id, or logical destination; as the
                         guest wrote it, so the caller looks for it among the guest's own */
};

/* What the guest has made of a wired pin. */
struct vioapic_line {
    uint32_t pin;
    bool sends; /* unmasked it sends `message`; false: it is of a kind that is never sent */
    bool masked;
    bool level, active_low;
    struct vioapic_message message;
};

struct vioapic {
    uint8_t select; /* IOREGSEL */
    uint8_t id;
    uint32_t lines;      /* electrical level of each pin */
    uint32_t waiting;    /* pins with a message that nobody has taken yet */
    uint32_t wired;      /* pins of the machine's lines; the next three are of those alone: */
    uint32_t changed;    /* their entries were written */
    uint32_t ended;      /* the guest has written their vector to the EOI register */
    uint32_t in_service; /* remote IRR, as the caller says */
    uint64_t rte[VIOAPIC_PINS];
};

/* All pins masked, all lines low. What is wired stays so. */
void vioapic_reset(struct vioapic *v);

/* `offset` from the start of the device's page. Registers are 32 bits wide: another size, or an
 * offset without register, reads all ones of that size and ignores writes. */
uint32_t vioapic_read(const struct vioapic *v, uint32_t offset, int size);
void vioapic_write(struct vioapic *v, uint32_t offset, int size, uint32_t value);

/* The level of a device's line. A pin that does not exist is ignored. */
void vioapic_set_line(struct vioapic *v, uint32_t pin, bool high);

/* False: the pin is masked (or does not exist), so what its line does changes nothing. */
bool vioapic_wants(const struct vioapic *v, uint32_t pin);

/* A message to be sent, if there is one; at most VIOAPIC_PINS in a row. */
bool vioapic_take(struct vioapic *v, struct vioapic_message *message);

/* Wire these pins (a bit each) to lines of the machine, and no others. Once, before the guest
 * starts. */
void vioapic_wire(struct vioapic *v, uint32_t pins);

/* A wired pin whose entry was written and not taken yet. False: none. */
bool vioapic_take_line(struct vioapic *v, struct vioapic_line *line);

/* A wired pin that the guest has ended by the EOI register. False: none. */
bool vioapic_take_end(struct vioapic *v, uint32_t *pin);

/* The wired pin of which IOWIN shows the remote IRR now; VIOAPIC_PINS: none. For the caller to say,
 * before a read, what that is. */
uint32_t vioapic_shown(const struct vioapic *v);
void vioapic_set_in_service(struct vioapic *v, uint32_t pin, bool in_service);

#endif

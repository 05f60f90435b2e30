/* SPDX-License-Identifier: MIT */
/*
 * One console for all guests: their output, each from a ring of its own, becomes one stream of
 * bytes for the serial port and the screen, and what the user types becomes bytes for a guest or
 * commands.
 *
 * Showing all: every line has its source's name in front ("web| login:"), and a line that is
 * complete is never mixed with another. A line is shown when its end is in the ring, when it is
 * longer than CONSOLE_LINE, or when it stayed as it is from one console_flush() to the next (a
 * prompt); such an unfinished line is continued in place until another source has something to say,
 * then it is broken and goes on in a line of its own. Cursor movement and all other control
 * sequences are taken out, so that no guest can touch another's lines; colours stay, to the end of
 * the line. A carriage return goes back to behind the name.
 *
 * Showing one: the selected guest's bytes as they are; only the hypervisor's own lines still come
 * in between. The others' output waits in their rings, the oldest lines are dropped and counted
 * when a ring is more than half full, so that nobody waits for being looked at.
 *
 * Keys: Ctrl-A, then 1-9 a guest, n/p the next/previous one, a all, s statistics, h help, Ctrl-A a
 * Ctrl-A for the guest.
 *
 * All storage is the caller's. One processor at a time may be in these functions (a lock, or the
 * bootstrap processor alone); the producers of the rings need no lock.
 */
#ifndef BULKHEAD_KERNEL_CONSOLE_CONSOLE_H
#define BULKHEAD_KERNEL_CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/lib/ring.h"

#define CONSOLE_LINE     240  /* a line is broken after so many characters */
#define CONSOLE_MIN_OUT  192  /* smallest useful buffer for console_pump() */
#define CONSOLE_NAME     15   /* longest name; what is longer is cut */
#define CONSOLE_INPUT    1024 /* bytes of rings after which console_pump() returns */
#define CONSOLE_NOTICE   320  /* bytes of the console's own lines that wait for their turn */
#define CONSOLE_SEQUENCE 16   /* longest colour sequence that is kept, without its ESC [ */

#define CONSOLE_LOG_NAME "bulkhead"

/* One source of lines. Private but for its size; console_source() fills it in. */
struct console_source {
    struct ring *ring;
    const char *name;
    uint32_t scanned; /* bytes of the ring known to hold no line end */
    uint32_t seen;    /* bytes in the ring at the last console_flush() */
    uint32_t hidden;  /* lines dropped while another guest was shown */
    uint16_t column;  /* characters shown in the open line */
    uint8_t name_length;
    uint8_t state; /* of the filter: enum in filter.c */
    uint8_t utf8_left;
    uint8_t sequence_length;
    bool flush;    /* what is in the ring is to be shown although no line end follows */
    bool returned; /* a carriage return, not yet acted upon */
    bool coloured; /* colours other than the default may be on */
    bool raw;      /* the open line was shown as it is */
    char sequence[CONSOLE_SEQUENCE];
};
_Static_assert(sizeof(struct console_source) <= 64, "small state for each guest");

struct console {
    struct console_source *sources; /* the guests, then the hypervisor's log */
    uint32_t guests;
    uint32_t turn;      /* source whose line is being moved, or was last */
    uint32_t turn_left; /* bytes that it may still move before another gets its turn; 0: over */
    uint32_t open;      /* source whose line is unfinished on the sink, or CONSOLE_NOBODY */
    uint32_t hide_next; /* guest whose ring is looked at next for lines to drop */
    uint32_t selected;  /* guest that gets what is typed */
    bool alone;         /* only the selected guest is shown, as it is */
    bool command;       /* Ctrl-A was typed */
    uint16_t notice_first, notice_end;
    char notice[CONSOLE_NOTICE];
};

#define CONSOLE_NOBODY UINT32_MAX

enum console_action {
    CONSOLE_NOTHING,
    CONSOLE_SEND,       /* `byte` is for guest `guest` */
    CONSOLE_STATISTICS, /* the user wants the statistics: write them as log lines */
};

struct console_event {
    enum console_action action;
    uint32_t guest; /* index, from 0 */
    uint8_t byte;
};

/* Make a source of `ring` (this side is its consumer). The name, not ended by a zero byte, stays
 * where it is; printable ASCII, as the config checked it. */
void console_source(struct console_source *source, const char *name, size_t length,
                    struct ring *ring);

/*
 * `sources` has guests + 1 entries, all filled in; the last one is the hypervisor's log, which
 * carries whole lines, each ended by \n. guests is at least 1. Starts with all shown and what is
 * typed going to the first guest.
 */
void console_init(struct console *c, struct console_source *sources, uint32_t guests);

/*
 * Take output from the rings and write what the sinks are to show next to `out`, at most `size`
 * bytes. Returns how many; 0 means that there is nothing to show now. Bounded: it returns once it
 * took CONSOLE_INPUT bytes from rings, shown or not. With size below CONSOLE_MIN_OUT nothing
 * happens. Sources take turns line by line.
 */
size_t console_pump(struct console *c, char *out, size_t size);

/* Time passes: call it a few times a second (every 50 ms, say). Unfinished lines that did not grow
 * since the last call are shown by the next console_pump(). */
void console_flush(struct console *c);

/* Does anything wait to be shown, such as a line without end? Then console_flush() has a use.
 * Output of guests that are not looked at does not count. */
bool console_unfinished(const struct console *c);

/* One byte that the user typed. */
struct console_event console_key(struct console *c, uint8_t byte);

/* The guest starts anew: whatever its line and colour state was, forget it. Its ring stays. */
void console_restart(struct console *c, uint32_t guest);

#endif

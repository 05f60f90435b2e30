/* SPDX-License-Identifier: MIT */
#include "kernel/console/console.h"

#include "kernel/console/filter.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"

#define CTRL_A 0x01

/* Add a line of the console's own, to be shown before anything else. Dropped when too many wait. */
static void notice(struct console *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void notice(struct console *c, const char *format, ...)
{
    static const char prefix[] = CONSOLE_LOG_NAME "| ";
    size_t waiting = c->notice_end - c->notice_first;
    size_t end = waiting + sizeof(prefix) - 1;
    va_list args;

    memmove(c->notice, c->notice + c->notice_first, waiting);
    c->notice_first = 0;
    c->notice_end = (uint16_t)waiting;
    if (end >= CONSOLE_NOTICE)
        return;
    memcpy(c->notice + waiting, prefix, sizeof(prefix) - 1);
    va_start(args, format);
    end += fmt_vprint(c->notice + end, CONSOLE_NOTICE - end, format, args);
    va_end(args);
    if (end + 2 > CONSOLE_NOTICE)
        return;
    memcpy(c->notice + end, "\r\n", 2);
    c->notice_end = (uint16_t)(end + 2);
}

static void change_view(struct console *c, uint32_t guest, bool alone)
{
    filter_reset(&c->sources[c->selected]);
    filter_reset(&c->sources[guest]);
    c->selected = guest;
    c->alone = alone;
    c->turn_left = 0;
}

static void select_all(struct console *c)
{
    const struct console_source *s = &c->sources[c->selected];

    change_view(c, c->selected, false);
    notice(c, "all guests; what you type goes to guest %u %.*s", c->selected + 1, s->name_length,
           s->name);
}

static void select_guest(struct console *c, uint32_t guest)
{
    struct console_source *s;

    if (guest >= c->guests) {
        notice(c, "there is no guest %u: the last one is %u", guest + 1, c->guests);
        return;
    }
    change_view(c, guest, true);
    s = &c->sources[guest];
    notice(c, "guest %u %.*s as it is; Ctrl-A a shows all guests", guest + 1, s->name_length,
           s->name);
    if (s->hidden != 0)
        notice(c, "%u older lines of it were not shown", s->hidden);
    s->hidden = 0;
}

static void help(struct console *c)
{
    const struct console_source *s = &c->sources[c->selected];

    notice(c, "Ctrl-A, then 1-9: one guest; n, p: next, previous; a: all; s: statistics");
    notice(c, "Ctrl-A Ctrl-A: a Ctrl-A for the guest; what you type goes to guest %u %.*s",
           c->selected + 1, s->name_length, s->name);
}

static struct console_event send(const struct console *c, uint8_t byte)
{
    return (struct console_event){.action = CONSOLE_SEND, .guest = c->selected, .byte = byte};
}

static struct console_event command(struct console *c, uint8_t byte)
{
    switch (byte) {
    case CTRL_A:
        return send(c, CTRL_A);
    case 'a':
        select_all(c);
        break;
    case 'n':
        select_guest(c, (c->selected + 1) % c->guests);
        break;
    case 'p':
        select_guest(c, (c->selected + c->guests - 1) % c->guests);
        break;
    case 's':
        return (struct console_event){.action = CONSOLE_STATISTICS};
    case 'h':
        help(c);
        break;
    default:
        if (byte >= '1' && byte <= '9')
            select_guest(c, byte - (uint32_t)'1');
        else
            notice(c, "unknown key; Ctrl-A h lists them");
        break;
    }
    return (struct console_event){.action = CONSOLE_NOTHING};
}

struct console_event console_key(struct console *c, uint8_t byte)
{
    if (c->command) {
        c->command = false;
        return command(c, byte);
    }
    if (byte != CTRL_A)
        return send(c, byte);
    c->command = true;
    return (struct console_event){.action = CONSOLE_NOTHING};
}

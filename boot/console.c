/* SPDX-License-Identifier: MIT */
#include "boot/console.h"

#include "boot/firmware.h"
#include "boot/serial.h"
#include "kernel/lib/fmt.h"

#define TEXT_SIZE 512

/* True: COM1 is not among the firmware's consoles, so we write to it ourselves. */
static bool com1_is_ours;

/*
 * Walk the device paths in the variable ConOut, which lists the firmware's output devices (UEFI
 * Specification "Globally Defined Variables"), for one that ends at a UART ("UART Device Path").
 */
static bool paths_have_uart(const uint8_t *paths, UINTN size)
{
    while (size >= sizeof(EFI_DEVICE_PATH)) {
        UINTN length = paths[2] | (UINTN)paths[3] << 8;
        if (paths[0] == MESSAGING_DEVICE_PATH && paths[1] == MSG_UART_DP)
            return true;
        if (length < sizeof(EFI_DEVICE_PATH) || length > size)
            return false;
        paths += length;
        size -= length;
    }
    return false;
}

static bool firmware_console_is_serial(void)
{
    static const EFI_GUID global_variable = EFI_GLOBAL_VARIABLE;
    static const CHAR16 name[] = {'C', 'o', 'n', 'O', 'u', 't', 0};
    uint8_t paths[1024];
    UINTN size = sizeof(paths);

    EFI_STATUS status = firmware.runtime->GetVariable((CHAR16 *)name, (EFI_GUID *)&global_variable,
                                                      NULL, &size, paths);
    return !EFI_ERROR(status) && paths_have_uart(paths, size);
}

void console_init(void)
{
    com1_is_ours = !firmware_console_is_serial() && serial_init();
}

static void show(const char *text)
{
    SIMPLE_TEXT_OUTPUT_INTERFACE *out = firmware.table->ConOut;
    CHAR16 wide[2 * TEXT_SIZE];
    unsigned length = 0;

    for (const char *at = text; *at && length < 2 * TEXT_SIZE - 2; at++) {
        if (*at == '\n')
            wide[length++] = '\r';
        wide[length++] = (CHAR16)(unsigned char)*at;
    }
    wide[length] = 0;
    if (out)
        out->OutputString(out, wide);
    if (com1_is_ours)
        for (unsigned i = 0; i < length; i++)
            serial_put((char)wide[i]);
}

void console_text(const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, format);
    fmt_vprint(text, sizeof(text), format, args);
    va_end(args);
    show(text);
}

void console_diag(const struct diag *diag)
{
    if (diag->line)
        console_text("bulkhead.conf:%u:%u: %s\n", diag->line, diag->column, diag->message);
    else
        console_text("bulkhead: %s\n", diag->message);
    if (diag->hint[0])
        console_text("  hint: %s\n", diag->hint);
}

void console_forget_keys(void)
{
    SIMPLE_INPUT_INTERFACE *in = firmware.table->ConIn;

    if (in)
        in->Reset(in, FALSE);
}

void console_wait(unsigned seconds)
{
    SIMPLE_INPUT_INTERFACE *in = firmware.table->ConIn;
    EFI_INPUT_KEY key;

    for (unsigned tenth = 0; tenth < 10 * seconds; tenth++) {
        if (in && !EFI_ERROR(in->ReadKeyStroke(in, &key)))
            return;
        firmware.boot->Stall(100 * 1000);
    }
}

void console_last_words(const char *text)
{
    if (!serial_init())
        return;
    for (; *text; text++) {
        if (*text == '\n')
            serial_put('\r');
        serial_put(*text);
    }
}

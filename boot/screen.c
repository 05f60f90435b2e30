/* SPDX-License-Identifier: MIT */
#include "boot/screen.h"

#include "boot/firmware.h"

#define MAX_SIDE 32768 /* pixels; more is nonsense */

static enum handoff_pixels pixels_of(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info)
{
    switch (info->PixelFormat) {
    case PixelRedGreenBlueReserved8BitPerColor:
        return PIXELS_RGBX;
    case PixelBlueGreenRedReserved8BitPerColor:
        return PIXELS_BGRX;
    case PixelBitMask:
    case PixelBltOnly:
    case PixelFormatMax:
        break;
    }
    return PIXELS_NONE;
}

static bool is_sane(const struct handoff_screen *screen)
{
    return screen->base != 0 && screen->width > 0 && screen->width <= MAX_SIDE &&
           screen->height > 0 && screen->height <= MAX_SIDE && screen->stride >= screen->width &&
           screen->stride <= 2 * MAX_SIDE &&
           (uint64_t)screen->stride * screen->height * 4 <= screen->size;
}

static bool screen_of(EFI_HANDLE handle, struct handoff_screen *screen)
{
    static EFI_GUID graphics_output = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics = NULL;

    if (EFI_ERROR(firmware.boot->HandleProtocol(handle, &graphics_output, (void **)&graphics)) ||
        !graphics->Mode || !graphics->Mode->Info)
        return false;
    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = graphics->Mode->Info;
    *screen = (struct handoff_screen){
        .base = graphics->Mode->FrameBufferBase,
        .size = graphics->Mode->FrameBufferSize,
        .width = info->HorizontalResolution,
        .height = info->VerticalResolution,
        .stride = info->PixelsPerScanLine,
        .pixels = pixels_of(info),
    };
    return screen->pixels != PIXELS_NONE && is_sane(screen);
}

void screen_find(struct handoff_screen *screen)
{
    static EFI_GUID graphics_output = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    EFI_HANDLE *handles = NULL;
    UINTN count = 0;
    bool found = false;

    if (EFI_ERROR(firmware.boot->LocateHandleBuffer(ByProtocol, &graphics_output, NULL, &count,
                                                    &handles)))
        count = 0;
    for (UINTN i = 0; i < count && !found; i++)
        found = screen_of(handles[i], screen);
    if (count > 0)
        firmware.boot->FreePool(handles);
    if (!found)
        *screen = (struct handoff_screen){.pixels = PIXELS_NONE};
}

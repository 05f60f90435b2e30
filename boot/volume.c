/* SPDX-License-Identifier: MIT */
#include "boot/volume.h"

#include "boot/console.h"
#include "boot/firmware.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/mem.h"

/* Some firmware fails on reads of many MiB at once. */
#define READ_CHUNK MIB(1)
#define DOTS       16 /* at most, for one file */
#define DOTS_FROM  MIB(4)

#define MAX_PATH (sizeof(VOLUME_FOLDER) + VOLUME_MAX_NAME)

bool volume_open(struct volume *volume, struct diag *diag)
{
    static EFI_GUID loaded_image = LOADED_IMAGE_PROTOCOL;
    static EFI_GUID file_system = SIMPLE_FILE_SYSTEM_PROTOCOL;
    EFI_LOADED_IMAGE *we = NULL;
    EFI_FILE_IO_INTERFACE *files = NULL;

    volume->root = NULL;
    EFI_STATUS status = firmware.boot->HandleProtocol(firmware.image, &loaded_image, (void **)&we);
    if (EFI_ERROR(status))
        return diag_set(diag, "the firmware does not say where Bulkhead was started from: %s",
                        firmware_status(status));
    status = firmware.boot->HandleProtocol(we->DeviceHandle, &file_system, (void **)&files);
    if (EFI_ERROR(status)) {
        diag_set(diag, "Bulkhead was started from a place without a file system: %s",
                 firmware_status(status));
        return diag_hint(diag, "start it from a stick, a disk, or an image that the firmware "
                               "shows as a disk");
    }
    status = files->OpenVolume(files, &volume->root);
    if (EFI_ERROR(status))
        return diag_set(diag, "cannot open the volume that Bulkhead was started from: %s",
                        firmware_status(status));
    return true;
}

void volume_close(struct volume *volume)
{
    if (volume->root)
        volume->root->Close(volume->root);
    volume->root = NULL;
}

/* EFI_FILE_INFO ends in the file's name, for which there must be room. */
union file_info {
    EFI_FILE_INFO info;
    uint8_t room[sizeof(EFI_FILE_INFO) + 1024];
};

static bool file_measure(struct volume_file *file, struct diag *diag)
{
    static EFI_GUID info_id = EFI_FILE_INFO_ID;
    union file_info info;
    UINTN size = sizeof(info);

    EFI_STATUS status = file->handle->GetInfo(file->handle, &info_id, &size, &info);
    if (EFI_ERROR(status))
        return diag_set(diag, "its size cannot be read: %s", firmware_status(status));
    if (info.info.Attribute & EFI_FILE_DIRECTORY)
        return diag_set(diag, "it is a folder, not a file");
    file->size = info.info.FileSize;
    if (file->size == 0)
        return diag_set(diag, "the file is empty");
    return true;
}

/* The whole path for the firmware, slashes turned. */
static void make_path(const char *name, size_t length, CHAR16 path[MAX_PATH])
{
    size_t folder = sizeof(VOLUME_FOLDER) - 1;

    for (size_t i = 0; i < folder; i++)
        path[i] = (CHAR16)VOLUME_FOLDER[i];
    for (size_t i = 0; i < length; i++)
        path[folder + i] = (CHAR16)(name[i] == '/' ? '\\' : (unsigned char)name[i]);
    path[folder + length] = 0;
}

/* The name with slashes turned. */
static void keep_name(struct volume_file *file, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        file->name[i] = name[i] == '/' ? '\\' : name[i];
    file->name[length] = '\0';
}

bool volume_file_open(const struct volume *volume, const char *name, size_t length,
                      struct volume_file *file, struct diag *diag)
{
    CHAR16 path[MAX_PATH];

    file->missing = false;
    if (length > VOLUME_MAX_NAME)
        return diag_set(diag, "its name of %zu bytes is too long: %u are possible", length,
                        VOLUME_MAX_NAME);
    keep_name(file, name, length);
    make_path(name, length, path);
    EFI_STATUS status =
        volume->root->Open(volume->root, &file->handle, path, EFI_FILE_MODE_READ, 0);
    file->missing = status == EFI_NOT_FOUND;
    if (file->missing)
        return diag_set(diag,
                        "no such file in the folder \\bulkhead of the volume that Bulkhead was "
                        "started from");
    if (EFI_ERROR(status))
        return diag_set(diag, "it cannot be opened: %s", firmware_status(status));
    if (!file_measure(file, diag)) {
        volume_file_close(file);
        return false;
    }
    return true;
}

/* Dots while reading: `done` of the file's bytes are there, `before` were there last time. */
static void show_progress(const struct volume_file *file, uint64_t before, uint64_t done)
{
    if (file->size < DOTS_FROM)
        return;
    uint64_t dot = file->size / DOTS;
    if (before == 0)
        console_text("  ");
    for (uint64_t i = before / dot; i < done / dot; i++)
        console_text(".");
    if (done == file->size)
        console_text("\n");
}

bool volume_file_read(struct volume_file *file, void *to, struct diag *diag)
{
    for (uint64_t done = 0; done < file->size;) {
        uint64_t left = file->size - done;
        UINTN size = left < READ_CHUNK ? left : READ_CHUNK;
        EFI_STATUS status = file->handle->Read(file->handle, &size, (uint8_t *)to + done);
        if (EFI_ERROR(status))
            return diag_set(diag, "it cannot be read at byte %llu: %s", (unsigned long long)done,
                            firmware_status(status));
        if (size == 0 || size > left)
            return diag_set(diag, "it ends at byte %llu of %llu", (unsigned long long)done,
                            (unsigned long long)file->size);
        show_progress(file, done, done + size);
        done += size;
    }
    return true;
}

void volume_file_close(struct volume_file *file)
{
    file->handle->Close(file->handle);
}

/* ---- a file that is made ---- */

static EFI_STATUS open_path(const struct volume *volume, CHAR16 *path, UINT64 mode, UINT64 kind,
                            EFI_FILE_HANDLE *handle)
{
    *handle = NULL;
    return volume->root->Open(volume->root, handle, path, mode, kind);
}

/* The folder itself: without the backslash at the end. */
static void make_folder(const struct volume *volume)
{
    CHAR16 path[MAX_PATH];
    EFI_FILE_HANDLE folder;

    make_path("", 0, path);
    path[sizeof(VOLUME_FOLDER) - 2] = 0;
    if (!EFI_ERROR(open_path(volume, path,
                             EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE | EFI_FILE_MODE_CREATE,
                             EFI_FILE_DIRECTORY, &folder)))
        folder->Close(folder);
}

bool volume_output_open(const struct volume *volume, const char *name, struct volume_output *output,
                        struct diag *diag)
{
    const UINT64 change = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
    CHAR16 path[MAX_PATH];
    size_t length = 0;
    EFI_FILE_HANDLE old;

    while (name[length] != '\0')
        length++;
    make_folder(volume);
    make_path(name, length, path);
    /* What was longer before would keep its end. Delete() closes the handle, too. */
    if (!EFI_ERROR(open_path(volume, path, change, 0, &old)))
        old->Delete(old);
    output->used = 0;
    output->status = open_path(volume, path, change | EFI_FILE_MODE_CREATE, 0, &output->handle);
    return !EFI_ERROR(output->status) || diag_set(diag, "%s", firmware_status(output->status));
}

static void write_buffer(struct volume_output *output)
{
    UINTN size = output->used;

    if (size == 0 || EFI_ERROR(output->status))
        return;
    output->status = output->handle->Write(output->handle, &size, output->buffer);
    if (!EFI_ERROR(output->status) && size != output->used)
        output->status = EFI_VOLUME_FULL;
    output->used = 0;
}

void volume_output_put(struct volume_output *output, const char *text)
{
    for (; *text != '\0'; text++) {
        if (output->used == sizeof(output->buffer))
            write_buffer(output);
        if (EFI_ERROR(output->status))
            return;
        output->buffer[output->used++] = *text;
    }
}

bool volume_output_close(struct volume_output *output, struct diag *diag)
{
    write_buffer(output);
    EFI_STATUS flushed = output->handle->Flush(output->handle);
    EFI_STATUS closed = output->handle->Close(output->handle);
    EFI_STATUS status = EFI_ERROR(output->status) ? output->status
                        : EFI_ERROR(flushed)      ? flushed
                                                  : closed;

    return !EFI_ERROR(status) || diag_set(diag, "%s", firmware_status(status));
}

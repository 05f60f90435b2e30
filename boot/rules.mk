# SPDX-License-Identifier: MIT
# The UEFI half. Included by the root Makefile, which sets BUILD, CC, NASM, COMMON, PURE_SRCS,
# HOST_SRCS and KERNEL_ELF. Makes $(BUILD)/bulkhead.efi.

# Pure files of boot/: built for the host as well (unit tests, tools/check).
BOOT_PURE := boot/calendar.c boot/guest_check.c boot/memory_map.c
HOST_SRCS += $(BOOT_PURE)

BOOT_SRCS := $(sort $(wildcard boot/*.c))
BOOT_ASMS := $(sort $(wildcard boot/*.asm))
# What boot/ takes from the pure folders; the linker picks what it needs.
BOOT_LIB_SRCS := $(filter-out kernel/vdev/% kernel/console/% kernel/acpi/guest%,$(PURE_SRCS))

BOOT_OBJS := $(BOOT_SRCS:%.c=$(BUILD)/boot/%.o) $(BOOT_ASMS:%.asm=$(BUILD)/boot/%.asm.o)
BOOT_LIB_OBJS := $(BOOT_LIB_SRCS:%.c=$(BUILD)/boot/%.o)

# The firmware calls and is called in Microsoft's convention; its characters have 16 bits.
BOOT_CFLAGS := $(COMMON) -O2 -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 \
               -DGNU_EFI_USE_MS_ABI -ffreestanding -fpic -fshort-wchar -mno-red-zone \
               -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
               -fno-asynchronous-unwind-tables -fno-strict-aliasing -fvisibility=hidden \
               -ffunction-sections -fdata-sections

GNU_EFI_LIB ?= $(firstword $(wildcard /usr/lib/crt0-efi-x86_64.o /usr/lib64/gnuefi/crt0-efi-x86_64.o \
                 /usr/lib/x86_64-linux-gnu/gnuefi/crt0-efi-x86_64.o))

# Without these two the compiler turns the loops of memcpy() into calls of memcpy().
$(BUILD)/boot/kernel/lib/mem.o: BOOT_CFLAGS += -fno-builtin \
    $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)

$(BUILD)/boot/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BOOT_CFLAGS) -c $< -o $@

$(BUILD)/boot/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -MD $(@:.o=.d) -DKERNEL_ELF="'$(BUILD)/boot/kernel.elf'" $< -o $@

# Without symbols; debuggers take those from $(KERNEL_ELF).
$(BUILD)/boot/kernel.elf: $(KERNEL_ELF)
	@mkdir -p $(@D)
	$(Q)objcopy --strip-all $< $@

$(BUILD)/boot/boot/embed.asm.o: $(BUILD)/boot/kernel.elf

$(BUILD)/boot/libpure.a: $(BOOT_LIB_OBJS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/boot/bulkhead.so: $(BOOT_OBJS) $(BUILD)/boot/libpure.a boot/efi.ld
	$(Q)ld -shared -Bsymbolic -nostdlib -z nocombreloc -z noexecstack --no-undefined --gc-sections \
	   -T boot/efi.ld -o $@ $(GNU_EFI_LIB) $(BOOT_OBJS) $(BUILD)/boot/libpure.a \
	   $(dir $(GNU_EFI_LIB))libgnuefi.a

# Subsystem 10: EFI application.
$(BUILD)/bulkhead.efi: $(BUILD)/boot/bulkhead.so
	$(Q)objcopy -j .text -j .reloc -j .rodata -j .data -j .dynamic -j .rela -j .dynsym -j .kernel \
	   --target efi-app-x86_64 --subsystem=10 $< $@

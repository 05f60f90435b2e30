# SPDX-License-Identifier: MIT
# Guests for the system tests. Included by the root Makefile, which sets BUILD, CC, NASM, COMMON, Q and
# ASM_NEEDS.
# Makes $(BUILD)/guests/attacker.bin, witness and kinds.*.

ATTACKER_SRCS := $(sort $(wildcard tests/guests/attacker/*.c)) kernel/lib/fmt.c kernel/lib/mem.c \
                 kernel/lib/text.c kernel/vm/stats.c
ATTACKER_ASMS := $(addprefix tests/guests/attacker/,entry.asm modes.asm second.asm traps.asm)
ATTACKER_OBJS := $(ATTACKER_SRCS:%.c=$(BUILD)/guests/%.o) \
                 $(ATTACKER_ASMS:%.asm=$(BUILD)/guests/%.asm.o)

# It runs where it is linked, at 1 MiB.
ATTACKER_CFLAGS := $(COMMON) -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone \
                   -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
                   -fno-asynchronous-unwind-tables -fno-strict-aliasing \
                   -ffunction-sections -fdata-sections

$(BUILD)/guests/kernel/lib/mem.o: ATTACKER_CFLAGS += -fno-builtin \
    $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)

$(BUILD)/guests/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ATTACKER_CFLAGS) -c $< -o $@

$(BUILD)/guests/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -I ./ $< -o $@
	@$(ASM_NEEDS)

$(BUILD)/guests/attacker.elf: $(ATTACKER_OBJS) tests/guests/attacker/attacker.ld
	$(Q)ld -nostdlib -static -z noexecstack -z max-page-size=4096 --gc-sections --no-warn-rwx-segments \
	   -T tests/guests/attacker/attacker.ld -o $@ $(ATTACKER_OBJS)

$(BUILD)/guests/attacker.flat: $(BUILD)/guests/attacker.elf
	$(Q)objcopy -O binary $< $@

$(BUILD)/guests/attacker.bin: tests/guests/attacker/header.asm $(BUILD)/guests/attacker.flat
	$(Q)$(NASM) -f bin -DFLAT="'$(BUILD)/guests/attacker.flat'" $< -o $@

.PHONY: guests
guests: $(BUILD)/guests/attacker.bin

# ---- witness: a program for a Linux guest, $(BUILD)/guests/witness -----------------------------
WITNESS_SRCS := $(sort $(wildcard tests/guests/witness/*.c)) kernel/lib/fmt.c kernel/vm/stats.c

$(BUILD)/guests/witness: $(WITNESS_SRCS) $(wildcard tests/guests/witness/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -O2 -D_DEFAULT_SOURCE -static -s -o $@ $(WITNESS_SRCS)

guests: $(BUILD)/guests/witness

# ---- kinds: one guest, an image of each kind, $(BUILD)/guests/kinds.* ----------------------------
KINDS      := pvh multiboot aout multiboot2 flat16 flat32 flat64
KINDS_SRCS := $(sort $(wildcard tests/guests/kinds/*.c)) kernel/lib/fmt.c kernel/lib/mem.c \
              kernel/lib/text.c
KINDS_OBJS := $(KINDS_SRCS:%.c=$(BUILD)/guests/%.o) \
              $(BUILD)/guests/tests/guests/kinds/second.asm.o

# Real mode reaches the first MiB alone.
KINDS_BASE        = 0x100000
KINDS_BASE_flat16 = 0x20000

$(BUILD)/guests/kinds/%.o: tests/guests/kinds/entry.asm
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -DKIND=$(shell echo $* | tr a-z A-Z) $< -o $@

$(BUILD)/guests/kinds/%.elf: $(BUILD)/guests/kinds/%.o $(KINDS_OBJS) tests/guests/kinds/kinds.ld
	$(Q)ld -nostdlib -static -z noexecstack -z max-page-size=4096 --gc-sections \
	   --no-warn-rwx-segments --defsym=image_base=$(or $(KINDS_BASE_$*),$(KINDS_BASE)) \
	   -T tests/guests/kinds/kinds.ld -o $@ $< $(KINDS_OBJS)

# 64-bit ELF as linked, 32-bit ELF, and bytes.
$(BUILD)/guests/kinds.pvh $(BUILD)/guests/kinds.multiboot2: $(BUILD)/guests/kinds.%: \
    $(BUILD)/guests/kinds/%.elf
	$(Q)cp $< $@

$(BUILD)/guests/kinds.multiboot: $(BUILD)/guests/kinds/multiboot.elf
	$(Q)objcopy -O elf32-i386 $< $@

$(addprefix $(BUILD)/guests/kinds.,aout flat16 flat32 flat64): $(BUILD)/guests/kinds.%: \
    $(BUILD)/guests/kinds/%.elf
	$(Q)objcopy -O binary $< $@

guests: $(KINDS:%=$(BUILD)/guests/kinds.%)

# SPDX-License-Identifier: MIT
# Bulkhead. `make help` lists targets and variables.

BUILD    ?= build
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
NASM     ?= nasm
IASL     ?= iasl
EMULATOR ?= auto
CPUS     ?= 2
MEMORY   ?= 1024
CACHE    ?= $(or $(BULKHEAD_CACHE),.cache)

# Shows what is being made; with V=1, the command.
Q = $(if $(V),,@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,echo '  $@';))

.PHONY: all run fetch test stress unit unit-programs fuzz fuzz-programs check bench plan-scale iommu-setup coverage clean help FORCE
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

help:
	@echo 'make            build $(BUILD)/bulkhead.efi and the host tools'
	@echo 'make run        two Debian guests side by side in an emulator, consoles on this terminal'
	@echo 'make test       everything: unit tests, fuzzing, layers and style, system tests'
	@echo 'make unit       unit tests only, under sanitizers'
	@echo 'make stress     500 reboots, 200 bring-ups, 200 hot-plugs in each of STRESS_MACHINES'
	@echo 'make check      layers and style only'
	@echo 'make fuzz       each fuzz target for FUZZ_SECONDS'
	@echo 'make coverage   line coverage report in $(BUILD)/coverage'
	@echo 'make bench      the table of measured costs'
	@echo 'make plan-scale how long the planner takes for large machines'
	@echo 'make iommu-setup how long the tables of a guest take that an IOMMU needs'
	@echo 'make clean      remove $(BUILD); what was fetched or built once stays in $(CACHE)'
	@echo
	@echo 'Variables, and what they are now:'
	@echo '  CONFIG=$(CONFIG)   what make run boots'
	@echo '  EMULATOR=$(EMULATOR) CPUS=$(CPUS) MEMORY=$(MEMORY)   the machine of make run, MEMORY in MiB;'
	@echo '      auto (the best here: kvm, else qemu), kvm, qemu, bochs or bochs-amd'
	@echo '  RUN_OPTIONS=$(RUN_OPTIONS)   more for tools/run (see tools/run --help)'
	@echo '  T=$(T)   make unit: one program alone, such as test_plan'
	@echo '  FUZZ_SECONDS=$(FUZZ_SECONDS)   make fuzz: seconds for each target'
	@echo '  STRESS_MACHINES=$(STRESS_MACHINES)   make stress: where'
	@echo '  CC=$(CC) BUILD=$(BUILD)   gcc or clang; the folder for all that is made'
	@echo '  OPTIMIZE=$(OPTIMIZE)   how the kernel is optimised, its hot path aside'
	@echo '  KERNEL_EXTRA= KERNEL_LDFLAGS= UNIT_EXTRA=   more flags for compiler and linker'
	@echo '  CACHE=$(CACHE)   the folder of what is fetched; BULKHEAD_CACHE moves it for all tools'
	@echo '  SETUP=$(SETUP)   no: install no Debian packages, take what is there'
	@echo '  V=$(V)   1: show each command'

# ---- what this machine lacks ----------------------------------------------------------------------
# An included file is made before all else, and make then starts anew: so tools/setup has run before
# a compiler is called or looked for.
SETUP ?= yes
GOALS := $(or $(MAKECMDGOALS),all)
# Only who wants Bochs waits for it to be built.
WITH_BOCHS := $(if $(filter run,$(GOALS)),$(filter bochs%,$(EMULATOR)))
NEEDS := $(if $(filter-out clean help,$(GOALS)),build) \
         $(if $(filter run fetch test stress coverage bench,$(GOALS)),run) \
         $(if $(filter fetch test stress coverage bench,$(GOALS))$(WITH_BOCHS),bochs) \
         $(if $(filter test stress unit% fuzz% check coverage,$(GOALS)),test)
NEEDS := $(if $(filter yes,$(SETUP)),$(strip $(NEEDS)))

$(BUILD)/setup/%.mk: tools/setup
	@tools/setup $(NEEDS)
	@mkdir -p $(@D)
	@echo '# tools/setup $(NEEDS) has run' >$@

empty :=
ifneq ($(NEEDS),)
include $(BUILD)/setup/$(subst $(empty) $(empty),-,$(NEEDS)).mk
endif

# ---- what is made of what -------------------------------------------------------------------------
PURE_DIRS   := kernel/lib kernel/pci kernel/config kernel/acpi kernel/plan kernel/mm kernel/vdev \
               kernel/image kernel/console kernel/report arch/x86/model drivers/iommu
KERNEL_DIRS := kernel kernel/vm arch/x86/cpu arch/x86/vmx arch/x86/svm drivers

PURE_SRCS   := $(foreach dir,$(PURE_DIRS),$(sort $(wildcard $(dir)/*.c)))
KERNEL_SRCS := $(foreach dir,$(KERNEL_DIRS),$(sort $(wildcard $(dir)/*.c)))
# tools/coverage links another one of kernel/coverage_*.c.
COVERAGE    ?= none
KERNEL_SRCS := $(filter-out kernel/coverage_%.c,$(KERNEL_SRCS)) kernel/coverage_$(COVERAGE).c
KERNEL_ASMS := $(foreach dir,$(KERNEL_DIRS),$(sort $(wildcard $(dir)/*.asm)))

# The C library gives a host build these.
FREESTANDING_ONLY := kernel/lib/mem.c
HOST_SRCS := $(filter-out $(FREESTANDING_ONLY),$(PURE_SRCS))

# ---- flags ----------------------------------------------------------------------------------------
CLANG    := $(findstring clang,$(CC))
WARNINGS := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wcast-align -Wswitch-enum \
            -Wimplicit-fallthrough -Wformat=2 -Wunused
# clang does not know this one.
NULL_DEREFERENCE := -Wnull-dereference
COMMON   := -std=c17 -I. -I$(BUILD)/gen -g -MMD -MP $(WARNINGS) $(if $(CLANG),,$(NULL_DEREFERENCE))
# For size, which in clang's language is z. How large the kernel may get is a promise about gcc.
OPTIMIZE ?= $(if $(CLANG),-Oz,-Os)
KERNEL_LDFLAGS ?= $(if $(CLANG),--defsym=image_limit=0x3c000)
KERNEL_CFLAGS = $(COMMON) $(OPTIMIZE) -ffreestanding -fno-pic -fno-pie -mcmodel=kernel \
                -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
                -fno-omit-frame-pointer -momit-leaf-frame-pointer \
                -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
                -ffunction-sections -fdata-sections $(KERNEL_EXTRA)
KERNEL_LINK   = ld -nostdlib -static -z noexecstack -z max-page-size=4096 --gc-sections \
                $(KERNEL_LDFLAGS)
HOST_CFLAGS  := $(COMMON) -O2
SANITIZE     := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_CFLAGS  := $(COMMON) -O1 $(SANITIZE) $(UNIT_EXTRA)
FUZZ_CC      := clang
FUZZ_CFLAGS  := $(filter-out $(NULL_DEREFERENCE),$(COMMON)) -O1 -fsanitize=fuzzer,address,undefined \
                -fno-sanitize-recover=all

# $(call remember,NAME,TEXT): $(BUILD)/flags/NAME is new when TEXT is. What is made with these flags
# depends on it.
define remember
$(BUILD)/flags/$(1): FORCE
	@mkdir -p $$(@D)
	@echo '$(2)' | cmp -s - $$@ || echo '$(2)' >$$@
endef

all: $(BUILD)/bulkhead.efi $(BUILD)/host/check

# ---- kernel ---------------------------------------------------------------------------------------
KERNEL_C_OBJS := $(patsubst %.c,$(BUILD)/kernel/%.o,$(PURE_SRCS) $(KERNEL_SRCS))
KERNEL_OBJS   := $(KERNEL_C_OBJS) $(patsubst %.asm,$(BUILD)/kernel/%.asm.o,$(KERNEL_ASMS)) \
                 $(BUILD)/kernel/font.asm.o $(KERNEL_EXTRA_OBJS)
KERNEL_ELF    := $(BUILD)/kernel.elf

$(eval $(call remember,kernel,$(CC) $(KERNEL_CFLAGS)))
$(eval $(call remember,kernel-link,$(KERNEL_LINK) $(KERNEL_OBJS) $(KERNEL_LIBS)))

# Without these two the compiler turns the loops of memcpy() into calls of memcpy().
NO_MEMCPY_CALLS := -fno-builtin $(if $(CLANG),,-fno-tree-loop-distribute-patterns)
$(BUILD)/kernel/kernel/lib/mem.o: KERNEL_CFLAGS += $(NO_MEMCPY_CALLS)

# The way from an exit back to the guest is built for speed, all else for size.
HOT_SRCS := arch/x86/svm/exit.c arch/x86/svm/event.c arch/x86/vmx/vmx.c arch/x86/vmx/exit.c \
            arch/x86/vmx/event.c arch/x86/cpu/windows.c kernel/vm/vcpu.c kernel/vm/decode.c \
            kernel/vm/gmem.c kernel/vm/exit_cpuid.c kernel/vm/exit_msr.c kernel/vm/exit_io.c
$(HOT_SRCS:%.c=$(BUILD)/kernel/%.o): OPTIMIZE := -O2

$(KERNEL_C_OBJS): $(BUILD)/flags/kernel

$(BUILD)/kernel/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) -c $< -o $@

# nasm 2.16 forgets what a file includes when it writes dependencies beside the object (-MD).
ASM_NEEDS = $(NASM) -M -MP -MT $@ -MF $(@:.o=.d) -I ./ $<

$(BUILD)/kernel/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I ./ $< -o $@
	@$(ASM_NEEDS)

$(KERNEL_ELF): $(KERNEL_OBJS) linker.ld $(BUILD)/flags/kernel-link
	$(Q)$(KERNEL_LINK) -T linker.ld -o $@ $(KERNEL_OBJS) $(KERNEL_LIBS)

# ---- generated: the guest's DSDT and BIOS, and the screen's font --------------------------------------------
DSDT_HEX := $(addprefix $(BUILD)/gen/kernel/acpi/,guest_dsdt.hex guest_dsdt_pcie.hex)
$(BUILD)/gen/kernel/acpi/guest_dsdt_pcie.hex: IASLFLAGS := -D PCI_EXPRESS

$(DSDT_HEX): kernel/acpi/guest_dsdt.asl
	@mkdir -p $(@D)
	$(Q)$(IASL) -vs -va $(IASLFLAGS) -tc -p $(@:.hex=) $< > $(@:.hex=.log) 2>&1 || \
	    { cat $(@:.hex=.log); exit 1; }

$(BUILD)/gen/%.hex: %.nasm
	@mkdir -p $(@D)
	$(Q)$(NASM) -f bin $< -o $(@:.hex=.bin)
	@od -An -v -tx1 $(@:.hex=.bin) | sed 's/ \(..\)/0x\1,/g' >$@

# Whatever is compiled from guest_dsdt.c or bios.c includes what is generated.
BIOS_HEX := $(BUILD)/gen/kernel/image/bios.hex
$(foreach kind,kernel host boot fuzz unit-$(notdir $(CC)),\
    $(BUILD)/$(kind)/kernel/image/bios.o): $(BIOS_HEX)
$(foreach kind,kernel host boot fuzz unit-$(notdir $(CC)),\
    $(BUILD)/$(kind)/kernel/acpi/guest_dsdt.o): $(DSDT_HEX)

$(CACHE)/font.psf:
	@tools/fetch-font

$(BUILD)/kernel/font.asm.o: drivers/font.nasm $(CACHE)/font.psf
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -I $(CACHE)/ $< -o $@

# ---- boot half ------------------------------------------------------------------------------------
include boot/rules.mk

$(eval $(call remember,boot,$(CC) $(BOOT_CFLAGS)))
$(eval $(call remember,boot-link,$(GNU_EFI_LIB) $(BOOT_OBJS) $(BOOT_LIB_OBJS)))
$(filter-out %.asm.o,$(BOOT_OBJS)) $(BOOT_LIB_OBJS): $(BUILD)/flags/boot
$(BUILD)/boot/bulkhead.so: $(BUILD)/flags/boot-link

# ---- host tools -----------------------------------------------------------------------------------
HOST_OBJS := $(patsubst %.c,$(BUILD)/host/%.o,$(HOST_SRCS) tools/check.c tools/check_hardware.c)

$(eval $(call remember,host,$(CC) $(HOST_CFLAGS) $(HOST_OBJS)))

$(HOST_OBJS): $(BUILD)/flags/host

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -c $< -o $@

$(BUILD)/host/check: $(HOST_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) $(HOST_OBJS) -o $@

# The planner's time for large machines, printed.
PLAN_SCALE_OBJS := $(patsubst %.c,$(BUILD)/host/%.o,$(HOST_SRCS) tests/bench/plan_scale.c)

$(BUILD)/host/tests/bench/plan_scale.o: $(BUILD)/flags/host

$(BUILD)/host/plan_scale: $(PLAN_SCALE_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) $(PLAN_SCALE_OBJS) -o $@

plan-scale: $(BUILD)/host/plan_scale
	@$<

IOMMU_SETUP_OBJS := $(addprefix $(BUILD)/host/,tests/bench/iommu_setup.o kernel/mm/pagetable.o \
                                               kernel/mm/pagetable_vtd.o kernel/mm/pagetable_amdvi.o)

$(IOMMU_SETUP_OBJS): $(BUILD)/flags/host

$(BUILD)/host/iommu_setup: $(IOMMU_SETUP_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) $(IOMMU_SETUP_OBJS) -o $@

iommu-setup: $(BUILD)/host/iommu_setup
	@$<

# The decoder's side of tests/decoder/compare.
LIST_OBJS := $(addprefix $(BUILD)/host/,tests/decoder/list.o arch/x86/model/insn.o \
                                        arch/x86/model/insn_table.o)

$(LIST_OBJS): $(BUILD)/flags/host

$(BUILD)/host/list: $(LIST_OBJS)
	$(Q)$(CC) $(HOST_CFLAGS) $^ -o $@

# ---- unit tests -----------------------------------------------------------------------------------
UNIT_DIR   := $(BUILD)/unit-$(notdir $(CC))
UNIT_OBJS  := $(patsubst %.c,$(UNIT_DIR)/%.o,$(HOST_SRCS) $(wildcard drivers/screen.c))
UNIT_NAMES := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_TESTS := $(UNIT_NAMES:%=$(UNIT_DIR)/%)

$(eval $(call remember,unit-$(notdir $(CC)),$(CC) $(UNIT_CFLAGS) $(UNIT_OBJS)))

$(UNIT_OBJS) $(UNIT_NAMES:%=$(UNIT_DIR)/tests/unit/%.o): $(BUILD)/flags/unit-$(notdir $(CC))

$(UNIT_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) -c $< -o $@

$(UNIT_DIR)/test_%: $(UNIT_DIR)/tests/unit/test_%.o $(UNIT_DIR)/libpure.a
	$(Q)$(CC) $(UNIT_CFLAGS) $^ -lcmocka -o $@

$(UNIT_DIR)/libpure.a: $(UNIT_OBJS)
	@rm -f $@
	$(Q)ar rcs $@ $^

unit-programs: $(UNIT_TESTS)

unit: $(if $(T),$(UNIT_DIR)/$(T),$(UNIT_TESTS))
	@for test in $^; do $$test || exit 1; done

# ---- fuzzing --------------------------------------------------------------------------------------
FUZZ_SECONDS ?= 300
FUZZ_NAMES   := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_TARGETS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)
FUZZ_OBJS    := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(HOST_SRCS))

$(eval $(call remember,fuzz,$(FUZZ_CC) $(FUZZ_CFLAGS) $(FUZZ_OBJS)))

$(FUZZ_OBJS) $(FUZZ_NAMES:%=$(BUILD)/fuzz/tests/fuzz/%.o): $(BUILD)/flags/fuzz

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -c $< -o $@

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/tests/fuzz/fuzz_%.o $(BUILD)/fuzz/libpure.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $^ -o $@

$(BUILD)/fuzz/libpure.a: $(FUZZ_OBJS)
	@rm -f $@
	$(Q)ar rcs $@ $^

fuzz-programs: $(FUZZ_TARGETS)

fuzz: $(FUZZ_TARGETS)
	@tools/fuzz --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# ---- guests of the system tests -------------------------------------------------------------------
include tests/guests/rules.mk

# ---- a run in the emulator ------------------------------------------------------------------------
DEMO   := $(BUILD)/demo/bulkhead.conf
CONFIG ?= $(DEMO)
# The demo's image also shows how to make a stick of it; tools/run makes one of any other config.
RUN    := $(if $(filter $(DEMO),$(CONFIG)),$(BUILD)/demo.img,$(CONFIG))

run: all $(if $(WITH_BOCHS),$(CACHE)/bochs.ready) $(filter $(BUILD)/demo.img,$(RUN))
	@echo 'Starting $(RUN); its firmware is silent for some seconds.'
	@echo 'Keys: Ctrl-A 1 or 2 types into that guest, a shows all, s statistics, h help, x ends.'
	@tools/run --emulator $(EMULATOR) --cpus $(CPUS) --memory $(MEMORY) $(RUN_OPTIONS) $(RUN)

# What make run and the tests need besides packages and what is built here.
fetch: $(CACHE)/bochs.ready $(CACHE)/guest/vmlinuz $(CACHE)/guest/initrd.gz

$(CACHE)/bochs.ready: tools/fetch-bochs
	@tools/fetch-bochs
	@touch $@

$(CACHE)/guest/vmlinuz:
	@tools/fetch-kernel

$(CACHE)/guest/initrd.gz: tools/mkinitrd tools/guest-init
	@tools/mkinitrd

$(DEMO): tests/data/demo.conf
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(BUILD)/demo/%: $(CACHE)/guest/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

$(BUILD)/demo.img: $(DEMO) $(BUILD)/demo/vmlinuz $(BUILD)/demo/initrd.gz $(BUILD)/bulkhead.efi \
                   $(BUILD)/host/check tools/mkimage tools/esp.py
	@BULKHEAD_BUILD=$(BUILD) tools/mkimage $< $@

# ---- everything else is a script ------------------------------------------------------------------
test:
	@tests/run

# Not part of the tests: some 10 minutes for each machine.
STRESS_MACHINES ?= bochs bochs-amd qemu

stress: all guests fetch
	@for machine in $(STRESS_MACHINES); do \
	    /usr/bin/python3 -B -m pytest -q -s -p no:cacheprovider --machine $$machine \
	        tests/system/stress.py || exit 1; done

check: all
	@tools/check-layers --objects $(BUILD)/kernel
	@tools/check-style

bench: all guests fetch $(BUILD)/host/iommu_setup
	@tools/bench

coverage: fetch
	@tools/coverage

clean:
	rm -rf $(BUILD)

-include $(shell find $(wildcard $(addprefix $(BUILD)/,kernel boot host guests fuzz unit-*)) \
                 -name '*.d' 2>/dev/null)

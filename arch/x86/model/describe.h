/* SPDX-License-Identifier: MIT */
/* What a processor offers for guests, in one line for people. Pure. */
#ifndef BULKHEAD_ARCH_X86_MODEL_DESCRIBE_H
#define BULKHEAD_ARCH_X86_MODEL_DESCRIBE_H

#include "arch/x86/model/controls.h"
#include "arch/x86/model/svm_caps.h"
#include <stddef.h>

/* "AMD-V: nested paging, 1 GiB pages, no NRIP save, ..."; cut off where it does not fit. */
void svm_caps_describe(const struct svm_caps *caps, char *text, size_t size);

/* "VT-x: EPT, 2 MiB pages, no VPID, ..." */
void vmx_caps_describe(const struct vmx_caps *caps, char *text, size_t size);

/* The processor's name of itself (Fn8000_0002 and on), blanks in front left out; "" if it has none.
 */
#define CPUID_BRAND_SIZE 49
void cpuid_brand(const struct cpuid_source *cpuid, char text[CPUID_BRAND_SIZE]);

#endif

/* SPDX-License-Identifier: MIT */
/* The MSI and MSI-X capabilities of vfunction.h, which alone includes this. */
#ifndef BULKHEAD_KERNEL_VDEV_VFUNCTION_MSI_H
#define BULKHEAD_KERNEL_VDEV_VFUNCTION_MSI_H

#include "kernel/vdev/vfunction.h"

/* A doubleword; `real` is what the device says. */
uint32_t vfunction_msi_read(const struct vfunction *v, uint32_t reg, uint32_t real);
uint32_t vfunction_msix_read(const struct vfunction *v, uint32_t real);

/* The bits `mask` of a doubleword. */
enum vfunction_news vfunction_msi_write(struct vfunction *v, uint32_t reg, uint32_t value,
                                        uint32_t mask);
enum vfunction_news vfunction_msix_write(struct vfunction *v, uint32_t value, uint32_t mask);

#endif

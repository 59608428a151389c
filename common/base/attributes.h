/* SPDX-License-Identifier: MIT */
/* What a declaration tells the compiler beyond its type. Pure. */
#ifndef WEIR_COMMON_BASE_ATTRIBUTES_H
#define WEIR_COMMON_BASE_ATTRIBUTES_H

/* The result says whether it worked: a caller that drops it is a warning. */
#define WEIR_MUST_CHECK __attribute__((warn_unused_result))

#endif

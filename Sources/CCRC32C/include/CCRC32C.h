#ifndef CCRC32C_H
#define CCRC32C_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `count` bytes, continuing from `crc` (0 to begin).
uint32_t meterfold_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same by table alone: the portable path, exported so that tests can hold both against each other.
uint32_t meterfold_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

#endif

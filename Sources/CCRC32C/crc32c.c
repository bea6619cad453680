#include "CCRC32C.h"

#include <string.h>

static uint32_t table[256];
static int table_ready;

__attribute__((constructor)) static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = (c & 1) ? 0x82F63B78u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    table_ready = 1;
}

uint32_t meterfold_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    if (!table_ready) make_table();
    crc = ~crc;
    while (count--) crc = table[(crc ^ *p++) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// The instruction takes a word each cycle but answers after three: long inputs are taken as three lanes side by side.
// A lane's checksum is carried over the lanes behind it by what as many zero bytes make of it, which is linear: a table
// for each of its four bytes.
enum { lane_bytes = 1024 };
static uint32_t over_lane[4][256];

__attribute__((target("sse4.2"))) static void make_lane_tables(void) {
    uint32_t of_bit[32];
    for (int bit = 0; bit < 32; bit++) {
        uint64_t c = 1u << bit;
        for (int word = 0; word < lane_bytes / 8; word++) c = _mm_crc32_u64(c, 0);
        of_bit[bit] = (uint32_t)c;
    }
    for (int byte = 0; byte < 4; byte++) {
        for (int value = 0; value < 256; value++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++) sum ^= (value >> bit & 1) ? of_bit[8 * byte + bit] : 0;
            over_lane[byte][value] = sum;
        }
    }
}

__attribute__((constructor)) static void make_lane_tables_if_used(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2")) make_lane_tables();
}

static uint64_t past_lane(uint64_t c) {
    return over_lane[0][c & 0xFF] ^ over_lane[1][c >> 8 & 0xFF] ^ over_lane[2][c >> 16 & 0xFF]
        ^ over_lane[3][c >> 24 & 0xFF];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = bytes;
    uint64_t c = (uint32_t)~crc;
    for (; count >= 3 * lane_bytes; count -= 3 * lane_bytes, p += 3 * lane_bytes) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < lane_bytes; i += 8) {
            uint64_t a, b, d;
            memcpy(&a, p + i, 8);
            memcpy(&b, p + lane_bytes + i, 8);
            memcpy(&d, p + 2 * lane_bytes + i, 8);
            c = _mm_crc32_u64(c, a);
            second = _mm_crc32_u64(second, b);
            third = _mm_crc32_u64(third, d);
        }
        c = past_lane(past_lane(c) ^ second) ^ third;
    }
    for (; count >= 8; count -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    uint32_t c32 = (uint32_t)c;
    while (count--) c32 = _mm_crc32_u8(c32, *p++);
    return ~c32;
}

uint32_t meterfold_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, bytes, count)
                                            : meterfold_crc32c_portable(crc, bytes, count);
}
#else
uint32_t meterfold_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return meterfold_crc32c_portable(crc, bytes, count);
}
#endif

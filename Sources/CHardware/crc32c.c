#include "chardware.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

int chw_has_crc32c(void) {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

// Three independent lanes hide the three-cycle latency of the crc32 instruction. A lane's result is
// moved over the n bytes behind it by a carry-less multiplication with x^(8n - 33) mod P (bits
// reflected); the constants are checked against the table-driven twin in VarveBytesTests.
enum { LONG_LANE = 1344, SHORT_LANE = 168 };
static const uint32_t long_over_two = 0x889774e1;    // n = 2 * 1344
static const uint32_t long_over_one = 0xc9c8b782;    // n = 1344
static const uint32_t short_over_two = 0xa60ce07b;   // n = 2 * 168
static const uint32_t short_over_one = 0x1b3d8f29;   // n = 168

__attribute__((target("sse4.2,pclmul")))
static inline uint32_t shifted(uint32_t crc, uint32_t constant) {
    __m128i product = _mm_clmulepi64_si128(
        _mm_cvtsi32_si128((int)crc), _mm_cvtsi32_si128((int)constant), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2")))
static inline uint64_t step(uint64_t crc, const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return _mm_crc32_u64(crc, word);
}

__attribute__((target("sse4.2,pclmul")))
static inline uint32_t three_lanes(
    uint32_t crc, const uint8_t *bytes, size_t lane, uint32_t over_two, uint32_t over_one) {
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < lane; i += 8) {
        a = step(a, bytes + i);
        b = step(b, bytes + lane + i);
        c = step(c, bytes + 2 * lane + i);
    }
    return shifted((uint32_t)a, over_two) ^ shifted((uint32_t)b, over_one) ^ (uint32_t)c;
}

__attribute__((target("sse4.2,pclmul")))
uint32_t chw_crc32c(uint32_t crc, const void *start, size_t length) {
    const uint8_t *bytes = start;
    crc = ~crc;
    while (length >= 3 * LONG_LANE) {
        crc = three_lanes(crc, bytes, LONG_LANE, long_over_two, long_over_one);
        bytes += 3 * LONG_LANE;
        length -= 3 * LONG_LANE;
    }
    while (length >= 3 * SHORT_LANE) {
        crc = three_lanes(crc, bytes, SHORT_LANE, short_over_two, short_over_one);
        bytes += 3 * SHORT_LANE;
        length -= 3 * SHORT_LANE;
    }
    uint64_t wide = crc;
    for (; length >= 8; bytes += 8, length -= 8) wide = step(wide, bytes);
    crc = (uint32_t)wide;
    for (; length > 0; bytes++, length--) crc = _mm_crc32_u8(crc, *bytes);
    return ~crc;
}

#else
int chw_has_crc32c(void) { return 0; }
uint32_t chw_crc32c(uint32_t crc, const void *bytes, size_t length) {
    (void)bytes; (void)length;
    return crc;
}
#endif

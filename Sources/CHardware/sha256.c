#include "chardware.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

int chw_has_sha256(void) {
    if (getenv("VARVE_PORTABLE_SHA256")) return 0;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    int sha_instructions = (int)((b >> 29) & 1);
    return sha_instructions && __builtin_cpu_supports("sse4.1");
}

// The sha256rnds2 instruction keeps the state as two vectors, ABEF and CDGH, and does two rounds a
// call; sha256msg1 and sha256msg2 extend the message schedule four words at a time.
struct state { __m128i abef, cdgh; };

#define SHA __attribute__((target("sha,sse4.1"), always_inline)) static inline

SHA struct state load(const uint32_t words[8]) {
    __m128i dcba = _mm_loadu_si128((const __m128i *)&words[0]);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)&words[4]);
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    struct state state = {
        _mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
    return state;
}

SHA void store(struct state state, uint32_t words[8]) {
    __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)&words[0], _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)&words[4], _mm_alignr_epi8(dchg, feba, 8));
}

// Four rounds; `group` counts them, and is a constant wherever this is unrolled.
SHA void rounds(struct state *state, __m128i schedule[4], const uint8_t *block, int group) {
    const __m128i byte_swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i words;
    if (group < 4) {
        words = _mm_shuffle_epi8(
            _mm_loadu_si128((const __m128i *)(block + 16 * group)), byte_swap);
    } else {
        __m128i back16 = schedule[group & 3], back12 = schedule[(group + 1) & 3];
        __m128i back8 = schedule[(group + 2) & 3], back4 = schedule[(group + 3) & 3];
        words = _mm_sha256msg1_epu32(back16, back12);
        words = _mm_add_epi32(words, _mm_alignr_epi8(back4, back8, 4));
        words = _mm_sha256msg2_epu32(words, back4);
    }
    schedule[group & 3] = words;
    __m128i keyed = _mm_add_epi32(
        words, _mm_load_si128((const __m128i *)&round_constants[4 * group]));
    state->cdgh = _mm_sha256rnds2_epu32(state->cdgh, state->abef, keyed);
    state->abef = _mm_sha256rnds2_epu32(
        state->abef, state->cdgh, _mm_shuffle_epi32(keyed, 0x0e));
}

SHA void add(struct state *state, struct state before) {
    state->abef = _mm_add_epi32(state->abef, before.abef);
    state->cdgh = _mm_add_epi32(state->cdgh, before.cdgh);
}

__attribute__((target("sha,sse4.1")))
void chw_sha256_blocks(uint32_t words[8], const void *blocks, size_t count) {
    const uint8_t *block = blocks;
    struct state state = load(words);
    for (; count > 0; count--, block += 64) {
        const struct state before = state;
        __m128i schedule[4];
#pragma unroll
        for (int group = 0; group < 16; group++) rounds(&state, schedule, block, group);
        add(&state, before);
    }
    store(state, words);
}

__attribute__((target("sha,sse4.1")))
void chw_sha256_blocks_of_two(
    uint32_t one[8], const void *blocks, uint32_t other[8], const void *other_blocks,
    size_t count) {
    const uint8_t *block = blocks, *other_block = other_blocks;
    struct state state = load(one), other_state = load(other);
    for (; count > 0; count--, block += 64, other_block += 64) {
        const struct state before = state, other_before = other_state;
        __m128i schedule[4], other_schedule[4];
#pragma unroll
        for (int group = 0; group < 16; group++) {
            rounds(&state, schedule, block, group);
            rounds(&other_state, other_schedule, other_block, group);
        }
        add(&state, before);
        add(&other_state, other_before);
    }
    store(state, one);
    store(other_state, other);
}

#else
int chw_has_sha256(void) { return 0; }
void chw_sha256_blocks(uint32_t state[8], const void *blocks, size_t count) {
    (void)state; (void)blocks; (void)count;
}
void chw_sha256_blocks_of_two(
    uint32_t one[8], const void *blocks, uint32_t other[8], const void *other_blocks,
    size_t count) {
    (void)one; (void)blocks; (void)other; (void)other_blocks; (void)count;
}
#endif

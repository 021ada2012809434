// Vectors of ELMO_LANES floats, 8 or 16, and the types that kernels read and write; shared by all of them.
//
// Layouts: "tokens" is (batch, length, inner); "heads" is (batch, heads, length, width) with inner = heads * width;
// "up" is (batch, length, 2 * inner), the cell's input beside the output gate. Activations are of one type, Value:
// float32, or bf16 if ELMO_BF16 is 1. All is computed in float32; weights, gates, sums and states are float32, too.
// Widths are multiples of ELMO_LANES.

#pragma once

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

constexpr int LANES = ELMO_LANES;
constexpr int TAPS = 4;
constexpr int BLOCK = 4;
constexpr float NORM_EPSILON = 1e-5f;

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

struct Bf16 {
    uint16_t bits;
};

#if ELMO_BF16
typedef Bf16 Value;
#else
typedef float Value;
#endif

inline Lanes load(const float* from) {
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

inline Lanes load_some(const float* from, int count) {
    Lanes lanes = {};
    std::memcpy(&lanes, from, count * sizeof(float));
    return lanes;
}

inline void store(float* to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }

inline void store_some(float* to, Lanes lanes, int count) { std::memcpy(to, &lanes, count * sizeof(float)); }

inline Lanes widened(Halves halves) {
    const Words words = __builtin_convertvector(halves, Words) << 16;
    Lanes lanes;
    std::memcpy(&lanes, &words, sizeof lanes);
    return lanes;
}

// To the nearest, ties to even.
inline Halves rounded(Lanes lanes) {
#if ELMO_LANES == 16 && defined(__AVX512BF16__)
    const __m256bh halves = _mm512_cvtneps_pbh((__m512)lanes);
    Halves result;
    std::memcpy(&result, &halves, sizeof result);
    return result;
#else
    Words words;
    std::memcpy(&words, &lanes, sizeof words);
    const Words nearest = (words + 0x7fff + ((words >> 16) & 1)) >> 16;
    return __builtin_convertvector(lanes != lanes ? Words{} + 0x7fc0 : nearest, Halves);
#endif
}

inline Lanes load(const Bf16* from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    return widened(halves);
}

inline Lanes load_some(const Bf16* from, int count) {
    Halves halves = {};
    std::memcpy(&halves, from, count * sizeof(Bf16));
    return widened(halves);
}

inline void store(Bf16* to, Lanes lanes) {
    const Halves halves = rounded(lanes);
    std::memcpy(to, &halves, sizeof halves);
}

inline void store_some(Bf16* to, Lanes lanes, int count) {
    const Halves halves = rounded(lanes);
    std::memcpy(to, &halves, count * sizeof(Bf16));
}

inline Lanes all(float value) { return Lanes{} + value; }

inline float sum(Lanes lanes) {
    float total = 0;
    for (int i = 0; i < LANES; ++i) total += lanes[i];
    return total;
}

// exp by the polynomial of Cephes; below -87 it is zero.
inline Lanes exponential(Lanes x) {
    const Lanes least = all(-87.0f), most = all(88.0f), magic = all(12582912.0f);
    const Lanes bounded = x < least ? least : (x > most ? most : x);
    const Lanes shifted = bounded * 1.44269504088896341f + magic;  // its low bits are the rounded exponent
    const Lanes exponent = shifted - magic;
    const Lanes r = (bounded - exponent * 0.693359375f) - exponent * -2.12194440e-4f;
    Lanes y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * (r * r) + r + 1.0f;
    Ints bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3f800000;
    Lanes scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return x < least ? Lanes{} : y * scale;
}

inline Lanes sigmoid(Lanes x) { return 1.0f / (1.0f + exponential(-x)); }

// The positions of a row of scores up to its own, in lanes.
template <typename Step>
inline void each_lanes(int64_t count, Step step) {
    int64_t at = 0;
    for (; at + LANES <= count; at += LANES) step(at, LANES);
    if (at < count) step(at, static_cast<int>(count - at));
}

// The same by several threads.
template <typename Step>
inline void in_lanes(int64_t count, int threads, Step step) {
    const int64_t whole = count / LANES * LANES;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < whole; at += LANES) step(at, LANES);
    if (whole < count) step(whole, static_cast<int>(count - whole));
}

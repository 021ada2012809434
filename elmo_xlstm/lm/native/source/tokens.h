// What both passes over a layer's tokens share: block-diagonal products and the causal convolution.
//
// Block-diagonal matrices of 4 x 4 blocks are (4, inner): row j holds, for every output channel, the weight of the j-th
// input of its block, and the transposed ones, for every input channel, that of the j-th output. Convolutions have four
// taps, the last at the token itself.

#pragma once

#include "lanes.h"

// The j-th value of each block of four, in all four places.
template <int j>
inline Lanes spread(Lanes x) {
#if ELMO_LANES == 16 && defined(__AVX512F__)
    return (Lanes)_mm512_permute_ps((__m512)x, j * 0x55);  // GCC 12 moves floats one by one for the general form
#elif ELMO_LANES == 8 && defined(__AVX__)
    return (Lanes)_mm256_permute_ps((__m256)x, j * 0x55);
#elif ELMO_LANES == 16
    return __builtin_shufflevector(x, x, j, j, j, j, j + 4, j + 4, j + 4, j + 4, j + 8, j + 8, j + 8, j + 8, j + 12,
                                   j + 12, j + 12, j + 12);
#else
    return __builtin_shufflevector(x, x, j, j, j, j, j + 4, j + 4, j + 4, j + 4);
#endif
}

inline Lanes block_product(Lanes x, const float* weight, int64_t inner) {
    return spread<0>(x) * load(weight) + spread<1>(x) * load(weight + inner) + spread<2>(x) * load(weight + 2 * inner) +
           spread<3>(x) * load(weight + 3 * inner);
}

// Rows of the tokens that the convolution at a position reads: before the first those of tokens before, else zeros.
struct Window {
    const Value* row[TAPS];
    Window(const Value* sequence, int64_t position, int64_t stride, const Value* before, int64_t before_stride) {
        for (int tap = 0; tap < TAPS; ++tap) {
            const int64_t at = position - (TAPS - 1) + tap;
            row[tap] = at < 0 ? before + (at + TAPS - 1) * before_stride : sequence + at * stride;
        }
    }
    Lanes convolve(const float* taps, const float* bias, int64_t inner, int64_t column) const {
        Lanes total = load(bias + column);
        for (int tap = 0; tap < TAPS; ++tap) total += load(taps + tap * inner + column) * load(row[tap] + column);
        return total;
    }
};

// What passes from one chunk of a long sequence to the next: a memory (sequences, width, width) and a normalizer
// (sequences, width), both float32 and scaled by exp(-maximum) at the end of the chunk.
//
// All pointers but those to memories, normalizers and carried rows begin at the chunk; sequences follow each other after
// length rows. weight and running count from the maximum at the end of the chunk before: what that has written is
// exp(-running[t]) of its size at row t.

#include "lanes.h"

namespace {

inline float exponential_of(float x) { return exponential(all(x))[0]; }

// For sums that pass through a whole chunk.
inline void scale(float* values, int64_t count, float factor) {
    for (int64_t e = 0; e < count; e += LANES) store(values + e, load(values + e) * factor);
}

}  // namespace

extern "C" {

// carried = queries, scaled and decayed, with which a product reads the memory; denominators grow by what they read of
// the normalizer.
void elmo_carry_queries(int64_t sequences, int64_t length, int64_t rows, int64_t width, float size,
                        const float* running, const float* normalizers, const Value* queries, Value* carried,
                        float* denominators, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        const float* normalizer = normalizers + sequence * width;
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = sequence * length + row;
            const float factor = exponential_of(-running[at]) * size;
            Lanes total = {};
            for (int64_t e = 0; e < width; e += LANES) {
                const Lanes query = load(queries + at * width + e) * factor;
                store(carried + (sequence * rows + row) * width + e, query);
                total += query * load(normalizer + e);
            }
            denominators[at] += sum(total);
        }
    }
}

// carried = keys, decayed up to the end of the chunk, of which a product adds to memories; these are decayed here, and
// normalizers become those after the chunk.
void elmo_carry_keys(int64_t sequences, int64_t length, int64_t rows, int64_t width, const float* weight,
                     const float* running, const Value* keys, Value* carried, float* memories, float* normalizers,
                     int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        float* normalizer = normalizers + sequence * width;
        const float last = running[sequence * length + rows - 1], decay = exponential_of(-last);
        scale(memories + sequence * width * width, width * width, decay);
        scale(normalizer, width, decay);
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = sequence * length + row;
            const float factor = exponential_of(weight[at] - last);
            for (int64_t e = 0; e < width; e += LANES) {
                const Lanes key = load(keys + at * width + e) * factor;
                store(carried + (sequence * rows + row) * width + e, key);
                store(normalizer + e, load(normalizer + e) + key);
            }
        }
    }
}

// read holds the products of the numerators' gradients with the memory. grad_queries and grad_rows grow; carried are as
// in the forward pass; grad_memories are decayed and grad_normalizers become those of the state before the chunk.
void elmo_carry_queries_backward(int64_t sequences, int64_t length, int64_t rows, int64_t width, float size,
                                 const float* running, const float* normalizers, const Value* queries,
                                 const Value* read, const float* grad_denominators, Value* carried, Value* grad_queries,
                                 float* grad_rows, float* grad_memories, float* grad_normalizers, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        const float* normalizer = normalizers + sequence * width;
        float* grad_normalizer = grad_normalizers + sequence * width;
        const float decay = exponential_of(-running[sequence * length + rows - 1]);
        scale(grad_memories + sequence * width * width, width * width, decay);
        scale(grad_normalizer, width, decay);
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = sequence * length + row, here = (sequence * rows + row) * width;
            const float factor = exponential_of(-running[at]) * size, of_sum = grad_denominators[at];
            Lanes total = {};
            for (int64_t e = 0; e < width; e += LANES) {
                const Lanes query = load(queries + at * width + e);
                const Lanes grad = (load(read + here + e) + load(normalizer + e) * of_sum) * factor;
                store(carried + here + e, query * factor);
                store(grad_queries + at * width + e, load(grad_queries + at * width + e) + grad);
                store(grad_normalizer + e, load(grad_normalizer + e) + query * (factor * of_sum));
                total += query * grad;
            }
            grad_rows[at] += sum(total);
        }
    }
}

// written holds the products of values with the gradient of the memory after the chunk. grad_keys and grad_exponents
// grow; carried are as in the forward pass.
void elmo_carry_keys_backward(int64_t sequences, int64_t length, int64_t rows, int64_t width, const float* weight,
                              const float* running, const Value* keys, const Value* written,
                              const float* grad_normalizers, Value* carried, Value* grad_keys, float* grad_exponents,
                              int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        const float last = running[sequence * length + rows - 1];
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t at = sequence * length + row, here = (sequence * rows + row) * width;
            const float factor = exponential_of(weight[at] - last);
            Lanes total = {};
            for (int64_t e = 0; e < width; e += LANES) {
                const Lanes key = load(keys + at * width + e);
                const Lanes grad = (load(written + here + e) + load(grad_normalizers + sequence * width + e)) * factor;
                store(carried + here + e, key * factor);
                store(grad_keys + at * width + e, load(grad_keys + at * width + e) + grad);
                total += key * grad;
            }
            grad_exponents[at] += sum(total);
        }
    }
}

}  // extern "C"

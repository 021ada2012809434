// What an mLSTM layer does besides matrix products, in float32 on a CPU; called by layer.py.
//
// Layouts: "tokens" is (batch, length, inner); "heads" is (batch, heads, length, width) with inner = heads * width;
// "up" is (batch, length, 2 * inner), the cell's input beside the output gate. Block-diagonal matrices of 4 x 4 blocks
// are (4, inner): row j holds, for every output channel, the weight of the j-th input of its block, and the transposed
// ones, for every input channel, that of the j-th output. Convolutions have four taps, the last at the token itself.
// Sums over tokens are made by one thread per column, or in one buffer per thread: equal thread counts, equal results.
// ELMO_LANES floats, 8 or 16, are computed at once; widths are multiples of it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

constexpr int LANES = ELMO_LANES;
constexpr int TAPS = 4;
constexpr int BLOCK = 4;
constexpr int TILE_TOKENS = 16;   // of the forward pass: weights of a tile of columns are read once for these
constexpr int TILE_COLUMNS = 128;
constexpr int STEP_TOKENS = 4;  // of the backward pass: sums over tokens are read and written once for these
constexpr float CELL_EPSILON = 1e-6f;
constexpr float NORM_EPSILON = 1e-5f;

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));

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

// The j-th value of each block of four, in all four places.
template <int j>
inline Lanes spread(Lanes x) {
#if ELMO_LANES == 16
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

struct Shape {
    int64_t batch, length, heads, width;
    int64_t inner() const { return heads * width; }
};

// Rows of the tokens that the convolution at a position reads, with zeros before the first.
struct Window {
    const float* row[TAPS];
    Window(const float* sequence, int64_t position, int64_t stride, const float* zeros) {
        for (int tap = 0; tap < TAPS; ++tap) {
            const int64_t at = position - (TAPS - 1) + tap;
            row[tap] = at < 0 ? zeros : sequence + at * stride;
        }
    }
    Lanes convolve(const float* taps, const float* bias, int64_t inner, int64_t column) const {
        Lanes total = load(bias + column);
        for (int tap = 0; tap < TAPS; ++tap) total += load(taps + tap * inner + column) * load(row[tap] + column);
        return total;
    }
};

template <int GATES>
void mix_forward(Shape shape, const float* up, const float* taps, const float* conv_bias, const float* query,
                 const float* key, const float* value, const float* gate_weight, const float* gate_bias,
                 float* convolved, float* queries, float* keys, float* values, float* gates, int threads) {
    const int64_t inner = shape.inner(), width = shape.width, length = shape.length;
    const int64_t tiles = (length + TILE_TOKENS - 1) / TILE_TOKENS;
    const std::vector<float> zeros(inner, 0.0f);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t b = 0; b < shape.batch; ++b) {
        for (int64_t tile = 0; tile < tiles; ++tile) {
            const float* sequence = up + b * length * 2 * inner;
            const int64_t start = tile * TILE_TOKENS, count = std::min<int64_t>(TILE_TOKENS, length - start);
            Lanes sums[TILE_TOKENS][GATES] = {};
            for (int64_t head = 0; head < shape.heads; ++head) {
                for (int64_t from = 0; from < width; from += TILE_COLUMNS) {
                    const int64_t to = std::min<int64_t>(width, from + TILE_COLUMNS);
                    for (int64_t token = 0; token < count; ++token) {
                        const int64_t position = start + token;
                        const Window window(sequence, position, 2 * inner, zeros.data());
                        const int64_t in_heads = ((b * shape.heads + head) * length + position) * width;
                        float* convolved_row = convolved + (b * length + position) * inner;
                        Lanes total[GATES];
                        for (int g = 0; g < GATES; ++g) total[g] = sums[token][g];
                        for (int64_t e = from; e < to; e += LANES) {
                            const int64_t column = head * width + e;
                            const Lanes before = window.convolve(taps, conv_bias, inner, column);
                            const Lanes c = before * sigmoid(before), x = load(window.row[TAPS - 1] + column);
                            const Lanes q = block_product(c, query + column, inner);
                            const Lanes k = block_product(c, key + column, inner);
                            const Lanes v = block_product(x, value + column, inner);
                            store(convolved_row + column, c);
                            store(queries + in_heads + e, q);
                            store(keys + in_heads + e, k);
                            store(values + in_heads + e, v);
                            for (int g = 0; g < GATES; ++g) {
                                const float* weight = gate_weight + g * 3 * inner + column;
                                total[g] += load(weight) * q + load(weight + inner) * k + load(weight + 2 * inner) * v;
                            }
                        }
                        for (int g = 0; g < GATES; ++g) sums[token][g] = total[g];
                    }
                }
            }
            for (int64_t token = 0; token < count; ++token)
                for (int g = 0; g < GATES; ++g)
                    gates[(b * GATES + g) * length + start + token] = gate_bias[g] + sum(sums[token][g]);
        }
    }
}

template <int GATES>
struct ColumnSums {
    Lanes taps[TAPS], bias, query[BLOCK], key[BLOCK], value[BLOCK], gates[3][GATES];
};

inline void add_outer(Lanes (&sums)[BLOCK], Lanes grad, Lanes input) {
    sums[0] += grad * spread<0>(input);
    sums[1] += grad * spread<1>(input);
    sums[2] += grad * spread<2>(input);
    sums[3] += grad * spread<3>(input);
}

// grad_gates is (batch, length, GATES). Overwrites the first half of every row of grad_up.
template <int GATES>
void mix_backward(Shape shape, const float* up, const float* taps, const float* conv_bias, const float* query,
                  const float* key, const float* value, const float* query_back, const float* key_back,
                  const float* value_back, const float* gate_weight, const float* grad_queries, const float* grad_keys,
                  const float* grad_values, const float* grad_gates, const float* grad_convolved, float* grad_up,
                  float* grad_taps, float* grad_bias, float* grad_query, float* grad_key, float* grad_value,
                  float* grad_gate_weight, int threads) {
    const int64_t inner = shape.inner(), width = shape.width, length = shape.length;
    // Memory is read best in long rows: a thread takes a whole head, or a part of one if there are more threads.
    const int64_t parts = std::min<int64_t>((threads + shape.heads - 1) / shape.heads, width / LANES);
    const std::vector<float> zeros(inner, 0.0f);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t head = 0; head < shape.heads; ++head) {
        for (int64_t part = 0; part < parts; ++part) {
            const int64_t chunks = width / LANES;
            const int64_t from = part * chunks / parts * LANES, to = (part + 1) * chunks / parts * LANES;
            std::vector<ColumnSums<GATES>> sums((to - from) / LANES);
            std::vector<Lanes> later((TAPS - 1) * (to - from) / LANES);  // gradients before silu of following tokens
            for (int64_t b = 0; b < shape.batch; ++b) {
                const float* sequence = up + b * length * 2 * inner;
                std::fill(later.begin(), later.end(), Lanes{});
                const auto step = [&](int64_t first, auto count) {
                    constexpr int N = decltype(count)::value, READ = N + TAPS - 1;
                    const float* row[READ];  // what the convolution at these tokens reads, the tokens themselves last
                    for (int at = 0; at < READ; ++at) {
                        const int64_t position = first - (TAPS - 1) + at;
                        row[at] = position < 0 ? zeros.data() : sequence + position * 2 * inner;
                    }
                    const int64_t token = b * length + first;
                    const int64_t in_heads = ((b * shape.heads + head) * length + first) * width;
                    for (int64_t e = from; e < to; e += LANES) {
                        const int64_t column = head * width + e, chunk = (e - from) / LANES;
                        ColumnSums<GATES>& total = sums[chunk];
                        Lanes input[READ], c[N], slope[N], q[N], k[N], v[N], grad_q[N], grad_k[N], grad_v[N];
                        for (int at = 0; at < READ; ++at) input[at] = load(row[at] + column);
                        const Lanes* x = input + TAPS - 1;
                        for (int n = 0; n < N; ++n) {
                            Lanes before = load(conv_bias + column);
                            for (int tap = 0; tap < TAPS; ++tap)
                                before += load(taps + tap * inner + column) * input[n + tap];
                            const Lanes open = sigmoid(before);
                            c[n] = before * open;
                            slope[n] = open * (1.0f + before * (1.0f - open));
                        }
                        for (int n = 0; n < N; ++n) {
                            q[n] = block_product(c[n], query + column, inner);
                            k[n] = block_product(c[n], key + column, inner);
                            v[n] = block_product(x[n], value + column, inner);
                            grad_q[n] = load(grad_queries + in_heads + n * width + e);
                            grad_k[n] = load(grad_keys + in_heads + n * width + e);
                            grad_v[n] = load(grad_values + in_heads + n * width + e);
                        }
                        for (int g = 0; g < GATES; ++g) {
                            const float* weight = gate_weight + g * 3 * inner + column;
                            const Lanes of_q = load(weight), of_k = load(weight + inner), of_v = load(weight + 2 * inner);
                            Lanes sum_q = total.gates[0][g], sum_k = total.gates[1][g], sum_v = total.gates[2][g];
                            for (int n = 0; n < N; ++n) {
                                const Lanes grad = all(grad_gates[(token + n) * GATES + g]);
                                grad_q[n] += grad * of_q;
                                grad_k[n] += grad * of_k;
                                grad_v[n] += grad * of_v;
                                sum_q += grad * q[n];
                                sum_k += grad * k[n];
                                sum_v += grad * v[n];
                            }
                            total.gates[0][g] = sum_q;
                            total.gates[1][g] = sum_k;
                            total.gates[2][g] = sum_v;
                        }
                        Lanes grad_before[READ];  // of these tokens and of those after them that read them
                        std::copy_n(&later[chunk * (TAPS - 1)], TAPS - 1, grad_before + N);
                        for (int n = 0; n < N; ++n) {
                            add_outer(total.query, grad_q[n], c[n]);
                            add_outer(total.key, grad_k[n], c[n]);
                            add_outer(total.value, grad_v[n], x[n]);
                            const Lanes grad_c = load(grad_convolved + (token + n) * inner + column) +
                                                 block_product(grad_q[n], query_back + column, inner) +
                                                 block_product(grad_k[n], key_back + column, inner);
                            grad_before[n] = grad_c * slope[n];
                            total.bias += grad_before[n];
                        }
                        std::copy_n(grad_before, TAPS - 1, &later[chunk * (TAPS - 1)]);
                        for (int n = 0; n < N; ++n) {
                            Lanes grad_x = block_product(grad_v[n], value_back + column, inner);
                            for (int tap = 0; tap < TAPS; ++tap) {
                                total.taps[tap] += grad_before[n] * input[n + tap];
                                grad_x += load(taps + tap * inner + column) * grad_before[n + TAPS - 1 - tap];
                            }
                            store(grad_up + (token + n) * 2 * inner + column, grad_x);
                        }
                    }
                };
                int64_t left = length;
                for (; left >= STEP_TOKENS; left -= STEP_TOKENS)
                    step(left - STEP_TOKENS, std::integral_constant<int, STEP_TOKENS>());
                for (; left > 0; --left) step(left - 1, std::integral_constant<int, 1>());
            }
            for (int64_t e = from; e < to; e += LANES) {
                const int64_t column = head * width + e;
                const ColumnSums<GATES>& total = sums[(e - from) / LANES];
                store(grad_bias + column, total.bias);
                for (int j = 0; j < BLOCK; ++j) {
                    store(grad_taps + j * inner + column, total.taps[j]);
                    store(grad_query + j * inner + column, total.query[j]);
                    store(grad_key + j * inner + column, total.key[j]);
                    store(grad_value + j * inner + column, total.value[j]);
                }
                for (int part = 0; part < 3; ++part)
                    for (int g = 0; g < GATES; ++g)
                        store(grad_gate_weight + (g * 3 + part) * inner + column, total.gates[part][g]);
            }
        }
    }
}

// The positions of a row of scores up to its own, in lanes.
template <typename Step>
inline void each_lanes(int64_t count, Step step) {
    int64_t at = 0;
    for (; at + LANES <= count; at += LANES) step(at, LANES);
    if (at < count) step(at, static_cast<int>(count - at));
}

}  // namespace

extern "C" {

// Returns whether there are kernels for a number of gates (twice the heads).
int elmo_mix_forward(int64_t batch, int64_t length, int64_t heads, int64_t width, const float* up, const float* taps,
                     const float* conv_bias, const float* query, const float* key, const float* value,
                     const float* gate_weight, const float* gate_bias, float* convolved, float* queries, float* keys,
                     float* values, float* gates, int threads) {
    const Shape shape{batch, length, heads, width};
    switch (2 * heads) {
#define CASE(GATES)                                                                                              \
    case GATES:                                                                                                  \
        mix_forward<GATES>(shape, up, taps, conv_bias, query, key, value, gate_weight, gate_bias, convolved,     \
                           queries, keys, values, gates, threads);                                               \
        return 1;
        CASE(2) CASE(4) CASE(8) CASE(16)
#undef CASE
    }
    return 0;
}

// The values (heads) of elmo_mix_forward alone.
void elmo_values(int64_t batch, int64_t length, int64_t heads, int64_t width, const float* up, const float* value,
                 float* values, int threads) {
    const int64_t inner = heads * width;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t b = 0; b < batch; ++b) {
        for (int64_t position = 0; position < length; ++position) {
            const float* row = up + (b * length + position) * 2 * inner;
            for (int64_t head = 0; head < heads; ++head) {
                float* line = values + ((b * heads + head) * length + position) * width;
                for (int64_t e = 0; e < width; e += LANES) {
                    const int64_t column = head * width + e;
                    store(line + e, block_product(load(row + column), value + column, inner));
                }
            }
        }
    }
}

int elmo_mix_backward(int64_t batch, int64_t length, int64_t heads, int64_t width, const float* up, const float* taps,
                      const float* conv_bias, const float* query, const float* key, const float* value,
                      const float* query_back, const float* key_back, const float* value_back,
                      const float* gate_weight, const float* grad_queries, const float* grad_keys,
                      const float* grad_values, const float* grad_gates, const float* grad_convolved, float* grad_up,
                      float* grad_taps, float* grad_bias, float* grad_query, float* grad_key, float* grad_value,
                      float* grad_gate_weight, int threads) {
    const Shape shape{batch, length, heads, width};
    switch (2 * heads) {
#define CASE(GATES)                                                                                              \
    case GATES:                                                                                                  \
        mix_backward<GATES>(shape, up, taps, conv_bias, query, key, value, query_back, key_back, value_back,     \
                            gate_weight, grad_queries, grad_keys, grad_values, grad_gates, grad_convolved,       \
                            grad_up, grad_taps, grad_bias, grad_query, grad_key, grad_value, grad_gate_weight,   \
                            threads);                                                                            \
        return 1;
        CASE(2) CASE(4) CASE(8) CASE(16)
#undef CASE
    }
    return 0;
}

// scores (sequences, rows, start + rows) of queries [start, start + rows) with all keys up to the last of them become
// weights, scaled and decayed by exp(weight[s] - running[t]), 0 where s > t. denominators[t] becomes their sum.
// weight, running and denominators are (sequences, length).
void elmo_decay_forward(int64_t sequences, int64_t length, int64_t start, int64_t rows, float scale,
                        const float* weight, const float* running, float* scores, float* denominators, int threads) {
    const int64_t columns = start + rows;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        for (int64_t row = 0; row < rows; ++row) {
            const float* a = weight + sequence * length;
            const int64_t t = start + row;
            const float most = running[sequence * length + t];
            float* line = scores + (sequence * rows + row) * columns;
            Lanes total = {};
            each_lanes(t + 1, [&](int64_t at, int count) {
                const Lanes decayed = exponential(load_some(a + at, count) - most) * scale;
                const Lanes weights = load_some(line + at, count) * decayed;
                store_some(line + at, weights, count);
                total += weights;
            });
            std::memset(line + t + 1, 0, (columns - t - 1) * sizeof(float));
            denominators[sequence * length + t] = sum(total);
        }
    }
}

// scores are as before elmo_decay_forward and become weights; grad_weights are the gradients of weights but for what
// comes through their sum, grad_denominators, and become those of scores. grad_exponents[s] (zero before the first call)
// grows by the gradient of weight[s]; grad_rows[t] becomes the sum of the exponents' gradients of row t.
void elmo_decay_backward(int64_t sequences, int64_t length, int64_t start, int64_t rows, float scale,
                         const float* weight, const float* running, const float* grad_denominators, float* scores,
                         float* grad_weights, float* grad_exponents, float* grad_rows, int threads) {
    const int64_t columns = start + rows;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        const float* a = weight + sequence * length;
        float* of_columns = grad_exponents + sequence * length;
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t t = start + row;
            const float most = running[sequence * length + t], of_sum = grad_denominators[sequence * length + t];
            float* line = scores + (sequence * rows + row) * columns;
            float* grad_line = grad_weights + (sequence * rows + row) * columns;
            Lanes total = {};
            each_lanes(t + 1, [&](int64_t at, int count) {
                const Lanes decayed = exponential(load_some(a + at, count) - most) * scale;
                const Lanes weights = load_some(line + at, count) * decayed;
                const Lanes grad = load_some(grad_line + at, count) + of_sum;
                const Lanes of_exponent = weights * grad;
                store_some(line + at, weights, count);
                store_some(grad_line + at, grad * decayed, count);
                store_some(of_columns + at, load_some(of_columns + at, count) + of_exponent, count);
                total += of_exponent;
            });
            std::memset(line + t + 1, 0, (columns - t - 1) * sizeof(float));
            std::memset(grad_line + t + 1, 0, (columns - t - 1) * sizeof(float));
            grad_rows[sequence * length + t] = sum(total);
        }
    }
}

// outputs (tokens) = (norm of each head of numerators / scale, times norm_scale, + skip * convolved) * silu(output gate)
// with scale = max(|denominators|, floors) + epsilon. numerators are in heads; denominators, floors (batch, heads, length).
void elmo_output_forward(int64_t batch, int64_t length, int64_t heads, int64_t width, const float* numerators,
                         const float* denominators, const float* floors, const float* convolved, const float* up,
                         const float* norm_scale, const float* skip, float* outputs, int threads) {
    const int64_t inner = heads * width;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t b = 0; b < batch; ++b) {
        for (int64_t position = 0; position < length; ++position) {
            const int64_t token = b * length + position;
            for (int64_t head = 0; head < heads; ++head) {
                const int64_t at = (b * heads + head) * length + position;
                const float* line = numerators + at * width;
                const float factor = 1.0f / (std::max(std::fabs(denominators[at]), floors[at]) + CELL_EPSILON);
                Lanes total = {}, squares = {};
                for (int64_t e = 0; e < width; e += LANES) total += load(line + e) * factor;
                const float mean = sum(total) / width;
                for (int64_t e = 0; e < width; e += LANES) {
                    const Lanes centred = load(line + e) * factor - mean;
                    squares += centred * centred;
                }
                const float inverse = 1.0f / std::sqrt(sum(squares) / width + NORM_EPSILON);
                const int64_t column = head * width;
                const float* c = convolved + token * inner + column;
                const float* gate = up + token * 2 * inner + inner + column;
                for (int64_t e = 0; e < width; e += LANES) {
                    const Lanes normed = (load(line + e) * factor - mean) * inverse * load(norm_scale + column + e);
                    const Lanes z = load(gate + e);
                    store(outputs + token * inner + column + e,
                          (normed + load(skip + column + e) * load(c + e)) * (z * sigmoid(z)));
                }
            }
        }
    }
}

// Gradients of elmo_output_forward, whose convolved input is computed again. grad_outputs become the outputs.
// grad_scale_sums (threads, 2, inner), zero before, holds the gradients of norm_scale and skip by thread. Overwrites the
// second half of every row of grad_up.
void elmo_output_backward(int64_t batch, int64_t length, int64_t heads, int64_t width, const float* numerators,
                          const float* denominators, const float* floors, const float* up, const float* taps,
                          const float* conv_bias, const float* norm_scale, const float* skip, float* grad_outputs,
                          float* grad_numerators, float* grad_denominators, float* grad_log_floors,
                          float* grad_convolved, float* grad_up, float* grad_scale_sums, int threads) {
    const int64_t inner = heads * width, tokens = batch * length;
    const std::vector<float> zeros(inner, 0.0f);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int64_t part = 0; part < threads; ++part) {
        float* grad_norm_scale = grad_scale_sums + part * 2 * inner;
        float* grad_skip = grad_norm_scale + inner;
        for (int64_t token = part * tokens / threads; token < (part + 1) * tokens / threads; ++token) {
            const Window window(up + token / length * length * 2 * inner, token % length, 2 * inner, zeros.data());
            for (int64_t head = 0; head < heads; ++head) {
                const int64_t at = (token / length * heads + head) * length + token % length, column = head * width;
                const float* line = numerators + at * width;
                const float* gate = up + token * 2 * inner + inner + column;
                float* grad_line = grad_outputs + token * inner + column;
                float* grad_numerator = grad_numerators + at * width;
                const float size = std::fabs(denominators[at]), floor = floors[at];
                const float factor = 1.0f / (std::max(size, floor) + CELL_EPSILON);
                Lanes total = {}, squares = {};
                for (int64_t e = 0; e < width; e += LANES) total += load(line + e) * factor;
                const float mean = sum(total) / width;
                for (int64_t e = 0; e < width; e += LANES) {
                    const Lanes centred = load(line + e) * factor - mean;
                    squares += centred * centred;
                }
                const float inverse = 1.0f / std::sqrt(sum(squares) / width + NORM_EPSILON);
                Lanes of_normed = {}, of_products = {};
                for (int64_t e = 0; e < width; e += LANES) {
                    const Lanes normed = (load(line + e) * factor - mean) * inverse;
                    const Lanes gain = load(norm_scale + column + e), pass = load(skip + column + e);
                    const Lanes before = window.convolve(taps, conv_bias, inner, column + e);
                    const Lanes conv = before * sigmoid(before), gated = normed * gain + pass * conv;
                    const Lanes z = load(gate + e), open = sigmoid(z), grad = load(grad_line + e);
                    const Lanes grad_sum = grad * z * open;
                    store(grad_line + e, gated * (z * open));
                    store(grad_up + token * 2 * inner + inner + column + e,
                          grad * gated * open * (1.0f + z * (1.0f - open)));
                    store(grad_convolved + token * inner + column + e, grad_sum * pass);
                    store(grad_skip + column + e, load(grad_skip + column + e) + grad_sum * conv);
                    store(grad_norm_scale + column + e, load(grad_norm_scale + column + e) + grad_sum * normed);
                    const Lanes grad_normed = grad_sum * gain;
                    store(grad_numerator + e, grad_normed);
                    of_normed += grad_normed;
                    of_products += grad_normed * normed;
                }
                const float mean_grad = sum(of_normed) / width, mean_product = sum(of_products) / width;
                Lanes along = {};
                for (int64_t e = 0; e < width; e += LANES) {
                    const Lanes hidden = load(line + e) * factor, normed = (hidden - mean) * inverse;
                    const Lanes grad_hidden =
                        (load(grad_numerator + e) - mean_grad - normed * mean_product) * inverse;
                    along += grad_hidden * hidden;
                    store(grad_numerator + e, grad_hidden * factor);
                }
                const float grad_scale = -sum(along) * factor;
                const bool above = size >= floor;
                grad_denominators[at] = above ? std::copysign(grad_scale, grad_scale * denominators[at]) : 0.0f;
                if (above && denominators[at] == 0.0f) grad_denominators[at] = 0.0f;
                grad_log_floors[at] = above ? 0.0f : grad_scale * floor;
            }
        }
    }
}

// outputs = residual + inputs, of which a share is dropped and the rest scaled up; without residual (null) only the
// latter, which is the gradient of inputs, too. What is dropped follows from seed and position alone.
void elmo_dropout(int64_t count, float share, uint32_t seed, uint32_t salt, const float* inputs, const float* residual,
                  float* outputs, int threads) {
    const uint32_t threshold = static_cast<uint32_t>(static_cast<double>(share) * 4294967296.0);
    const float factor = 1.0f / (1.0f - share);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t at = 0; at < count; at += LANES) {
        const int some = static_cast<int>(std::min<int64_t>(LANES, count - at));
        Words word;
        for (int i = 0; i < LANES; ++i) word[i] = static_cast<uint32_t>(at) + i;
        // Two rounds of a 32-bit finaliser (C. Wellons, "lowbias32"), keyed before each.
        word = (word ^ seed) + static_cast<uint32_t>(at >> 32) * 0x9e3779b9u;
        for (int round = 0; round < 2; ++round) {
            word ^= word >> 16;
            word *= 0x7feb352du;
            word ^= word >> 15;
            word *= 0x846ca68bu;
            word ^= word >> 16;
            word += salt;
        }
        const Lanes kept = word >= threshold ? load_some(inputs + at, some) * factor : Lanes{};
        store_some(outputs + at, residual == nullptr ? kept : kept + load_some(residual + at, some), some);
    }
}

}  // extern "C"

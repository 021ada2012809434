// Convolution, queries, keys, values and gates of every token, and their gradients.

#include "tokens.h"

namespace {

constexpr int TILE_TOKENS = 16;  // of the forward pass: weights of a tile of columns are read once for these
constexpr int TILE_COLUMNS = 128;
constexpr int STEP_TOKENS = 4;  // of the backward pass: sums over tokens are read and written once for these

struct Shape {
    int64_t batch, length, heads, width;
    int64_t inner() const { return heads * width; }
};

template <int GATES>
void mix_forward(Shape shape, const Value* up, const Value* before, const float* taps, const float* conv_bias,
                 const float* query, const float* key, const float* value, const float* gate_weight,
                 const float* gate_bias, Value* convolved, Value* queries, Value* keys, Value* values, float* gates,
                 int threads) {
    const int64_t inner = shape.inner(), width = shape.width, length = shape.length;
    const int64_t tiles = (length + TILE_TOKENS - 1) / TILE_TOKENS;
    const std::vector<Value> zeros(inner);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t b = 0; b < shape.batch; ++b) {
        for (int64_t tile = 0; tile < tiles; ++tile) {
            const Value* sequence = up + b * length * 2 * inner;
            const Value* earlier = before ? before + b * (TAPS - 1) * inner : zeros.data();
            const int64_t start = tile * TILE_TOKENS, count = std::min<int64_t>(TILE_TOKENS, length - start);
            Lanes sums[TILE_TOKENS][GATES] = {};
            for (int64_t head = 0; head < shape.heads; ++head) {
                for (int64_t from = 0; from < width; from += TILE_COLUMNS) {
                    const int64_t to = std::min<int64_t>(width, from + TILE_COLUMNS);
                    for (int64_t token = 0; token < count; ++token) {
                        const int64_t position = start + token;
                        const Window window(sequence, position, 2 * inner, earlier, before ? inner : 0);
                        const int64_t in_heads = ((b * shape.heads + head) * length + position) * width;
                        Value* convolved_row = convolved + (b * length + position) * inner;
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
void mix_backward(Shape shape, const Value* up, const float* taps, const float* conv_bias, const float* query,
                  const float* key, const float* value, const float* query_back, const float* key_back,
                  const float* value_back, const float* gate_weight, const Value* grad_queries, const Value* grad_keys,
                  const Value* grad_values, const float* grad_gates, const Value* grad_convolved, Value* grad_up,
                  float* grad_taps, float* grad_bias, float* grad_query, float* grad_key, float* grad_value,
                  float* grad_gate_weight, int threads) {
    const int64_t inner = shape.inner(), width = shape.width, length = shape.length;
    // Memory is read best in long rows: a thread takes a whole head, or a part of one if there are more threads.
    const int64_t parts = std::min<int64_t>((threads + shape.heads - 1) / shape.heads, width / LANES);
    const std::vector<Value> zeros(inner);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t head = 0; head < shape.heads; ++head) {
        for (int64_t part = 0; part < parts; ++part) {
            const int64_t chunks = width / LANES;
            const int64_t from = part * chunks / parts * LANES, to = (part + 1) * chunks / parts * LANES;
            std::vector<ColumnSums<GATES>> sums((to - from) / LANES);
            std::vector<Lanes> later((TAPS - 1) * (to - from) / LANES);  // gradients before silu of following tokens
            for (int64_t b = 0; b < shape.batch; ++b) {
                const Value* sequence = up + b * length * 2 * inner;
                std::fill(later.begin(), later.end(), Lanes{});
                const auto step = [&](int64_t first, auto count) {
                    constexpr int N = decltype(count)::value, READ = N + TAPS - 1;
                    const Value* row[READ];  // what the convolution at these tokens reads, the tokens themselves last
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

}  // namespace

extern "C" {

// before (batch, taps - 1, inner) are the inputs of the tokens before the first, or null if there are none. Returns
// whether there are kernels for a number of gates (twice the heads).
int elmo_mix_forward(int64_t batch, int64_t length, int64_t heads, int64_t width, const Value* up, const Value* before,
                     const float* taps, const float* conv_bias, const float* query, const float* key,
                     const float* value, const float* gate_weight, const float* gate_bias, Value* convolved,
                     Value* queries, Value* keys, Value* values, float* gates, int threads) {
    const Shape shape{batch, length, heads, width};
    switch (2 * heads) {
#define CASE(GATES)                                                                                              \
    case GATES:                                                                                                  \
        mix_forward<GATES>(shape, up, before, taps, conv_bias, query, key, value, gate_weight, gate_bias,        \
                           convolved, queries, keys, values, gates, threads);                                    \
        return 1;
        CASE(2) CASE(4) CASE(8) CASE(16)
#undef CASE
    }
    return 0;
}

// The values (heads) of elmo_mix_forward alone.
void elmo_values(int64_t batch, int64_t length, int64_t heads, int64_t width, const Value* up, const float* value,
                 Value* values, int threads) {
    const int64_t inner = heads * width;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t b = 0; b < batch; ++b) {
        for (int64_t position = 0; position < length; ++position) {
            const Value* row = up + (b * length + position) * 2 * inner;
            for (int64_t head = 0; head < heads; ++head) {
                Value* line = values + ((b * heads + head) * length + position) * width;
                for (int64_t e = 0; e < width; e += LANES) {
                    const int64_t column = head * width + e;
                    store(line + e, block_product(load(row + column), value + column, inner));
                }
            }
        }
    }
}

int elmo_mix_backward(int64_t batch, int64_t length, int64_t heads, int64_t width, const Value* up, const float* taps,
                      const float* conv_bias, const float* query, const float* key, const float* value,
                      const float* query_back, const float* key_back, const float* value_back,
                      const float* gate_weight, const Value* grad_queries, const Value* grad_keys,
                      const Value* grad_values, const float* grad_gates, const Value* grad_convolved, Value* grad_up,
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

}  // extern "C"

// The sLSTM recurrence over whole sequences from an empty state, in float32 on a CPU; called by slstm.py, which gives
// the formulas.
//
// Layouts: what a gate's input is, and its gradient, (batch, length, heads * width); recurrent matrices
// (heads, 4 * width, width) as they are, or transposed; biases (4, heads, width); "saved", what the backward pass needs,
// (heads, batch, length, 7, width). A thread reads some rows of the batch with one head: heads know nothing of each
// other, and the head's matrix stays in a cache. Equal thread counts or not, results are equal.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int ROWS = 4;      // of the batch, read at once: each row of the matrix is loaded once for these
constexpr int VECTOR = 16;   // floats of a register, or of two
constexpr int COLUMNS = 32;  // of a product, computed at once; rows of matrices are padded to a multiple of it
enum { INPUT, FORGET, CELL, OUTPUT, GATES };
enum { WRITTEN, KEPT, FORGOTTEN, TANH, SIGMOID, MEMORY, NORMALIZER, SAVED };

typedef float Vector __attribute__((vector_size(4 * VECTOR)));

inline Vector load(const float* from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

inline void store(float* to, Vector vector) { std::memcpy(to, &vector, sizeof vector); }

inline int64_t padded(int64_t columns) { return (columns + COLUMNS - 1) / COLUMNS * COLUMNS; }

// The loops over channels below are turned into vector instructions, these functions with them.
// exp by the polynomial of Cephes; below -87 it is zero.
inline float exponential(float x) {
    const float bounded = std::min(std::max(x, -87.0f), 88.0f);
    const float shifted = bounded * 1.44269504088896341f + 12582912.0f;  // its low bits are the rounded exponent
    const float exponent = shifted - 12582912.0f;
    const float r = (bounded - exponent * 0.693359375f) - exponent * -2.12194440e-4f;
    float y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * (r * r) + r + 1.0f;
    int32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (int32_t)((uint32_t)bits << 23) + 0x3f800000;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return x < -87.0f ? 0.0f : y * scale;
}

// log(1 + u) for 0 <= u <= 1, exact where u is small: 2 atanh(u / (2 + u)).
inline float log_one_plus(float u) {
    const float s = u / (2.0f + u), q = s * s;
    float series = q * (1.0f / 15) + 1.0f / 13;
    series = series * q + 1.0f / 11;
    series = series * q + 1.0f / 9;
    series = series * q + 1.0f / 7;
    series = series * q + 1.0f / 5;
    series = series * q + 1.0f / 3;
    return 2.0f * s * (series * q + 1.0f);
}

// to (rows, columns) += from (rows, inner) times matrix (inner, columns), whose columns are a multiple of COLUMNS.
template <int rows>
void add_product(const float* from, int64_t inner, int64_t from_stride, const float* matrix, int64_t columns, float* to) {
    for (int64_t column = 0; column < columns; column += COLUMNS) {
        Vector sums[rows][2];
        for (int row = 0; row < rows; ++row) {
            sums[row][0] = load(to + row * columns + column);
            sums[row][1] = load(to + row * columns + column + VECTOR);
        }
        const float* weights = matrix + column;
        for (int64_t k = 0; k < inner; ++k, weights += columns) {
            const Vector left = load(weights), right = load(weights + VECTOR);
            for (int row = 0; row < rows; ++row) {
                const float value = from[row * from_stride + k];
                sums[row][0] += left * value;
                sums[row][1] += right * value;
            }
        }
        for (int row = 0; row < rows; ++row) {
            store(to + row * columns + column, sums[row][0]);
            store(to + row * columns + column + VECTOR, sums[row][1]);
        }
    }
}

void add_product(int rows, const float* from, int64_t inner, int64_t from_stride, const float* matrix, int64_t columns,
                 float* to) {
    switch (rows) {
        case 1: return add_product<1>(from, inner, from_stride, matrix, columns, to);
        case 2: return add_product<2>(from, inner, from_stride, matrix, columns, to);
        case 3: return add_product<3>(from, inner, from_stride, matrix, columns, to);
        default: return add_product<4>(from, inner, from_stride, matrix, columns, to);
    }
}

// One token of one row and head: from its pre-activations and the state before to the state after. Written to `saved`
// are, by channel, exp(i - m'), exp(m + log sigmoid(f) - m'), sigmoid(-f), tanh(z), sigmoid(o), c' and n'.
void step(const float* gates, int64_t width, float* maximum, const float* before, float* saved, float* hidden,
          bool is_first) {
#pragma omp simd
    for (int64_t w = 0; w < width; ++w) {
        const float i = gates[INPUT * width + w], f = gates[FORGET * width + w];
        const float z = gates[CELL * width + w], o = gates[OUTPUT * width + w];
        const float small = exponential(-std::fabs(f));
        const float decayed = maximum[w] + (std::min(f, 0.0f) - log_one_plus(small));
        const float largest = is_first ? i : std::max(i, decayed);
        const float written = exponential(i - largest), kept = is_first ? 0.0f : exponential(decayed - largest);
        const float forgotten = (f < 0.0f ? 1.0f : small) / (1.0f + small);
        const float tanh_z = 1.0f - 2.0f / (exponential(2.0f * z) + 1.0f);
        const float sigmoid_o = 1.0f / (1.0f + exponential(-o));
        const float memory = kept * before[w] + written * tanh_z;
        const float normalizer = kept * before[width + w] + written;
        maximum[w] = largest;
        saved[WRITTEN * width + w] = written;
        saved[KEPT * width + w] = kept;
        saved[FORGOTTEN * width + w] = forgotten;
        saved[TANH * width + w] = tanh_z;
        saved[SIGMOID * width + w] = sigmoid_o;
        saved[MEMORY * width + w] = memory;
        saved[NORMALIZER * width + w] = normalizer;
        hidden[w] = sigmoid_o * memory / normalizer;
    }
}

// Gradients of one token of one row and head: of its pre-activations, and, in place, of the state after to that before.
void step_backward(const float* saved, const float* before, int64_t width, const float* grad_hidden, float* grad_memory,
                   float* grad_normalizer, float* grad_gates) {
#pragma omp simd
    for (int64_t w = 0; w < width; ++w) {
        const float written = saved[WRITTEN * width + w], kept = saved[KEPT * width + w];
        const float tanh_z = saved[TANH * width + w], sigmoid_o = saved[SIGMOID * width + w];
        const float normalizer = saved[NORMALIZER * width + w], mean = saved[MEMORY * width + w] / normalizer;
        const float grad_mean = grad_hidden[w] * sigmoid_o / normalizer;
        const float of_memory = grad_memory[w] + grad_mean, of_normalizer = grad_normalizer[w] - grad_mean * mean;
        grad_gates[INPUT * width + w] = (of_memory * tanh_z + of_normalizer) * written;
        grad_gates[FORGET * width + w] = (of_memory * before[w] + of_normalizer * before[width + w]) * kept *
                                         saved[FORGOTTEN * width + w];
        grad_gates[CELL * width + w] = of_memory * written * (1.0f - tanh_z * tanh_z);
        grad_gates[OUTPUT * width + w] = grad_hidden[w] * mean * sigmoid_o * (1.0f - sigmoid_o);
        grad_memory[w] = of_memory * kept;
        grad_normalizer[w] = of_normalizer * kept;
    }
}

}  // namespace

extern "C" {

// `transposed` is (heads, width, 4 * width); without `keep` one token's place in `saved`, for each row and head, is used
// for all tokens.
void elmo_slstm_forward(int64_t batch, int64_t length, int64_t heads, int64_t width, int64_t keep, const float* input,
                        const float* forget, const float* cell, const float* output, const float* transposed,
                        const float* bias, float* hidden, float* saved, int threads) {
    const int64_t dim = heads * width, columns = padded(GATES * width), tiles = (batch + ROWS - 1) / ROWS;
    const float* gates_of[GATES] = {input, forget, cell, output};
    std::vector<float> matrices(heads * width * columns, 0.0f);
    for (int64_t row = 0; row < heads * width; ++row)
        std::copy_n(transposed + row * GATES * width, GATES * width, matrices.data() + row * columns);
    const int64_t stride = (keep ? length : 1) * SAVED * width, next = keep ? SAVED * width : 0;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t head = 0; head < heads; ++head) {
        for (int64_t tile = 0; tile < tiles; ++tile) {
            const int64_t first = tile * ROWS;
            const int rows = (int)std::min<int64_t>(ROWS, batch - first);
            std::vector<float> gates(rows * columns), maximum(rows * width, 0.0f), zeros(2 * width, 0.0f);
            for (int64_t t = 0; t < length; ++t) {
                for (int row = 0; row < rows; ++row) {
                    const int64_t at = ((first + row) * length + t) * dim + head * width;
                    for (int g = 0; g < GATES; ++g) {
                        const float *from = gates_of[g] + at, *add = bias + g * dim + head * width;
                        float* to = gates.data() + row * columns + g * width;
                        for (int64_t w = 0; w < width; ++w) to[w] = from[w] + add[w];
                    }
                }
                const float* matrix = matrices.data() + head * width * columns;
                float* at = hidden + (first * length + t) * dim + head * width;
                if (t > 0) add_product(rows, at - dim, width, length * dim, matrix, columns, gates.data());
                for (int row = 0; row < rows; ++row) {
                    float* place = saved + (head * batch + first + row) * stride + t * next;
                    const float* before = t > 0 ? place - next + MEMORY * width : zeros.data();
                    step(gates.data() + row * columns, width, maximum.data() + row * width, before, place,
                         at + row * length * dim, t == 0);
                }
            }
        }
    }
}

// `recurrent` is (heads, 4 * width, width); gradients of the gates' inputs are (4, batch, length, heads * width).
void elmo_slstm_backward(int64_t batch, int64_t length, int64_t heads, int64_t width, const float* saved,
                         const float* recurrent, const float* grad_hidden, float* grad_gates, int threads) {
    const int64_t dim = heads * width, columns = padded(width), tiles = (batch + ROWS - 1) / ROWS;
    std::vector<float> matrices(heads * GATES * width * columns, 0.0f);
    for (int64_t row = 0; row < heads * GATES * width; ++row)
        std::copy_n(recurrent + row * width, width, matrices.data() + row * columns);
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t head = 0; head < heads; ++head) {
        for (int64_t tile = 0; tile < tiles; ++tile) {
            const int64_t first = tile * ROWS;
            const int rows = (int)std::min<int64_t>(ROWS, batch - first);
            std::vector<float> grads(rows * columns, 0.0f), gates(rows * GATES * width), zeros(2 * width, 0.0f);
            std::vector<float> of_memory(rows * width, 0.0f), of_normalizer(rows * width, 0.0f);
            for (int64_t t = length - 1; t >= 0; --t) {
                for (int row = 0; row < rows; ++row) {
                    const int64_t at = ((first + row) * length + t) * dim + head * width;
                    float* grad = grads.data() + row * columns;
                    for (int64_t w = 0; w < width; ++w) grad[w] += grad_hidden[at + w];
                    const float* place = saved + (((head * batch + first + row) * length) + t) * SAVED * width;
                    const float* before = t > 0 ? place - SAVED * width + MEMORY * width : zeros.data();
                    float* of_gates = gates.data() + row * GATES * width;
                    step_backward(place, before, width, grad, of_memory.data() + row * width,
                                  of_normalizer.data() + row * width, of_gates);
                    for (int g = 0; g < GATES; ++g)
                        std::copy_n(of_gates + g * width, width, grad_gates + g * batch * length * dim + at);
                }
                std::fill(grads.begin(), grads.end(), 0.0f);
                const float* matrix = matrices.data() + head * GATES * width * columns;
                add_product(rows, gates.data(), GATES * width, GATES * width, matrix, columns, grads.data());
            }
        }
    }
}

}  // extern "C"

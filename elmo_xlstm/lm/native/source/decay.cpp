// Weights of the cell's sums, from products of queries and keys, and their gradients.

#include "lanes.h"

extern "C" {

// scores (sequences, rows, start + rows) of queries [start, start + rows) with all keys up to the last of them become
// weights, scaled and decayed by exp(weight[s] - running[t]), 0 where s > t. denominators[t] becomes their sum.
// weight, running and denominators are (sequences, length).
void elmo_decay_forward(int64_t sequences, int64_t length, int64_t start, int64_t rows, float scale,
                        const float* weight, const float* running, Value* scores, float* denominators, int threads) {
    const int64_t columns = start + rows;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        for (int64_t row = 0; row < rows; ++row) {
            const float* a = weight + sequence * length;
            const int64_t t = start + row;
            const float most = running[sequence * length + t];
            Value* line = scores + (sequence * rows + row) * columns;
            Lanes total = {};
            each_lanes(t + 1, [&](int64_t at, int count) {
                const Lanes decayed = exponential(load_some(a + at, count) - most) * scale;
                const Lanes weights = load_some(line + at, count) * decayed;
                store_some(line + at, weights, count);
                total += weights;
            });
            std::memset(line + t + 1, 0, (columns - t - 1) * sizeof(Value));
            denominators[sequence * length + t] = sum(total);
        }
    }
}

// scores are as before elmo_decay_forward and become weights; grad_weights are the gradients of weights but for what
// comes through their sum, grad_denominators, and become those of scores. grad_exponents[s] (zero before the first call)
// grows by the gradient of weight[s]; grad_rows[t] becomes the sum of the exponents' gradients of row t.
void elmo_decay_backward(int64_t sequences, int64_t length, int64_t start, int64_t rows, float scale,
                         const float* weight, const float* running, const float* grad_denominators, Value* scores,
                         Value* grad_weights, float* grad_exponents, float* grad_rows, int threads) {
    const int64_t columns = start + rows;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t sequence = 0; sequence < sequences; ++sequence) {
        const float* a = weight + sequence * length;
        float* of_columns = grad_exponents + sequence * length;
        for (int64_t row = 0; row < rows; ++row) {
            const int64_t t = start + row;
            const float most = running[sequence * length + t], of_sum = grad_denominators[sequence * length + t];
            Value* line = scores + (sequence * rows + row) * columns;
            Value* grad_line = grad_weights + (sequence * rows + row) * columns;
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
            std::memset(line + t + 1, 0, (columns - t - 1) * sizeof(Value));
            std::memset(grad_line + t + 1, 0, (columns - t - 1) * sizeof(Value));
            grad_rows[sequence * length + t] = sum(total);
        }
    }
}

}  // extern "C"

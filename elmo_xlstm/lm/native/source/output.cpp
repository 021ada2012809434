// From the cell's sums to the input of the down-projection, and the gradients.
//
// Sums over tokens are made in one buffer per thread: equal thread counts, equal results.

#include "tokens.h"

namespace {

constexpr float CELL_EPSILON = 1e-6f;

}

extern "C" {

// outputs (tokens) = (norm of each head of numerators / scale, times norm_scale, + skip * convolved) * silu(output gate)
// with scale = max(|denominators|, floors) + epsilon. numerators are in heads; denominators, floors (batch, heads, length).
void elmo_output_forward(int64_t batch, int64_t length, int64_t heads, int64_t width, const Value* numerators,
                         const float* denominators, const float* floors, const Value* convolved, const Value* up,
                         const float* norm_scale, const float* skip, Value* outputs, int threads) {
    const int64_t inner = heads * width;
#pragma omp parallel for collapse(2) num_threads(threads) schedule(static)
    for (int64_t b = 0; b < batch; ++b) {
        for (int64_t position = 0; position < length; ++position) {
            const int64_t token = b * length + position;
            for (int64_t head = 0; head < heads; ++head) {
                const int64_t at = (b * heads + head) * length + position;
                const Value* line = numerators + at * width;
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
                const Value* c = convolved + token * inner + column;
                const Value* gate = up + token * 2 * inner + inner + column;
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
void elmo_output_backward(int64_t batch, int64_t length, int64_t heads, int64_t width, const Value* numerators,
                          const float* denominators, const float* floors, const Value* up, const float* taps,
                          const float* conv_bias, const float* norm_scale, const float* skip, Value* grad_outputs,
                          Value* grad_numerators, float* grad_denominators, float* grad_log_floors,
                          Value* grad_convolved, Value* grad_up, float* grad_scale_sums, int threads) {
    const int64_t inner = heads * width, tokens = batch * length;
    const std::vector<Value> zeros(inner);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int64_t part = 0; part < threads; ++part) {
        float* grad_norm_scale = grad_scale_sums + part * 2 * inner;
        float* grad_skip = grad_norm_scale + inner;
        std::vector<float> kept(width);  // the gradient of a head behind its norm
        for (int64_t token = part * tokens / threads; token < (part + 1) * tokens / threads; ++token) {
            const Window window(up + token / length * length * 2 * inner, token % length, 2 * inner, zeros.data(), 0);
            for (int64_t head = 0; head < heads; ++head) {
                const int64_t at = (token / length * heads + head) * length + token % length, column = head * width;
                const Value* line = numerators + at * width;
                const Value* gate = up + token * 2 * inner + inner + column;
                Value* grad_line = grad_outputs + token * inner + column;
                Value* grad_numerator = grad_numerators + at * width;
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
                    store(kept.data() + e, grad_normed);
                    of_normed += grad_normed;
                    of_products += grad_normed * normed;
                }
                const float mean_grad = sum(of_normed) / width, mean_product = sum(of_products) / width;
                Lanes along = {};
                for (int64_t e = 0; e < width; e += LANES) {
                    const Lanes hidden = load(line + e) * factor, normed = (hidden - mean) * inverse;
                    const Lanes grad_hidden =
                        (load(kept.data() + e) - mean_grad - normed * mean_product) * inverse;
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

}  // extern "C"

// The parts of a block around its layer.

#include "lanes.h"

namespace {

// Which numbers are kept follows from seed and position alone.
struct Dropout {
    uint32_t threshold, seed, salt;
    float factor;

    Dropout(float share, uint32_t seed, uint32_t salt)
        : threshold(static_cast<uint32_t>(static_cast<double>(share) * 4294967296.0)),
          seed(seed),
          salt(salt),
          factor(1.0f / (1.0f - share)) {}

    Lanes operator()(int64_t at, Lanes inputs) const {
        if (threshold == 0) return inputs;
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
        return word >= threshold ? inputs * factor : Lanes{};
    }
};

}  // namespace

extern "C" {

// outputs = residual + inputs, of which a share is dropped and the rest scaled up.
void elmo_add_dropped(int64_t count, float share, uint32_t seed, uint32_t salt, const Value* inputs,
                      const float* residual, float* outputs, int threads) {
    const Dropout dropout(share, seed, salt);
    in_lanes(count, threads, [&](int64_t at, int some) {
        const Lanes kept = dropout(at, load_some(inputs + at, some));
        store_some(outputs + at, kept + load_some(residual + at, some), some);
    });
}

// The gradient of the inputs of elmo_add_dropped.
void elmo_dropped(int64_t count, float share, uint32_t seed, uint32_t salt, const float* grads, Value* grad_inputs,
                  int threads) {
    const Dropout dropout(share, seed, salt);
    in_lanes(count, threads, [&](int64_t at, int some) {
        store_some(grad_inputs + at, dropout(at, load_some(grads + at, some)), some);
    });
}

}  // extern "C"

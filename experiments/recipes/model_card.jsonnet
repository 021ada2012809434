// The optimizer and schedule of the model card: a low learning rate that stays, PyTorch's own AdamW.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('model_card') {
  optimizer: { learning_rate: 3e-4, betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.01, gradient_clip: 1.0 },
  schedule+: { decay: 'constant' },
}

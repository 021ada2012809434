// An exponential moving average of the weights, of about the last hundred steps.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('averaged') {
  training+: { ema_decay: 0.99 },
}

// The same at a learning rate that stays at its peak, where an average has more to do.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('averaged_constant') {
  schedule+: { decay: 'constant' },
  training+: { ema_decay: 0.99 },
}

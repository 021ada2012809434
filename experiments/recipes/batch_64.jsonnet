// Twice the windows a step, half the steps: as many tokens.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('batch_64') {
  schedule+: { warmup_steps: 20 },
  training+: { batch_size: 64, max_steps: 128, log_every: 8, validate_every: 64 },
}

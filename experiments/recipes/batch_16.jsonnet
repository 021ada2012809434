// Half the windows a step, twice the steps: as many tokens.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('batch_16') {
  schedule+: { warmup_steps: 80 },
  training+: { batch_size: 16, max_steps: 512, log_every: 32, validate_every: 256 },
}

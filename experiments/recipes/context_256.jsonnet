// Windows twice as long, half as many a step: as many tokens.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('context_256') {
  model+: { context_length: 256 },
  training+: { batch_size: 16 },
}

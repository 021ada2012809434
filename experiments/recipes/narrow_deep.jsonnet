// Four narrow blocks in about the time of the base's two.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('narrow_deep') {
  model+: { embedding_dim: 128, num_blocks: 4 },
}

// One wide block in about the time of the base's two.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('wide_shallow') {
  model+: { embedding_dim: 288, num_blocks: 1 },
}

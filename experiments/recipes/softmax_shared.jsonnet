// One soft-max for both directions.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('softmax_shared') {
  model+: { softmax: 'shared' },
}

// The exact soft-max, for as many steps: better or worse, and how much slower.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('softmax_exact') {
  softmax_loss: { type: 'full' },
}

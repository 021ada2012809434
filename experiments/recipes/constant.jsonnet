// A learning rate that stays at its peak.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('constant') {
  schedule+: { decay: 'constant' },
}

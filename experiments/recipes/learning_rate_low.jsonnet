// A third of the base's peak.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('learning_rate_low') {
  optimizer+: { learning_rate: 1e-3 },
}

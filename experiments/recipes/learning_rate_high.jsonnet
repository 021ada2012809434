// Twice the base's peak.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('learning_rate_high') {
  optimizer+: { learning_rate: 6e-3 },
}

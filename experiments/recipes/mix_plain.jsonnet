// Every source as it is, whole and once: half of the text are statutes.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('mix_plain') {
  corpus+: { sources: [source { share: 0.07, repeat: 1 } for source in recipes.sources] },
}

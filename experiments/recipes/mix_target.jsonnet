// Without statutes, scripture and software documentation, which the released mix reads in part.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('mix_target') {
  corpus+: { sources: [source { share: 0.15 } for source in recipes.sources if source.share == 1] },
}

// Upper and lower case kept apart.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('cased') {
  tokenizer: { name: 'runs/recipes/tokenizer_cased', lower_case: false },
}

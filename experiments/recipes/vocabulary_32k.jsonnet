// Twice the pieces: more text in as many of them.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('vocabulary_32k') {
  tokenizer+: { name: 'runs/recipes/tokenizer_32k' },
}

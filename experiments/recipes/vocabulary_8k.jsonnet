// Half the pieces: longer sequences of likelier pieces, and small matrices.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.pretrain('vocabulary_8k') {
  tokenizer+: { name: 'runs/recipes/tokenizer_8k' },
}

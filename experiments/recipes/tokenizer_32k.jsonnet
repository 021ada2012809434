// Twice the pieces.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.tokenizer('tokenizer_32k', vocab_size=32000, lower_case=true)

// Half the pieces.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.tokenizer('tokenizer_8k', vocab_size=8000, lower_case=true)

// The vocabulary of the base and of most recipes.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.tokenizer('tokenizer_16k', vocab_size=16000, lower_case=true)

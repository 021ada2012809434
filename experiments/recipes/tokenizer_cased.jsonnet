// As many pieces as the base's, with upper and lower case kept apart.
local recipes = (import 'shared.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
recipes.tokenizer('tokenizer_cased', vocab_size=16000, lower_case=false)

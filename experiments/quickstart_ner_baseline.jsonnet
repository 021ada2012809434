// The same without the language model.
local ner = import 'quickstart_ner.jsonnet';
ner { model: 'no-bilm', embedder: null, task+: { head+: { mix: null } } }

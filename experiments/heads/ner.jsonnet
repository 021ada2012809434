// The head of elmo_xlstm.load('ner').
local small = import 'small_head.libsonnet';
small(import '../nerp.jsonnet', words=50, hidden=150)

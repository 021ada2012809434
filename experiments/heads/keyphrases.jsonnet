// The head of elmo_xlstm.load('keyphrases').
local small = import 'small_head.libsonnet';
small(import '../keps.jsonnet')

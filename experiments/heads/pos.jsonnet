// The head of elmo_xlstm.load('pos').
local small = import 'small_head.libsonnet';
small(import '../posp.jsonnet', words=50, hidden=150)

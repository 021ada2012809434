// The head of elmo_xlstm.load('pos').
(import 'small_tagger.libsonnet')(import '../posp.jsonnet')

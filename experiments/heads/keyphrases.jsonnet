// The head of elmo_xlstm.load('keyphrases').
(import 'small_tagger.libsonnet')(import '../keps.jsonnet')

// The head of elmo_xlstm.load('ner').
(import 'small_tagger.libsonnet')(import '../nerp.jsonnet', projection=300, hidden=150)

// The head of elmo_xlstm.load('keyphrases').
(import '../keps.jsonnet') { model: 'carried' }

// The head of elmo_xlstm.load('ner').
(import '../nerp.jsonnet') { model: 'carried' }

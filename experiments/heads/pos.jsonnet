// The head of elmo_xlstm.load('pos').
(import '../posp.jsonnet') { model: 'carried' }

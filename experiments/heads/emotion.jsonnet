// The head of elmo_xlstm.load('emotion').
(import '../emot.jsonnet') { model: 'carried' }

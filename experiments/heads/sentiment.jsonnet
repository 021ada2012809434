// The head of elmo_xlstm.load('sentiment').
(import '../smsa.jsonnet') { model: 'carried' }

// The head of elmo_xlstm.load('absa').
(import '../hoasa.jsonnet') { model: 'carried' }

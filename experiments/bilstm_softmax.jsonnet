// The taggers without a language model (*_baseline.jsonnet: character CNN, trained word vectors, BiLSTM, CRF) without
// the CRF too: each word's tag by a soft-max. POSP's tagger has no CRF to leave out.
//   python cli.py suite experiments/bilstm_softmax.jsonnet
local tasks = [
  import 'bapos_baseline.jsonnet',
  import 'terma_baseline.jsonnet',
  import 'keps_baseline.jsonnet',
  import 'nergrit_baseline.jsonnet',
  import 'nerp_baseline.jsonnet',
  import 'absa_e2e_baseline.jsonnet',
];
{
  experiments: [experiment { model: 'bilstm-softmax', task+: { head+: { crf: false } } } for experiment in tasks],
  seeds: 3,
}

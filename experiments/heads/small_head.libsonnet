// A tagger of at most 3 MB in fp16, which the package carries: the layers are projected before the encoder reads them.
function(experiment, words=100, hidden=200, projection=300) experiment {
  model: 'carried',
  task+: {
    head+: {
      words+: { dim: words },
      projection: projection,
      encoder+: { hidden_size: hidden },
    },
  },
}

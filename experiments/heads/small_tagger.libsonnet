// A tagger of at most 3 MB in half precision: its features are projected before the encoder reads them.
function(experiment, projection=200, hidden=128) experiment {
  model: 'carried',
  task+: { head+: { words+: { dim: 50 }, projection: projection, encoder+: { hidden_size: hidden } } },
}

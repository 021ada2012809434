// A tagging experiment on the frozen language model; the data set is the one of IndoNLU of that name. The learning rate
// falls to zero within a set number of epochs: minutes on one core.
local tagger = import 'tagger.libsonnet';
function(name, scheme, epochs, lower_case=false, batch_size=32) {
  model: 'frozen-bilm',
  task: {
    type: 'tagging',
    name: name,
    dataset: { type: 'indonlu', name: name },
    lower_case: lower_case,
    head: {
      scheme: scheme,
      mix: { layer_norm: true },
      characters: tagger.characters,
      words: tagger.words,
      encoder: tagger.encoder,
      dropout: 0.5,
    },
  },
  embedder: { model: 'small', pooling: 'boundary' },
  trainer: { epochs: epochs, batch_size: batch_size, learning_rate: 2e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } },
  seed: 0,
}

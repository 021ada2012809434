// Named entities of the bundled sample, from the language model that the package carries.
local tagger = import 'shared/tagger.libsonnet';
{
  model: 'frozen-bilm',
  task: {
    type: 'tagging',
    name: 'sample_ner',
    dataset: {
      type: 'conll',
      train: 'tasks/sample/ner/train.conll',
      valid: 'tasks/sample/ner/valid.conll',
      test: 'tasks/sample/ner/test.conll',
    },
    head: {
      scheme: 'bio',
      mix: {},
      characters: tagger.characters,
      words: tagger.words { min_count: 1 },
      encoder: tagger.encoder { hidden_size: 64, output_dropout: 0.3 },
      dropout: 0.3,
    },
  },
  embedder: { model: 'small', store: 'runs/quickstart/features' },
  trainer: tagger.trainer { batch_size: 8, learning_rate: 5e-3, patience: 8 },
  results: 'runs/quickstart/results',
}

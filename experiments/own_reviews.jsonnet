// What reviews of one's own say of several aspects, here those of the bundled sample: the pattern to copy
// (docs/own-data.md).
//   python cli.py finetune experiments/own_reviews.jsonnet --dry-run
//   python cli.py finetune experiments/own_reviews.jsonnet
// The language model is the one that the package carries; another: -o embedder.model=DIRECTORY_OR_HUB_NAME
local labels = import 'shared/labels.libsonnet';
{
  model: 'frozen-bilm',
  task: {
    type: 'aspects',
    name: 'own_reviews',
    dataset: {
      type: 'files',
      train: 'tasks/sample/reviews/train.csv',
      valid: 'tasks/sample/reviews/valid.csv',
      test: 'tasks/sample/reviews/test.csv',
      text: 'sentence',
      aspects: ['room', 'service', 'location', 'food', 'price'],
      labels: ['negative', 'neutral', 'positive'],
      on_bad_row: 'refuse',
    },
    main_metric: 'macro_f1',
    lower_case: true,
    head: {
      mix: { layer_norm: true },
      characters: labels.characters,
      words: labels.words { min_count: 1 },
      dropout: 0.3,
      encoder: { hidden_size: 32, output_dropout: 0.3 },
      pooling: { methods: ['attention'] },
      hidden_size: null,
      output_dropout: 0.3,
    },
  },
  embedder: { model: 'small' },
  trainer: { epochs: 20, batch_size: 8, learning_rate: 5e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } },
  results: 'runs/own/results',
}

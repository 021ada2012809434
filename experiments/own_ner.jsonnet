// Named entities of one's own column files, here those of the bundled sample: the pattern to copy (docs/own-data.md).
//   python cli.py finetune experiments/own_ner.jsonnet --dry-run
//   python cli.py finetune experiments/own_ner.jsonnet
// The language model is the one that the package carries; another: -o embedder.model=DIRECTORY_OR_HUB_NAME
local tagger = import 'shared/tagger.libsonnet';
{
  model: 'frozen-bilm',
  task: {
    type: 'tagging',
    name: 'own_ner',
    dataset: {
      type: 'conll',
      train: 'tasks/sample/ner/train.conll',
      valid: 'tasks/sample/ner/valid.conll',
      test: 'tasks/sample/ner/test.conll',
      format: { separator: '\t', word_column: 0, tag_column: -1 },
      on_bad_row: 'refuse',
    },
    main_metric: 'micro_f1',
    head: {
      scheme: 'bio',
      mix: { layer_norm: true },
      characters: tagger.characters,
      words: tagger.words { min_count: 1 },
      encoder: tagger.encoder { hidden_size: 64, output_dropout: 0.3 },
      dropout: 0.3,
    },
  },
  embedder: { model: 'small' },
  trainer: { epochs: 20, batch_size: 8, learning_rate: 5e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } },
  results: 'runs/own/results',
}

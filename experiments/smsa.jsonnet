// Sentiment of Indonesian reviews and posts (IndoNLU's SmSA): positive, neutral or negative.
//   python cli.py finetune experiments/smsa.jsonnet
local labels = import 'shared/labels.libsonnet';
labels.experiment('classification', 'smsa', {
  words: labels.words { word_dropout: 0.1 },
  dropout: 0.3,
  projection: 200,
  encoder: { hidden_size: 100, output_dropout: 0.3 },
  pooling: { methods: ['attention', 'max', 'mean'] },
  hidden_size: null,
  output_dropout: 0.3,
}, { epochs: 6, batch_size: 32, learning_rate: 1e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } })

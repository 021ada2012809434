// What hotel reviews say of ten aspects (IndoNLU's HoASA): negative, neutral, positive or both for each.
//   python cli.py finetune experiments/hoasa.jsonnet
local labels = import 'shared/labels.libsonnet';
labels.experiment('aspects', 'hoasa', {
  words: labels.words { word_dropout: 0.1 },
  dropout: 0.5,
  projection: 200,
  encoder: { hidden_size: 100, output_dropout: 0.3 },
  pooling: { methods: ['attention'] },
  hidden_size: null,
  output_dropout: 0.3,
}, { epochs: 15, batch_size: 16, learning_rate: 2e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } })

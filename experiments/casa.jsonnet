// What car reviews say of six aspects (IndoNLU's CASA): negative, neutral or positive for each.
//   python cli.py finetune experiments/casa.jsonnet
local labels = import 'shared/labels.libsonnet';
labels.experiment('aspects', 'casa', {
  dropout: 0.5,
  projection: 200,
  encoder: { hidden_size: 100, output_dropout: 0.5 },
  pooling: { methods: ['attention', 'max'] },
  hidden_size: null,
  output_dropout: 0.3,
}, { epochs: 25, batch_size: 16, learning_rate: 2e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } })

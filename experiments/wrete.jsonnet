// Whether one sentence of Wikipedia follows from another (IndoNLU's WReTE).
//   python cli.py finetune experiments/wrete.jsonnet
local labels = import 'shared/labels.libsonnet';
labels.experiment('pairs', 'wrete', {
  dropout: 0.3,
  projection: 100,
  encoder: null,
  cross_attention: 100,
  pooling: { methods: ['max', 'mean'] },
  hidden_size: 50,
  output_dropout: 0.3,
}, { epochs: 20, batch_size: 16, learning_rate: 1e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } })

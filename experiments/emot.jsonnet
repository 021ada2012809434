// Emotion of Indonesian tweets (IndoNLU's EmoT): sadness, anger, love, fear or happiness.
//   python cli.py finetune experiments/emot.jsonnet
local labels = import 'shared/labels.libsonnet';
labels.experiment('classification', 'emot', {
  dropout: 0.5,
  projection: 200,
  encoder: null,  // on validation better than a BiLSTM
  pooling: { methods: ['attention', 'max', 'mean'] },
  hidden_size: null,
  output_dropout: 0.5,
}, { epochs: 20, batch_size: 32, learning_rate: 1e-3, patience: null, schedule: { type: 'linear', warmup: 0.1 } })

// A plain LSTM of two layers.
//   python cli.py pretrain experiments/backbones/lstm.jsonnet
(import 'shared.libsonnet')('lstm', { type: 'lstm' })

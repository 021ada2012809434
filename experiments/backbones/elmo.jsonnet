// ELMo's projected LSTM (Peters et al. 2018), small: theirs has width 512 and 4,096 cells.
//   python cli.py pretrain experiments/backbones/elmo.jsonnet
(import 'shared.libsonnet')('elmo', { type: 'lstm', cell_dim: 512, residual: true })

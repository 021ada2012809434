// xLSTM[0:1]: sLSTM blocks alone.
//   python cli.py pretrain experiments/backbones/slstm.jsonnet
(import 'shared.libsonnet')('slstm', { type: 'xlstm', slstm_at: 'all', num_heads: 4 })

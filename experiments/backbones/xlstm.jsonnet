// xLSTM[1:1]: an mLSTM block and an sLSTM block.
//   python cli.py pretrain experiments/backbones/xlstm.jsonnet
(import 'shared.libsonnet')('xlstm', { type: 'xlstm', slstm_at: [1], num_heads: 4 })

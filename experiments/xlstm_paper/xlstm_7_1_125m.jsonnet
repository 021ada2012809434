// xLSTM[7:1] of the paper's size 125M.
//   python cli.py pretrain experiments/xlstm_paper/xlstm_7_1_125m.jsonnet
(import 'shared.libsonnet')(
  'xlstm_7_1_125m',
  { embedding_dim: 768, num_blocks: 24, backbone: { type: 'xlstm', slstm_at: [3, 20], num_heads: 4 } },
  3e-3
)

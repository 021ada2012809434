// xLSTM[7:1] of the paper's size 350M.
//   python cli.py pretrain experiments/xlstm_paper/xlstm_7_1_350m.jsonnet
(import 'shared.libsonnet')(
  'xlstm_7_1_350m',
  {
    embedding_dim: 1024,
    num_blocks: 48,
    backbone: { type: 'xlstm', slstm_at: [3, 5, 7, 40, 42, 44], num_heads: 4 },
  },
  1e-3
)

// xLSTM[1:0] of the paper's size 125M: mLSTM blocks alone.
//   python cli.py pretrain experiments/xlstm_paper/xlstm_1_0_125m.jsonnet
(import 'shared.libsonnet')('xlstm_1_0_125m', { embedding_dim: 768, num_blocks: 24, num_heads: 4 }, 3e-3)

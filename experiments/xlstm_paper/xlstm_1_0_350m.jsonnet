// xLSTM[1:0] of the paper's size 350M: mLSTM blocks alone.
//   python cli.py pretrain experiments/xlstm_paper/xlstm_1_0_350m.jsonnet
(import 'shared.libsonnet')('xlstm_1_0_350m', { embedding_dim: 1024, num_blocks: 48, num_heads: 4 }, 1e-3)

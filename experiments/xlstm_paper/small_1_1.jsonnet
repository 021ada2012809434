// The paper's recipe for xLSTM[1:1] at a size for two cores.
//   python cli.py pretrain experiments/xlstm_paper/small_1_1.jsonnet
(import 'small.libsonnet')('small_1_1', { backbone: { type: 'xlstm', slstm_at: [1, 3], num_heads: 4 } })

// The paper's recipe for xLSTM[1:0] at a size for two cores.
//   python cli.py pretrain experiments/xlstm_paper/small_1_0.jsonnet
(import 'small.libsonnet')('small_1_0', { num_heads: 4 })

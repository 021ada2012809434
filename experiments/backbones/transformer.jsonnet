// A causal Transformer.
//   python cli.py pretrain experiments/backbones/transformer.jsonnet
(import 'shared.libsonnet')('transformer', { type: 'transformer', num_heads: 4 })

// Associative recall at the paper's size: a vocabulary of 8,192, contexts of 64 to 256 tokens.
//   python cli.py synthetic experiments/synthetic/paper_recall.jsonnet
{
  synthetic: [
    { type: 'recall', context: shape[0], pairs: shape[1], vocabulary: 8192 }
    for shape in [[64, 4], [128, 8], [256, 16]]
  ],
  models: {
    [name + ' ' + width]: (import 'models.libsonnet')(width, 4, 256)[name]
    for name in std.objectFields((import 'models.libsonnet')(64, 4, 256))
    for width in [32, 64, 128, 256, 512]
  },
  train: { steps: 25000, learning_rates: [1e-2, 2.15e-3, 4.6e-4, 1e-4], test_sequences: 3000 },
  output: 'runs/synthetic/paper_recall',
}

// Associative recall in minutes on two cores: a vocabulary of 512 in place of the paper's 8,192.
//   python cli.py synthetic experiments/synthetic/recall.jsonnet
{
  synthetic: [
    { type: 'recall', context: 64, pairs: 4 },
    { type: 'recall', context: 128, pairs: 8 },
  ],
  models: (import 'models.libsonnet')(64, 4, 128),
  train: { steps: 2000, batch_size: 64, learning_rates: [3e-3], stop_at: 0.999, test_sequences: 512 },
  seeds: 2,
  output: 'runs/synthetic/recall',
}

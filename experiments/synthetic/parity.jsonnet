// State tracking in minutes on two cores: parity, trained on up to 40 bits, measured on up to 256.
//   python cli.py synthetic experiments/synthetic/parity.jsonnet
{
  synthetic: [{ type: 'language', language: 'parity' }],
  models: (import 'models.libsonnet')(64, 4, 258),
  train: { steps: 1500, learning_rates: [3e-3], stop_at: 1.0, test_sequences: 512 },
  seeds: 2,
  output: 'runs/synthetic/parity',
}

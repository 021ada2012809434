// All fifteen formal languages, smaller than in the paper: one rate, fewer steps; hours on two cores.
//   python cli.py synthetic experiments/synthetic/languages.jsonnet
{
  local languages = [
    'bucket_sort', 'cycle_navigation', 'even_pairs', 'majority', 'majority_count', 'missing_duplicate',
    'modular_arithmetic', 'modular_arithmetic_brackets', 'odds_first', 'parity', 'repetition', 'reverse_string', 'set',
    'solve_equation', 'stack_manipulation',
  ],
  synthetic: [{ type: 'language', language: name } for name in languages],
  models: (import 'models.libsonnet')(64, 4, 514),
  train: { steps: 3000, learning_rates: [3e-3], stop_at: 1.0, test_sequences: 512 },
  seeds: 2,
  output: 'runs/synthetic/languages',
}

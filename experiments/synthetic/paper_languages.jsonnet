// The formal languages with the paper's recipe (Beck et al. 2024, appendix D.1): three rates, batch 256.
//   python cli.py synthetic experiments/synthetic/paper_languages.jsonnet
(import 'languages.jsonnet') {
  models: (import 'models.libsonnet')(512, 4, 514),
  train: { steps: 100000, batch_size: 256, learning_rates: [1e-2, 1e-3, 1e-4], test_every: 1000 },
  output: 'runs/synthetic/paper_languages',
}

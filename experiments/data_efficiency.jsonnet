// Where pretraining pays most: three tasks on a tenth, a quarter and a half of their training data, with the frozen
// language model and without it. The same examples for all seeds; a larger share contains a smaller one. On all data
// the runs are those of indonlu.jsonnet. The leaderboard shows them as a curve.
//   python cli.py suite experiments/data_efficiency.jsonnet
local experiments = [
  import 'hoasa.jsonnet',
  import 'hoasa_baseline.jsonnet',
  import 'casa.jsonnet',
  import 'casa_baseline.jsonnet',
  import 'terma.jsonnet',
  import 'terma_baseline.jsonnet',
];
{
  experiments: [
    // Fewer examples take fewer steps, but not as few as there are fewer of them: epochs grow with the root.
    experiment {
      model: '%s-%dpct' % [experiment.model, percent],
      task+: { train_fraction: percent / 100 },
      trainer+: { epochs: std.round(experiment.trainer.epochs * std.sqrt(100 / percent)) },
    }
    for experiment in experiments
    for percent in [10, 25, 50]
  ],
  seeds: 3,
}

// The language model trained with the head, against the frozen one of the tasks' own experiments; nothing else differs.
//   python cli.py suite experiments/unfrozen.jsonnet
// The rate is the best of 3e-4, 1e-3 and 2e-3 on CASA's validation split (8 epochs, seed 0).
local fine_tune = { learning_rate: 1e-3, dropout: 0.1 };
local experiments = [
  import 'casa.jsonnet',
  import 'hoasa.jsonnet',
  import 'terma.jsonnet',
];
{
  experiments: [
    experiment { model: 'unfrozen-bilm', embedder+: { fine_tune: fine_tune } }
    for experiment in experiments
  ],
  seeds: 3,
}

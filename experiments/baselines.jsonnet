// Classical baselines of every task, in minutes on one core; they are the same for every seed:
//   python cli.py suite experiments/baselines.jsonnet --seeds 1
// One alone: --tasks nerp --models majority
local tasks = [
  import 'emot.jsonnet',
  import 'smsa.jsonnet',
  import 'casa.jsonnet',
  import 'hoasa.jsonnet',
  import 'wrete.jsonnet',
  import 'posp.jsonnet',
  import 'bapos.jsonnet',
  import 'terma.jsonnet',
  import 'keps.jsonnet',
  import 'nergrit.jsonnet',
  import 'nerp.jsonnet',
  import 'facqa.jsonnet',
  import 'absa_e2e.jsonnet',
];
local of_texts = {
  majority: { type: 'majority' },
  'tfidf-lr': { type: 'tfidf', classifier: 'logistic_regression', c: [1, 10, 100] },
  'tfidf-svm': { type: 'tfidf', classifier: 'linear_svm', c: [0.1, 1, 10] },
};
local of_words = {
  majority: { type: 'majority' },
  'linear-window': { type: 'linear-window', classifier: 'sgd_svm', c: [0.3, 3, 30] },
};
local heads = {
  classification: of_texts,
  aspects: of_texts,
  pairs: of_texts,
  tagging: of_words,
  question: of_words,
};
{
  experiments: [
    experiment {
      model: model,
      embedder:: null,
      trainer:: null,  // nothing is trained in epochs
      task+: {
        head: heads[experiment.task.type][model] +
              (if experiment.task.type == 'tagging' then { scheme: experiment.task.head.scheme } else {}),
      },
    }
    for experiment in tasks
    for model in std.objectFields(heads[experiment.task.type])
  ],
  seeds: 1,
}

// What of the language model a task lives on (the ablations of Peters et al. 2018, section 5): one direction, one
// layer, layers not weighted, weights not trained. Each changes one setting of the task's experiment:
//   python cli.py suite experiments/ablations.jsonnet
local experiments = [
  import 'nerp.jsonnet',
  import 'smsa.jsonnet',
  import 'casa.jsonnet',
  import 'terma.jsonnet',
];
local mix(change) = { task+: { head+: { mix+: change } } };
local variants = {
  'frozen-bilm': {},  // what the others are compared with; shared with indonlu.jsonnet, so it is run once
  'forward-only': mix({ direction: 'forward' }),
  'backward-only': mix({ direction: 'backward' }),
  'top-layer': mix({ layers: [-1] }),
  'token-layer': mix({ layers: [0] }),
  'plain-mean': mix({ trainable: false }),
  'random-bilm': { embedder+: { weights: 'random' } },
};
{
  experiments: [
    experiment + variants[model] + { model: model }
    for experiment in experiments
    for model in std.objectFields(variants)
  ],
  seeds: 3,
}

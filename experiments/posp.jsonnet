// Parts of speech of Indonesian news (IndoNLU's POSP): every word is a span of its own, so tags follow no scheme and are
// found each on its own.
//   python cli.py finetune experiments/posp.jsonnet
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('posp', scheme='none', epochs=6, lower_case=true) {  // the data is lower-cased
  task+: { head+: { crf: false } },
}

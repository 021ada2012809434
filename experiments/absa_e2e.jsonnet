// End-to-end aspect-based sentiment of hotel reviews: which words are an aspect, and what is thought of it.
//   python cli.py finetune experiments/absa_e2e.jsonnet
// Tags are BIOES with the polarity as type; the score is micro F1 of (span, polarity), as in published work on this set.
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('absa_e2e', scheme='bioes', epochs=10, lower_case=true, batch_size=16) {  // the data is lower-cased
  task+: { dataset: { type: 'absa_e2e' }, main_metric: 'micro_f1' },
}

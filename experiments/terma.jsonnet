// Aspect and sentiment terms of hotel reviews (IndoNLU's TermA).
//   python cli.py finetune experiments/terma.jsonnet
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('terma', scheme='bio', epochs=15, lower_case=true, batch_size=16)  // the data is lower-cased

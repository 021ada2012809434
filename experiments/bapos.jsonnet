// Parts of speech of Indonesian news (IndoNLU's BaPOS): cased words, and compounds as spans of several words.
//   python cli.py finetune experiments/bapos.jsonnet
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('bapos', scheme='bio', epochs=6)

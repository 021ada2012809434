// Named entities of Indonesian text (IndoNLU's NERGrit): persons, places and organisations, cased.
//   python cli.py finetune experiments/nergrit.jsonnet
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('nergrit', scheme='bio', epochs=12, batch_size=16)

// Named entities of Indonesian news (IndoNLU's NERP) from the frozen language model:
//   python cli.py finetune experiments/nerp.jsonnet
// The language model is the one that the package carries; another: -o embedder.model=DIRECTORY_OR_HUB_NAME
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('nerp', scheme='bio', epochs=8, lower_case=true)  // the data is lower-cased

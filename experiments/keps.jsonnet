// Keyphrases of tweets to banks (IndoNLU's KEPS): spans without types.
//   python cli.py finetune experiments/keps.jsonnet
local tagging = import 'shared/tagging_experiment.libsonnet';
tagging('keps', scheme='bio', epochs=20, batch_size=16)

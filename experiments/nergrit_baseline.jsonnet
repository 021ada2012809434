// NERGrit without the language model:
//   python cli.py finetune experiments/nergrit_baseline.jsonnet
(import 'nergrit.jsonnet') + (import 'shared/without_bilm.libsonnet')

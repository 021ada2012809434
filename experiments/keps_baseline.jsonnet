// KEPS without the language model:
//   python cli.py finetune experiments/keps_baseline.jsonnet
(import 'keps.jsonnet') + (import 'shared/without_bilm.libsonnet')

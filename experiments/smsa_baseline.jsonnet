// SmSA without the language model:
//   python cli.py finetune experiments/smsa_baseline.jsonnet
(import 'smsa.jsonnet') + (import 'shared/without_bilm.libsonnet')

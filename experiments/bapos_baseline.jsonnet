// BaPOS without the language model:
//   python cli.py finetune experiments/bapos_baseline.jsonnet
(import 'bapos.jsonnet') + (import 'shared/without_bilm.libsonnet')

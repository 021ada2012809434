// POSP without the language model:
//   python cli.py finetune experiments/posp_baseline.jsonnet
(import 'posp.jsonnet') + (import 'shared/without_bilm.libsonnet')

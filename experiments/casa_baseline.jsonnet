// CASA without the language model:
//   python cli.py finetune experiments/casa_baseline.jsonnet
(import 'casa.jsonnet') + (import 'shared/without_bilm.libsonnet')

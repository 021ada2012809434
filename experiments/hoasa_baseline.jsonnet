// HoASA without the language model:
//   python cli.py finetune experiments/hoasa_baseline.jsonnet
(import 'hoasa.jsonnet') + (import 'shared/without_bilm.libsonnet')

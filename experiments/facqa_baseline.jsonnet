// FacQA without the language model:
//   python cli.py finetune experiments/facqa_baseline.jsonnet
(import 'facqa.jsonnet') + (import 'shared/without_bilm.libsonnet')

// WReTE without the language model:
//   python cli.py finetune experiments/wrete_baseline.jsonnet
(import 'wrete.jsonnet') + (import 'shared/without_bilm.libsonnet')

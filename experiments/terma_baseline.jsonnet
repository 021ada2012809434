// TermA without the language model:
//   python cli.py finetune experiments/terma_baseline.jsonnet
(import 'terma.jsonnet') + (import 'shared/without_bilm.libsonnet')

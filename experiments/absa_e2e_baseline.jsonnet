// End-to-end aspect-based sentiment without the language model:
//   python cli.py finetune experiments/absa_e2e_baseline.jsonnet
(import 'absa_e2e.jsonnet') + (import 'shared/without_bilm.libsonnet')

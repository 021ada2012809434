// EmoT without the language model:
//   python cli.py finetune experiments/emot_baseline.jsonnet
(import 'emot.jsonnet') + (import 'shared/without_bilm.libsonnet')

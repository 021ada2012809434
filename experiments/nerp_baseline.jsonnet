// NERP without the language model: the head of nerp.jsonnet on character CNN and trained word vectors alone, so that
// the language model's worth is the difference of the two.
//   python cli.py finetune experiments/nerp_baseline.jsonnet
(import 'nerp.jsonnet') + (import 'shared/without_bilm.libsonnet')

// The text of the released model with every source once, for scripts/gpu_pretraining.py, which reads it more often:
//   python cli.py pretrain experiments/release/pretrain_gpu.jsonnet --ext-var corpus=DIRECTORY --ext-var exclude=FILE --dry-run
local text = (import 'text.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
{
  tokenizer: { name: 'runs/release/tokenizer_small', lower_case: true },
  corpus: {
    sources: [source { repeat: 1 } for source in text.sources],
    cleaning: text.cleaning,
    near_duplicates: {},
  },
  training: { max_steps: 1 },
}

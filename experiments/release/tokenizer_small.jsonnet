// The vocabulary of the small released model:
//   python cli.py tokenizer experiments/release/tokenizer_small.jsonnet --ext-var corpus=DIRECTORY --ext-var exclude=FILE
local text = (import 'text.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
{
  sources: text.sources,
  cleaning: text.cleaning,
  wordpiece: { vocab_size: 32000, min_frequency: 2, lower_case: true },
  output: 'runs/release/tokenizer_small',
}

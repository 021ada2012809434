// A lower-casing WordPiece vocabulary for experiments/pretrain_cpu.jsonnet:
//   python cli.py tokenizer experiments/tokenizer_cpu.jsonnet --ext-var corpus=DIRECTORY
local text = (import 'shared/indonesian_text.libsonnet')(std.extVar('corpus'));
{
  sources: text.sources,
  cleaning: text.cleaning,
  wordpiece: { vocab_size: 32000, min_frequency: 2, lower_case: true },
  output: 'runs/tokenizer_cpu',
}

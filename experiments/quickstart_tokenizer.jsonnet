// A vocabulary of the bundled sample text.
{
  sources: [{ type: 'local', paths: ['tasks/sample/text/running.txt'] }],
  wordpiece: { vocab_size: 1500, min_frequency: 2, lower_case: true },
  output: 'runs/quickstart/tokenizer',
}

// A very small language model of the bundled sample text: a smoke test, not a useful model.
{
  tokenizer: { name: 'runs/quickstart/tokenizer', lower_case: true },
  corpus: {
    sources: [{ type: 'local', paths: ['tasks/sample/text/running.txt'] }],
    validation_fraction: 0.05,
    workers: 1,
  },
  corpus_directory: 'runs/quickstart/corpus',
  model: { embedding_dim: 64, num_blocks: 2, num_heads: 2, dropout: 0.1, context_length: 64 },
  optimizer: { learning_rate: 3e-3, weight_decay: 0.1 },
  schedule: { warmup_steps: 10, decay: 'cosine' },
  training: { max_steps: 80, batch_size: 16, validate_every: 20, log_every: 20 },
  output: 'runs/quickstart/pretrain',
}

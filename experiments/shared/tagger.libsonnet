// The parts that tagging experiments share.
{
  // ELMo's recipe for named entities: the mixed layers beside a character CNN and trained word vectors.
  characters: { dim: 30, filters: 50, kernel_size: 3 },
  words: { dim: 100, lower_case: true, min_count: 2, word_dropout: 0.1 },
  encoder: { hidden_size: 200, num_layers: 1, output_dropout: 0.5 },
  trainer: { epochs: 40, batch_size: 32, learning_rate: 1e-3, patience: 6, schedule: { type: 'reduce_on_plateau', factor: 0.5, patience: 2 } },
}

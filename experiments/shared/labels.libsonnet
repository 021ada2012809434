// The parts that experiments on labelled texts share.
{
  characters: { dim: 30, filters: 50, kernel_size: 3 },
  words: { dim: 100, lower_case: true, min_count: 2, word_dropout: 0.3 },
  // An experiment on the frozen language model; the data set is IndoNLU's of that name.
  experiment(type, name, head, trainer):: {
    model: 'frozen-bilm',
    task: {
      type: type,
      name: name,
      dataset: { type: 'indonlu', name: name },
      lower_case: true,
      head: { mix: { layer_norm: true }, characters: $.characters, words: $.words } + head,
    },
    embedder: { model: 'small', pooling: 'boundary' },
    trainer: trainer,
    seed: 0,
  },
}

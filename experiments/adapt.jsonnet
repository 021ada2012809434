// The bundled model goes on with text of one's own (docs/adapting.md), in minutes on a CPU:
//   python cli.py pretrain experiments/adapt.jsonnet --ext-var text=reviews.txt
// text: files or globs, with commas between them; a document a line (or .jsonl with a key "text"). Another model to start
// from, such as a pretraining run, which has its soft-max still: -o initial_model=RUN
{
  initial_model: 'small',  // tokenizer and architecture are its own
  corpus: {
    sources: [{ type: 'local', paths: std.split(std.extVar('text'), ','), documents: 'line' }],
    cleaning: { min_characters: 10 },
    validation_fraction: 0.05,
  },
  corpus_directory: 'runs/adapt_corpus',
  model: { dropout: 0.1 },  // a little text, read several times
  softmax_loss: { type: 'sampled', samples: 4096 },  // validation stays exact
  // A fraction of pretraining's rate, and down to nothing: the model is to learn the text and to forget little.
  optimizer: { learning_rate: 1e-3, betas: [0.9, 0.95], epsilon: 1e-5, weight_decay: 0.1 },
  schedule: { warmup_steps: 20, decay: 'linear', final_fraction: 0.0 },
  training: {
    epochs: 4,
    max_steps: 600,
    batch_size: 16,
    validate_every: 50,
    validation_tokens: 40000,
    log_every: 10,
  },
  output: 'runs/adapt',
  seed: 0,
}

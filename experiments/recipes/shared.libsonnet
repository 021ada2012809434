// What all recipes share: the base that each changes in one respect, and the text, of which a sample is enough here.
//   { sources, tokenizer(name, vocab_size, lower_case), pretrain(name) }
local release = import 'text.libsonnet';
function(corpus, exclude)
  local whole = release(corpus, exclude);
  // About 3 M tokens of the released models' text in the same proportions; less than half of them are read.
  local sources = [source { share: 0.15 * source.share } for source in whole.sources];
  {
    sources: whole.sources,
    tokenizer(name, vocab_size, lower_case): {
      sources: sources,
      cleaning: whole.cleaning,
      wordpiece: { vocab_size: vocab_size, min_frequency: 2, lower_case: lower_case },
      output: 'runs/recipes/' + name,
    },
    pretrain(name): {
      tokenizer: { name: 'runs/recipes/tokenizer_16k', lower_case: true },
      // Enough is held out for scores that tell recipes apart.
      corpus: { sources: sources, cleaning: whole.cleaning, validation_fraction: 0.02 },
      model: {
        embedding_dim: 192,
        num_blocks: 2,
        num_heads: 4,
        dropout: 0.0,  // less than one pass over the text: nothing to overfit
        context_length: 128,
        softmax: 'separate',
      },
      softmax_loss: { type: 'sampled', samples: 2048 },
      // As the xLSTM paper trains language models (Beck et al. 2024): all but the learning rate, which suits this width.
      optimizer: { learning_rate: 3e-3, betas: [0.9, 0.95], epsilon: 1e-5, weight_decay: 0.1, gradient_clip: 1.0 },
      schedule: { warmup_steps: 40, decay: 'cosine', final_fraction: 0.1 },
      training: {
        max_steps: 256,  // 1.05 M tokens
        batch_size: 32,
        precision: 'auto',
        log_every: 16,
        validate_every: 128,  // a multiple of log_every: validation is then not within what is timed
        keep_checkpoints: 1,
      },
      output: 'runs/recipes/' + name,
      seed: 0,
    },
  }

// The small released model: carried in the package, made to run on a CPU, trained on one core.
//   python cli.py pretrain experiments/release/pretrain_small.jsonnet --ext-var corpus=DIRECTORY --ext-var exclude=FILE
local text = (import 'text.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
{
  tokenizer: { name: 'runs/release/tokenizer_small', lower_case: true },
  corpus: { sources: text.sources, cleaning: text.cleaning },
  model: {
    embedding_dim: 320,
    num_blocks: 2,
    num_heads: 4,
    dropout: 0.0,  // less than one pass over the text: nothing to overfit
    context_length: 128,
  },
  softmax_loss: { type: 'sampled', samples: 4096 },
  optimizer: { learning_rate: 2e-3, betas: [0.9, 0.95], weight_decay: 0.1 },
  schedule: { warmup_steps: 200, decay: 'cosine', final_fraction: 0.05 },
  training: {
    max_steps: 4200,  // 81 % of a pass
    batch_size: 32,
    precision: 'bf16',
    compile: true,
    validate_every: 500,
    validation_tokens: 60000,
  },
  output: 'runs/release/pretrain_small',
  seed: 0,
}

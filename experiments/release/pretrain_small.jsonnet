// The small released model: carried in the package, made to run on a CPU, trained on one core.
//   python cli.py pretrain experiments/release/pretrain_small.jsonnet --ext-var corpus=DIRECTORY --ext-var exclude=FILE
//
// Vocabulary, depth, rate and schedule follow the recipes of docs/pretraining.md; 320 is the largest multiple of 32 that 24 MB hold.
local text = (import 'text.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
{
  tokenizer: { name: 'runs/release/tokenizer_small', lower_case: true },
  corpus: { sources: text.sources, cleaning: text.cleaning },
  model: {
    embedding_dim: 320,
    num_blocks: 1,
    num_heads: 4,
    dropout: 0.0,  // about one pass over the text: nothing to overfit
    context_length: 128,
  },
  softmax_loss: { type: 'sampled', samples: 4096 },
  optimizer: { learning_rate: 4e-3, betas: [0.9, 0.95], epsilon: 1e-5, weight_decay: 0.1 },
  schedule: { warmup_steps: 200, decay: 'linear', final_fraction: 0.0, decay_steps: 1150 },
  training: {
    max_steps: 4600,  // about a pass
    batch_size: 32,
    precision: 'bf16',
    compile: true,
    validate_every: 460,
    validation_tokens: 60000,
  },
  output: 'runs/release/pretrain_small',
  seed: 0,
}

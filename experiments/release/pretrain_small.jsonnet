// The small released model: carried in the package, made to run on a CPU, trained in eight minutes on one GPU.
//   python cli.py pretrain experiments/release/pretrain_small.jsonnet --ext-var corpus=DIRECTORY --ext-var exclude=FILE
//
// Where a GPU is lent by the minute: scripts/gpu_pretraining.py with pretrain_gpu.jsonnet. 22.9 million weights in int8
// are what 24 MB hold.
local text = (import 'text.libsonnet')(std.extVar('corpus'), std.extVar('exclude'));
{
  tokenizer: { name: 'runs/release/tokenizer_small', lower_case: true },
  corpus: { sources: text.sources, cleaning: text.cleaning, near_duplicates: {} },
  model: {
    embedding_dim: 512,
    num_blocks: 2,
    num_heads: 4,
    dropout: 0.0,
    context_length: 256,
  },
  softmax_loss: { type: 'full' },
  optimizer: { learning_rate: 4e-3, betas: [0.9, 0.95], epsilon: 1e-8, weight_decay: 0.1 },
  schedule: { warmup_steps: 500, decay: 'linear', final_fraction: 0.0, decay_steps: 3350 },
  training: {
    max_steps: 13400,  // 439 million pieces: four passes, in which reviews and everyday language are read twice
    batch_size: 128,
    precision: 'bf16',
    compile: true,
    validate_every: 1675,
  },
  output: 'runs/release/pretrain_small',
  seed: 0,
}

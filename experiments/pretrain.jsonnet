// The model card's recipe on the Indonesian Wikipedia. Needs a GPU for a reasonable time:
//   python cli.py pretrain experiments/pretrain.jsonnet
//
// Where the card contradicts itself:
// - It names 4 heads of 192 at width 768. With projection factor 2 the mLSTM cell works at width 1536, so that 4 heads
//   are 384 wide. The reading taken is the one the weights can have: 4 heads, projection factor 2.
// - It calls the tokenizer's model uncased and its own model case-sensitive. cahya/bert-base-indonesian-522M was trained
//   on lower-cased text, so its vocabulary has almost no piece with a capital letter. The reading taken is "casing kept"
//   (lower_case: false), as the card says of its text. Set lower_case: true for the vocabulary's own casing.
{
  tokenizer: { name: 'cahya/bert-base-indonesian-522M', lower_case: false },
  corpus: {
    sources: [{ type: 'huggingface', name: 'wikimedia/wikipedia', config_name: '20231101.id', split: 'train', text_field: 'text' }],
    cleaning: { min_characters: 50, strip_markup: true },
  },
  model: {
    embedding_dim: 768,
    num_blocks: 8,
    num_heads: 4,
    proj_factor: 2.0,
    conv1d_kernel_size: 4,
    qkv_proj_blocksize: 4,
    dropout: 0.1,
    context_length: 256,
  },
  softmax_loss: { type: 'full' },
  optimizer: { learning_rate: 3e-4, gradient_clip: 1.0 },
  schedule: { warmup_steps: 500, decay: 'constant' },
  training: {
    epochs: 3,
    batch_size: 16,
    gradient_accumulation: 2,
    precision: 'auto',  // bf16 on a GPU
    validate_every: 2000,
    validation_tokens: 1000000,
  },
  output: 'runs/pretrain',
  seed: 0,
}

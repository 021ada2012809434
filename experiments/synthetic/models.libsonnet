// The models that are compared: xLSTM[1:0] (mLSTM), [0:1] (sLSTM), [1:1], LSTM and Transformer, two blocks each.
//   function(dim, heads, context)
// sLSTM blocks are without convolution and with uniform initial weights, as the paper has them on these tasks.
function(dim, heads, context) {
  local sizes = { embedding_dim: dim, num_blocks: 2, dropout: 0, context_length: context },
  local slstm = { type: 'xlstm', num_heads: heads, slstm_conv1d_kernel_size: 0, slstm_initialization: 'uniform' },
  'xLSTM[1:0]': sizes { num_heads: heads },
  'xLSTM[0:1]': sizes { backbone: slstm { slstm_at: 'all' } },
  'xLSTM[1:1]': sizes { backbone: slstm { slstm_at: [1] } },
  LSTM: sizes { backbone: { type: 'lstm' } },
  Transformer: sizes { backbone: { type: 'transformer', num_heads: heads } },
}

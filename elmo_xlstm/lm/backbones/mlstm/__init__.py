"""The mLSTM backbone: cell, layer, stack, and the kernels that may compute them."""

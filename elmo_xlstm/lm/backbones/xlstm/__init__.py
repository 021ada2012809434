"""The xLSTM backbone: mLSTM blocks and, where they are asked for, sLSTM blocks."""

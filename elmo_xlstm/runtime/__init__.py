"""What answers without torch: vectors of raw text, Viterbi, models exported to ONNX."""

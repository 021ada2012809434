"""Models in the formats of other programs: ONNX graphs, static vectors."""

"""The encoder-combiner-decoder model."""

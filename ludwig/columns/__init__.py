"""The data as tensors."""

from ludwig.columns.dense import Dense
from ludwig.columns.files import Decoder, Files
from ludwig.columns.frame import Augment, Block, Column, Frame
from ludwig.columns.ragged import Padded, Ragged

__all__ = ["Augment", "Block", "Column", "Decoder", "Dense", "Files", "Frame", "Padded", "Ragged"]

"""The pretrained language model that answers prompts."""

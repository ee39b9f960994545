r"""What is done with whole videos: index, check, copy, draw."""

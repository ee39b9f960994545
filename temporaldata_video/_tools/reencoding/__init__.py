r"""Copies videos into an encoding that is read fast at random, frame for frame."""

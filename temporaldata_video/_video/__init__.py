r"""A lazy video: its recording, its windows, and how frames are read for them."""

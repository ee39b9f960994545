r"""Gives every frame its time: reads clocks, examines them, fits them to the frames."""

r"""Gives every frame its time: reads clocks, examines them, lays them beside the frames."""

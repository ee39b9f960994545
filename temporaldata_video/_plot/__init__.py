r"""Draws pictures from arrays: frames in a sheet or along time, spikes, traces, pose."""

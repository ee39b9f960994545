r"""What each host of the series classes needs, and nothing else."""

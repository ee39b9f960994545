r"""Holds what each host of the series classes needs, and nothing else."""

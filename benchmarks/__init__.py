r"""Measures this package against the readers that people use, and against FFmpeg itself."""

import os

# One thread everywhere, said before the libraries that read it are loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

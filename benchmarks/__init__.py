"""Segue beside its peers, measured. ``make bench`` and ``make bench-long`` run it in the peers' environment.

One thread everywhere: the libraries read these when they are first imported, so they are set before anything else.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

"""A fixed turn of sentence vectors to 256 dimensions.

One random orthonormal matrix (Johnson and Lindenstrauss 1984): it needs no training data, is the same on
every machine, and keeps cosines to within a few hundredths.
"""

import numpy as np
import numpy.typing as npt

DIMS = 256
TOKENS = 256
"""Of a text that are seen: what all-MiniLM-L6-v2 was trained to see."""
_SEED = 20_240_601


def projection(width: int) -> npt.NDArray[np.float32]:
    """(width, 256) with orthonormal columns, or rows where width is below 256; the same everywhere."""
    random = np.random.default_rng(_SEED).standard_normal((max(width, DIMS), min(width, DIMS)))
    basis, triangle = np.linalg.qr(random)
    basis = basis * np.sign(np.diag(triangle))  # LAPACKs differ in signs
    matrix = basis if width >= DIMS else basis.T
    return np.ascontiguousarray(matrix, dtype=np.float32)

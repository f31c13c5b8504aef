"""Arrays in MATLAB's .mat files, versions 4 to 7.2."""

from pathlib import Path

import numpy as np
from scipy.io import loadmat

from src.foundation.errors import UserError

MEND = "replace the file, then run the same command: it continues"


def read_mat(path: Path, variable: str) -> np.ndarray:
    """Read a variable of a .mat file: an array of numbers, or of records whose fields are arrays.

    Raises:
        UserError: the file cannot be read, is of another kind or version, or has no such variable.
    """
    try:
        found = loadmat(path, variable_names=[variable])
    except NotImplementedError as error:
        why = "it is a .mat file of version 7.3, which the dataset has not"
        raise UserError(f"{path} cannot be read", why, MEND) from error
    except MemoryError as error:
        raise UserError(f"{path} cannot be read", "it claims to hold more than fits into memory", MEND) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read", str(error), MEND) from error
    except Exception as error:  # a damaged file makes scipy raise almost any error
        why = f"it is no whole .mat file ({type(error).__name__}: {error})"
        raise UserError(f"{path} cannot be read", why, MEND) from error
    if variable not in found:
        raise UserError(f"{path} has no variable {variable}", "it is another .mat file than the dataset's", MEND)
    return np.asarray(found[variable])

"""Files of MATLAB, both forms: up to version 7 (``loadmat``) and 7.3, which is HDF5 (``open_hdf5``)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.data.files.opening import require_regular, unreadable
from src.foundation.errors import UserError

MEND = "replace the file, then run the same command: it continues"
HDF5 = b"\x89HDF\r\n\x1a\n"
MATLAB_5 = b"MATLAB 5.0"
HDF5_STARTS = (0, 512, 1024, 2048)
"""Where the content of an HDF5 file may begin; MATLAB puts 512 bytes of its own before it."""


def form_of(path: Path) -> str:
    """Return ``7.3``, ``5`` or ``other``; raises UserError unless ``path`` is a regular file that may be read."""
    require_regular(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(HDF5_STARTS[-1] + len(HDF5))
    except OSError as error:
        raise unreadable(path, error) from error
    if any(start[at:].startswith(HDF5) for at in HDF5_STARTS):
        return "7.3"
    return "5" if start.startswith(MATLAB_5) else "other"


def read_matlab(path: Path, names: Sequence[str], mend: str = MEND, records: bool = False) -> dict[str, np.ndarray]:
    """Read arrays of numbers from a .mat file up to version 7.

    Args:
        path: the file.
        names: the arrays.
        mend: what to do about a file that is not as it should be.
        records: read arrays of records, whose fields are arrays, in their place.

    Raises:
        UserError: it is no such file, is not whole, or lacks one of ``names``, or one of them holds no numbers.
    """
    from scipy.io import loadmat

    form = form_of(path)
    if form != "5":
        why = "it is a MATLAB 7.3 file; save it with -v7" if form == "7.3" else "it does not begin as MATLAB files do"
        raise UserError(f"{path} is no MATLAB file of version 5 to 7", why, mend)
    try:
        found = loadmat(path, variable_names=list(names))
    except Exception as error:  # a damaged file fails anywhere in scipy's reader
        raise UserError(f"{path} is not whole", str(error) or type(error).__name__, mend) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{path} has no {' and no '.join(missing)}", "it is another file of that name", mend)
    for name in names:
        if not records and (not isinstance(found[name], np.ndarray) or found[name].dtype.kind not in "buif"):
            kind = getattr(found[name], "dtype", type(found[name]).__name__)
            raise UserError(f"{name} of {path} holds no numbers", f"its type is {kind}", mend)
    return {name: found[name] for name in names}


def open_hdf5(path: Path, extra: str, mend: str) -> Any:
    """Open a .mat file of version 7.3 for reading.

    Args:
        path: the file.
        extra: the command that installs h5py.
        mend: what to do about a file that is not whole.

    Raises:
        UserError: h5py is not installed, or the file is of another form or not whole.
    """
    try:
        import h5py
    except ImportError as error:
        raise UserError(f"{path.name} needs h5py to be read", mend=extra) from error
    form = form_of(path)
    if form != "7.3":
        what = "a MATLAB file of version 5 to 7, not 7.3" if form == "5" else "neither HDF5 nor a MATLAB file"
        raise UserError(f"{path} is not a whole file of MATLAB 7.3", f"it is {what}", mend)
    try:
        return h5py.File(path, "r")
    except BlockingIOError as error:
        raise unreadable(path, error) from error
    except Exception as error:
        raise UserError(f"{path} is not a whole file of MATLAB 7.3", str(error), mend) from error


def hdf5_array(file: Any, name: str) -> Any:
    """Return an array of an open HDF5 file; raises ValueError for anything that is not an array in the file itself."""
    import h5py

    link = file.get(name, getlink=True)
    if link is None:
        raise ValueError(f"it has no {name}")
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"its {name} is a link to something else")
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"its {name} is a group, not an array")
    if found.external or found.is_virtual:
        raise ValueError(f"the values of its {name} are in other files")
    return found

"""Thinning of binary maps to curves one pixel wide."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[Any]
"""Of uint64."""
BANDS = 64
"""Bits of a word: each holds a band of rows."""
ONE = np.uint64(1)


def thin(binary: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin a binary map (H, W) until nothing changes, as MATLAB's ``bwmorph(binary, 'thin', Inf)``.

    Two alternating passes delete at once all pixels that satisfy G1 to G3, or G1, G2 and G3' (Guo and Hall 1989; Lam,
    Lee and Suen 1992, section IV): 8-connected components and their holes are kept, ends of curves too. What lies
    outside the map is empty.

    A word of 64 bits holds the pixels of 64 equally high bands of rows, so that one operation on words decides for 64
    pixels, and a neighbour is a slice.
    """
    words = _pack(binary)
    stride = words.shape[1]
    flat = words.ravel()
    # from the first pixel to the last, with the empty borders left and right between them
    inner = flat[stride + 1 : -stride - 1]
    unchanged = 0
    first_pass = True
    while unchanged < 2:
        _fill_borders(words)
        deleted = inner & _deletable(flat, stride, first_pass)
        unchanged = 0 if deleted.any() else unchanged + 1
        inner ^= deleted
        first_pass = not first_pass
    return _unpack(words[1:-1, 1:-1], binary.shape)


def _pack(binary: NDArray[np.bool_]) -> Words:
    """Return words (2 + H / 64, 2 + W): bit b of word (1 + i, 1 + x) is pixel (b * H / 64 + i, x), the border empty."""
    height, width = binary.shape
    rows = -(-height // BANDS)
    filled = np.zeros((BANDS * rows, width), dtype=np.uint8)
    filled[:height] = binary
    bits = np.packbits(filled.reshape(BANDS, -1), axis=0, bitorder="little")
    words = np.zeros((rows + 2, width + 2), dtype=np.uint64)
    words[1:-1, 1:-1] = np.ascontiguousarray(bits.T).view("<u8").reshape(rows, width)
    return words


def _unpack(words: Words, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    height, width = shape
    octets = np.ascontiguousarray(words, dtype="<u8").reshape(-1, 1).view(np.uint8)
    bits = np.unpackbits(octets, axis=1, bitorder="little")
    return bits.T.reshape(-1, width)[:height].astype(bool)


def _fill_borders(words: Words) -> None:
    """Give each band the last row of the band above it and the first of the band below it."""
    words[0] = words[-2] << ONE
    words[-1] = words[1] >> ONE


def _deletable(flat: Words, stride: int, first_pass: bool) -> Words:
    """Return which pixels the pass may delete; x1 to x8 are the neighbours from east on, counterclockwise."""
    offsets = (1, 1 - stride, -stride, -stride - 1, -1, stride - 1, stride, stride + 1)
    first, last = stride + 1, len(flat) - stride - 1
    x1, x2, x3, x4, x5, x6, x7, x8 = (flat[first + offset : last + offset] for offset in offsets)
    x23, x45, x67, x81 = x2 | x3, x4 | x5, x6 | x7, x8 | x1
    # G1: there is one way out of the component's background, 0 at x1, x3, x5 or x7 followed by a 1
    c1, c2, c3, c4 = x23 & ~x1, x45 & ~x3, x67 & ~x5, x81 & ~x7
    one_crossing = ((c1 ^ c2) & ~(c3 | c4)) | ((c3 ^ c4) & ~(c1 | c2))
    # G2: the smaller count of neighbours in pairs, by either pairing, is 2 or 3: no end of a curve, no inner pixel
    pairs = (x1 | x2, x3 | x4, x5 | x6, x7 | x8), (x23, x45, x67, x81)
    (several, full), (several_too, full_too) = (_at_least_two_and_all(*four) for four in pairs)
    # G3 takes from the south east, G3' from the north west
    kept = (x23 | ~x8) & x1 if first_pass else (x67 | ~x4) & x5
    return one_crossing & several & several_too & ~(full & full_too) & ~kept


def _at_least_two_and_all(a: Words, b: Words, c: Words, d: Words) -> tuple[Words, Words]:
    ab, cd = a & b, c & d
    return ab | cd | ((a | b) & (c | d)), ab & cd

"""Where to shade: once in a pixel that shows one face, four times where it shows several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyhole.data.streetcam.raster import Map

FINE = 2
"""How much finer the map of faces is than the picture."""

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """Points to shade.

    Attributes:
        face: number of the face that each shows (0 also where it shows none).
        x, y: where it is, in the map's pixels.
        plain: pixels of the picture that have one sample; theirs come first.
        mixed: pixels that have four; theirs follow, all first ones, all second ones, …
        covered: of the four samples of the mixed pixels, which show a face, 4×M.
        size: side of the picture.
    """

    face: npt.NDArray[np.int32]
    x: Floats
    y: Floats
    plain: Ints
    mixed: Ints
    covered: npt.NDArray[np.uint16]
    size: int

    def gather(self, colours: Bytes) -> Bytes:
        """Mean of each pixel's samples.

        Args:
            colours: 3×N bytes, one column a sample.

        Returns:
            size×size×4: RGB, weakened by coverage, and coverage.
        """
        result = np.zeros((self.size * self.size, 4), dtype=np.uint8)
        count = len(self.plain)
        for i in range(3):
            result[self.plain, i] = colours[i, :count]
            four = colours[i, count:].reshape(4, -1) * self.covered
            result[self.mixed, i] = (four[0] + four[1] + four[2] + four[3] + 2) >> 2
        result[self.plain, 3] = 255
        covered = self.covered
        result[self.mixed, 3] = (255 * (covered[0] + covered[1] + covered[2] + covered[3])) >> 2
        return result.reshape(self.size, self.size, 4)


def pick(face_map: Map, detailed: npt.NDArray[np.bool_]) -> Samples:
    """Choose the samples.

    Args:
        face_map: face numbers plus one, 0 where there is none; twice as fine as the picture.
        detailed: which of these numbers are always sampled four times, because they show a picture.
    """
    size = face_map.shape[0] // 2
    four = [face_map[i::2, j::2].reshape(-1) for i in (0, 1) for j in (0, 1)]
    first = four[0]
    same = (first == four[1]) & (first == four[2]) & (first == four[3])
    whole = same & ~detailed[first]
    plain = np.flatnonzero(whole & (first > 0))
    mixed = np.flatnonzero(~whole)
    row, column = np.divmod(np.concatenate([plain, np.tile(mixed, 4)]), size)
    x, y = (2 * column).astype(np.float32), (2 * row).astype(np.float32)
    count, step = len(plain), len(mixed)
    x[:count] += 0.5
    y[:count] += 0.5
    for number in range(1, 4):
        part = slice(count + number * step, count + (number + 1) * step)
        x[part] += number % 2
        y[part] += number // 2
    numbers = np.concatenate([first[plain], *(values[mixed] for values in four)])
    covered = (numbers[count:].reshape(4, -1) > 0).astype(np.uint16)
    return Samples(np.maximum(numbers - 1, 0), x, y, plain, mixed, covered, size)

"""The 13 classes of indoor scenes, in the order of label13."""

from enum import IntEnum


class Label(IntEnum):
    """Class indices of label13; what nobody labelled is -1."""

    UNLABELLED = -1
    BED = 0
    BOOKS = 1
    CEILING = 2
    CHAIR = 3
    FLOOR = 4
    FURNITURE = 5
    OBJECTS = 6
    PICTURE = 7
    SOFA = 8
    TABLE = 9
    TV = 10
    WALL = 11
    WINDOW = 12

"""The 19 classes of road scenes, in the order of Cityscapes' training classes (label19)."""

from enum import IntEnum


class Road(IntEnum):
    """Class indices of label19; what nobody labelled is -1."""

    UNLABELLED = -1
    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    TRAFFIC_LIGHT = 6
    TRAFFIC_SIGN = 7
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    PERSON = 11
    RIDER = 12
    CAR = 13
    TRUCK = 14
    BUS = 15
    TRAIN = 16
    MOTORCYCLE = 17
    BICYCLE = 18

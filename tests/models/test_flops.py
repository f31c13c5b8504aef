"""What a network costs, counted by hand for a small one."""

from src.models.flops import forward_flops

OUTPUTS = {"semantic": 5, "depth": 1}
SMALL = {"_target_": "small", "filters": [4, 6]}


def convolution(height: int, width: int, channels_in: int, channels_out: int, side: int = 3) -> int:
    """Two operations for each multiply-add of a convolution with an output of ``height`` x ``width``."""
    return 2 * height * width * channels_in * channels_out * side**2


ENCODER = (
    convolution(8, 16, 3, 4) + convolution(8, 16, 4, 4)  # encoder1, at half the image's 16 x 32
    + convolution(4, 8, 4, 6) + convolution(4, 8, 6, 6)  # bottleneck, at a quarter
)  # fmt: skip
DECODER = convolution(8, 16, 6 + 4, 4)
HEADS = sum(convolution(8, 16, 4, 4) + convolution(8, 16, 4, 4 * channels, side=1) for channels in OUTPUTS.values())


def test_operations_of_a_whole_network_by_hand() -> None:
    assert forward_flops(SMALL, OUTPUTS, (16, 32)) == ENCODER + DECODER + HEADS


def test_a_teacher_that_is_asked_for_a_level_stops_there_and_runs_no_head() -> None:
    assert forward_flops(SMALL, OUTPUTS, (16, 32), ["bottleneck"]) == ENCODER
    assert forward_flops(SMALL, OUTPUTS, (16, 32), ["bottleneck", "decoder"]) == ENCODER + DECODER

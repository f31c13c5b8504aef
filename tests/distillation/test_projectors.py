"""Projectors of foundation models, and adaptors that start as the identity."""

import pytest
import torch

from src.app.conf import option
from src.distillation.adaptors.base import ADAPTORS
from src.distillation.adaptors.linear import linear
from src.distillation.adaptors.mlp_gelu import MlpGelu
from src.distillation.adaptors.residual import Residual
from src.distillation.adaptors.transformer import Transformer


def test_a_linear_adaptor_starts_as_the_identity_where_channels_agree() -> None:
    feature = torch.randn(2, 6, 4, 5)
    torch.testing.assert_close(linear(6, 6, init="identity")(feature), feature)
    torch.testing.assert_close(Residual(6, 6, init="identity")(feature), feature)
    assert not torch.allclose(linear(6, 6)(feature), feature)
    assert linear(6, 6, init="identity").weight.requires_grad


@pytest.mark.parametrize(("narrow", "wide"), [(4, 9), (3, 64)])
def test_where_channels_differ_it_starts_orthogonal(narrow: int, wide: int) -> None:
    feature = torch.randn(2, narrow, 4, 5)
    widened = linear(narrow, wide, init="identity")(feature)
    torch.testing.assert_close(widened.norm(dim=1), feature.norm(dim=1))
    matrix = linear(wide, narrow, init="identity").weight[:, :, 0, 0]
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(narrow))


def test_the_papers_adaptor_is_the_usual_one() -> None:
    torch.manual_seed(3)
    expected = linear(6, 6, init="xavier").weight
    torch.manual_seed(3)
    assert torch.equal(ADAPTORS.bind(option("adaptor", "linear"))(6, 6).weight, expected)


def test_a_perceptron_adapts_each_location_by_itself_in_training_too() -> None:
    adaptor = MlpGelu(6, 9, expansion=2.0).train()
    feature = torch.randn(3, 6, 4, 5)
    whole = adaptor(feature)
    torch.testing.assert_close(adaptor(feature[1:2, :, 2:3, 3:4]), whole[1:2, :, 2:3, 3:4])
    assert sum(p.numel() for p in adaptor.parameters()) == 6 * 18 + 18 + 2 * 18 + 18 * 9 + 9


def test_a_transformer_sees_the_whole_image_of_any_size_but_no_other_image() -> None:
    adaptor = Transformer(6, 9)
    for size in ((4, 5), (1, 1), (7, 2)):
        feature = torch.randn(2, 6, *size, requires_grad=True)
        adapted = adaptor(feature)
        assert adapted.shape == (2, 9, *size)
        (gradient,) = torch.autograd.grad(adapted[0, :, 0, 0].square().sum(), feature)
        assert (gradient[0].abs().sum(0) > 0).all()
        assert not gradient[1].any()


def test_attention_in_a_transformer_is_that_of_torch() -> None:
    """With the same weights, torch's own pre-norm encoder layer followed by the linear map gives the same."""
    ours = Transformer(8, 3, heads=2, expansion=2.0).eval()
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    norm, attention = ours.attention
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([attention.query.weight, attention.key_value.weight]))
        theirs.self_attn.in_proj_bias.zero_()
        theirs.self_attn.out_proj.load_state_dict(attention.out.state_dict())
        for own, other in ((norm, theirs.norm1), (ours.perceptron[0], theirs.norm2)):
            other.load_state_dict(own.state_dict())
        theirs.linear1.load_state_dict(ours.perceptron[1].state_dict())
        theirs.linear2.load_state_dict(ours.perceptron[3].state_dict())
    feature = torch.randn(2, 8, 3, 4)
    expected = ours.out(theirs(feature.flatten(2).transpose(1, 2))).transpose(1, 2).unflatten(2, (3, 4))
    torch.testing.assert_close(ours(feature), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("keys", "size"), [(12, (3, 4)), (6, (2, 3)), (4, (1, 3)), (1, (1, 1))])
def test_large_levels_are_pooled_to_at_most_so_many_keys(keys: int, size: tuple[int, int]) -> None:
    attention = Transformer(6, 6, keys=keys).attention[1]
    seen: list[torch.Size] = []
    attention.key_value.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    attention(torch.randn(2, 3, 4, 6))
    assert tuple(seen[0][1:3]) == size or seen[0][1] * seen[0][2] <= keys
    assert seen[0][1] * seen[0][2] <= keys
    torch.testing.assert_close(
        Transformer(6, 6, keys=None).attention[1]._pooled(torch.ones(1, 3, 4, 6)), torch.ones(1, 3, 4, 6)
    )

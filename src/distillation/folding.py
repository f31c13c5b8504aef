"""Frozen networks made cheaper to run."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batchnorm(module: nn.Module) -> None:
    """Fold each BatchNorm in eval mode into the convolution right before it, wherever the two follow in a Sequential.

    An identity takes its place, so that positions stay what they were.
    """
    for parent in list(module.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for (before, convolution), (name, norm) in pairwise(list(parent.named_children())):
            # subclasses do more: timm's BatchNormAct2d, for one, has an activation in it
            if type(convolution) is nn.Conv2d and type(norm) is nn.BatchNorm2d and norm.running_mean is not None:
                parent._modules[before] = fuse_conv_bn_eval(convolution.eval(), norm.eval())
                parent._modules[name] = nn.Identity()


def keep_in_autocast_precision(module: nn.Module, device: torch.device) -> None:
    """Round frozen kernels once as autocast, where it is on, would at every step; outputs stay the same."""
    if not torch.is_autocast_enabled(device.type):
        return
    dtype = torch.get_autocast_dtype(device.type)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            layer.to(dtype)

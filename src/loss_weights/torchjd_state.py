"""TorchJD modules with a memory, kept outside the module tree, and that memory as plain tensors."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torchjd._mixins import Stateful
from torchjd.aggregation import GradVac, NashMTL
from torchjd.scalarization import FAMO

from src.foundation.errors import UserError

Module = TypeVar("Module", bound=nn.Module)


KNOWN = (GradVac, NashMTL, FAMO)
"""Modules with a memory that is saved and restored here."""


class TorchJdModule(Generic[Module]):
    """A TorchJD module that stays on the CPU and whose parameters the run's optimiser does not update.

    Their memory is in lazy buffers, arrays and optimisers, which a state_dict lacks or cannot be loaded into.

    Raises:
        UserError: the module needs packages that are not installed, or has a memory that could not be saved.
    """

    def __init__(self, build: Callable[[], Module]) -> None:
        try:
            self.module = build()
        except ImportError as error:
            raise UserError(
                "this loss weighting needs packages that are not installed",
                str(error).split(". ")[0],
                "pip install --editable '.[balancing]'",
            ) from error
        if not isinstance(self.module, KNOWN):
            refuse_unsaved_memory(self.module)

    def state(self) -> dict[str, Tensor]:
        """Return the module's memory between steps, empty before the first."""
        return {key: torch.as_tensor(value).detach().clone() for key, value in _memory(self.module).items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Set the module's memory to ``state``."""
        if state:
            _remember(self.module, {key: value.cpu().clone() for key, value in state.items()})


def refuse_unsaved_memory(module: nn.Module) -> None:
    """Raise UserError where a part of ``module`` remembers something that a state_dict would lack."""
    for part in module.modules():
        if isinstance(part, Stateful) and not list(part.parameters()):
            raise UserError(
                f"TorchJD's {type(part).__name__} remembers something between steps that could not be saved",
                "a run that is resumed would silently go on without it",
                "choose another of loss_weights, or add its memory to src/loss_weights/torchjd_state.py",
            )


def _memory(module: nn.Module) -> dict[str, object]:
    """Return a module's state between steps by name, empty before the first step."""
    match module:
        case GradVac():
            phi = module.gramian_weighting._phi_t
            return {} if phi is None else {"phi": phi}
        case NashMTL():
            nash = module.weighting
            values = {"alpha": nash.prvs_alpha, "factor": nash.normalization_factor, "step": nash.step}
            return values if nash.step else {}
        case FAMO():
            adam = module._optimizer
            return {} if adam is None else {"logits": module._w, **adam.state[module._w]}
    return {}


def _remember(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Set a module's state between steps to ``state``."""
    match module:
        case GradVac():
            phi = state["phi"]
            module.gramian_weighting.register_buffer("_phi_t", phi)
            module.gramian_weighting._state_key = (len(phi), phi.dtype)
        case NashMTL():
            nash = module.weighting
            nash.prvs_alpha, nash.normalization_factor = state["alpha"].numpy(), state["factor"].numpy()
            nash.step = state["step"].item()
            nash._init_optim_problem()
        case FAMO():
            module._w.data.copy_(state.pop("logits"))
            module._optimizer = Adam([module._w], lr=module.lr, weight_decay=module.weight_decay)
            module._optimizer.state[module._w] = state


class SavesMemory:
    """For a weighting with a ``torchjd`` method: keeps the method's memory in the weighting's state_dict."""

    torchjd: TorchJdModule[Any]

    def get_extra_state(self) -> dict[str, Tensor]:
        """Return the method's memory for the state_dict."""
        return self.torchjd.state()

    def set_extra_state(self, state: Any) -> None:
        """Restore the method's memory from a state_dict."""
        self.torchjd.restore(state)

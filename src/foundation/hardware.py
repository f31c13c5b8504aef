"""The capabilities of the hardware."""

import torch


def has_fast_bfloat16() -> bool:
    """Whether bfloat16 is faster than float32: a GPU that has it, or a CPU with AVX512-BF16 or AMX."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in checks)


def best_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(wanted: str, accelerator: str) -> str:
    """Resolve ``auto`` to ``bf16-mixed`` where that pays and to ``32-true`` elsewhere."""
    if wanted != "auto":
        return wanted
    if accelerator == "cpu" and torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if has_fast_bfloat16() else "32-true"


def count_processes(devices: int | str | list[int], nodes: int, accelerator: str) -> int:
    """Count the processes that train on ``devices`` of each of ``nodes`` machines, as Lightning reads them."""
    if isinstance(devices, list):
        each = len(devices)
    elif isinstance(devices, int) or devices.lstrip("-").isdigit():
        each = int(devices)
    else:
        each = len(devices.split(",")) if "," in devices else -1
    everything = torch.cuda.device_count() if accelerator != "cpu" else 1
    return nodes * (each if each > 0 else max(everything, 1))

"""A directory of its own for each run, even for two that start in the same second, and one for all of its processes."""

import os
import secrets
from datetime import datetime
from pathlib import Path

from omegaconf import OmegaConf

NAME = "MTL_DISTILLATION_RUN"
"""The environment variable by which processes that a run or a sweep starts know its name."""
STORE_KEY = "mtl-distillation/run"


def run_directory(resume: str | None, parent: str) -> str:
    """Name the run directory: the one that is resumed, or a new one below ``parent``."""
    if resume:
        return resume
    if NAME not in os.environ:
        os.environ[NAME] = _agreed_name()
    return str(Path(parent) / os.environ[NAME])


def start_anew() -> None:
    """Forget the run's name, so that the next command of this process gets a new one."""
    os.environ.pop(NAME, None)


def restarted() -> bool:
    """Whether a launcher has started this process again, after a failure or a requeue."""
    return any(int(os.environ.get(name, 0)) > 0 for name in ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"))


def is_first_process() -> bool:
    """Whether this process is the only one of its run, or the first of several."""
    return all(int(os.environ.get(name, 0)) == 0 for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


def is_one_of_several() -> bool:
    """Whether an external launcher has started this process as one of several of a run."""
    return _by_torchrun() or _by_srun()


def _by_torchrun() -> bool:
    return int(os.environ.get("WORLD_SIZE", 1)) > 1 and "TORCHELASTIC_RUN_ID" in os.environ


def _by_srun() -> bool:
    # within srun alone: other commands of a batch script share a job
    return int(os.environ.get("SLURM_NTASKS", 1)) > 1 and {"SLURM_PROCID", "SLURM_STEP_ID"} <= os.environ.keys()


def _agreed_name() -> str:
    """Name a run so that processes which an external launcher started, perhaps on several nodes, agree on it."""
    if _by_torchrun():
        return _name_from_torchrun()
    if _by_srun():
        return f"slurm-{os.environ['SLURM_JOB_ID']}-{os.environ['SLURM_STEP_ID']}"
    return _new_name()


def _name_from_torchrun() -> str:
    """Share the first process's name through torchrun's store; workers that it restarts keep the name."""
    from torch.distributed import TCPStore  # takes seconds to import, and only these runs need it

    store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    if os.environ["RANK"] == "0":
        return str(store.compare_set(STORE_KEY, "", _new_name()).decode())
    return str(store.get(STORE_KEY).decode())


def _new_name() -> str:
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(3)}"


OmegaConf.register_new_resolver("run_directory", run_directory, replace=True)

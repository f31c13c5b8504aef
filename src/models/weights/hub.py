"""Weights from the Hugging Face hub, refused within seconds where there is no network and no copy on the disk."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from src.foundation.errors import UserError
from src.foundation.tensor_files import first_line

PATIENCE = 5.0
"""Seconds to wait for the hub; its own client tries six times, for up to a minute and a half."""


@contextmanager
def from_hub(who: str) -> Iterator[None]:
    """Load pretrained weights from the hub, or from its cache on this machine where it does not answer.

    Args:
        who: the network, in the message.

    Raises:
        UserError: neither has them.
    """
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or not _answers(constants.ENDPOINT)
    try:
        yield
    except (OSError, RuntimeError) as error:
        silent = constants.HF_HUB_OFFLINE
        why = f"{constants.ENDPOINT} does not answer, and no copy is cached" if silent else first_line(error)
        raise UserError(
            f"no pretrained weights for {who}",
            f"they are downloaded, and that failed: {why}",
            "model.weights=FILE with weights that are on this machine, or model.weights=null for random ones",
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = offline


def _answers(address: str) -> bool:
    """Whether an address answers in time; a thread waits, for a look-up of names knows no limit of its own."""
    heard = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=PATIENCE).close()
        except urllib.error.HTTPError:
            heard.set()  # an answer, too
        except (OSError, ValueError):
            pass
        else:
            heard.set()
        done.set()

    done = threading.Event()
    threading.Thread(target=ask, daemon=True).start()
    done.wait(PATIENCE)
    return heard.is_set()

"""Several processes under torchrun: one group, one word from rank 0, one barrier."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")


def join() -> bool:
    """Enter torchrun's process group (gloo, or nccl on GPUs); False when this process is alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return False
    import torch
    from torch import distributed

    if not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return True


def agree(value: T) -> T:
    """What rank 0 passed as `value`, in every process; alone, `value` itself."""
    if not join():
        return value
    from torch import distributed

    said = [value]
    distributed.broadcast_object_list(said, src=0)
    return said[0]


def barrier() -> None:
    """Wait until every process is here."""
    if join():
        from torch import distributed

        distributed.barrier()

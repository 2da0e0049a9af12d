"""How this machine computes: threads, device and number format."""

from __future__ import annotations

import functools
import os
import random
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from evenhand.recipe import Recipe


def seed_and_threads(recipe: Recipe) -> None:
    """Seed every generator, set the number of threads, and keep the libraries from printing."""
    import numpy as np
    import torch

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    random.seed(recipe.seed)
    np.random.seed(recipe.seed % 2**32)
    torch.manual_seed(recipe.seed)
    workers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(recipe.finetune.threads or max(1, cores() // workers))
    silence_transformers()


def silence_transformers() -> None:
    """Keep transformers from drawing bars and warnings of its own: progress is the run's to show."""
    if "transformers" in sys.modules:
        from transformers.utils import logging as transformers_logging

        logging: Any = transformers_logging  # it ships no types

        logging.set_verbosity_error()
        logging.disable_progress_bar()


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device() -> torch.device:
    """The accelerator if there is one, else the processor."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(recipe: Recipe | None = None) -> str:
    """ "fp32" or "bf16": the recipe's word, or for "auto" (and without a recipe) bf16 only where the hardware
    multiplies in it.

    Without AMX or AVX512-BF16 a processor emulates bf16, which was measured three times slower than fp32.
    """
    import torch

    if recipe is not None and recipe.finetune.precision != "auto":
        return recipe.finetune.precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if processor_flags() & {"amx_bf16", "avx512_bf16"} else "fp32"


def autocast(number_format: str) -> AbstractContextManager[Any]:
    """The context in which a forward pass computes in `number_format`."""
    import torch

    if number_format != "bf16":
        return nullcontext()
    return torch.autocast(device().type, dtype=torch.bfloat16)


@functools.cache
def processor_flags() -> frozenset[str]:
    """The processor's instruction sets as Linux names them; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())

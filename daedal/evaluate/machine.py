"""What a result was measured with: the machine, the versions of what ran on it, the commit."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from pathlib import Path

import numpy as np
import torch

from daedal.data.shares import cores
from daedal.version import VERSION


def versions() -> dict[str, str]:
    """Versions of Daedal, PyTorch, NumPy and Python."""
    return {
        "daedal": VERSION,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def machine() -> dict[str, str]:
    """Processor, cores, memory, GPU and system, in words."""
    import psutil

    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB memory"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    shown = f"{cores()} core{'' if cores() == 1 else 's'}"
    return {"processor": processor(), "cores": shown, "memory": memory, "gpu": gpu, "system": platform.platform()}


def processor() -> str:
    """The processor's name."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit that the source is of, where it lies in a checkout."""
    with contextlib.suppress(FileNotFoundError):  # no git
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True
        )
        return done.stdout.strip() if done.returncode == 0 else None
    return None

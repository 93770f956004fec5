"""The command line as tests run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vaebench.cli import main

ROOT = Path(__file__).parents[1]


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    line = [sys.executable, "-m", "vaebench", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT)


def refused(*arguments: object) -> str:
    """The line that a command ends with, without a process of its own: a string as exit status is printed, and is 1."""
    with pytest.raises(SystemExit) as caught:
        main([*map(str, arguments)])
    message = caught.value.code
    assert isinstance(message, str)
    assert "\n" not in message
    assert message.startswith("vaebench: ")
    return message.removeprefix("vaebench: ")

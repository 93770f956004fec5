"""What the tests expect of bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vaebench.errors import VaebenchError


def fault(action: Callable[..., object], *arguments: Any, **settings: Any) -> str:
    """The message of the `VaebenchError` that a call raises, which must be one line."""
    with pytest.raises(VaebenchError) as caught:
        action(*arguments, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message

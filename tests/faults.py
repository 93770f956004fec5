"""What the tests expect of bad input."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vaebench.errors import VaebenchError


def fault(action: Callable[[], object]) -> str:
    """The message of the `VaebenchError` that an action raises, which must be one line."""
    with pytest.raises(VaebenchError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message

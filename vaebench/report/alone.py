"""One workflow at a time writes into a folder of results, from whatever working directory.

Snakemake's own lock is of its working directory, and two workflows that know nothing of each other remove what the
other has just made.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
from contextlib import ExitStack
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from vaebench.errors import Interrupted, VaebenchError, interruptible, refused
from vaebench.locks import held

LOCK = ".lock"
locked: dict[Path, ExitStack] = {}  # by this process, until it ends


def alone(results: Path) -> None:
    """Lock the folder when Snakemake starts to run jobs (not to list, draw or report), until this process ends.

    That is before it looks at what there is: if another workflow runs there it waits, and then finds what that made.
    Where there are jobs to run in a folder that nobody may write, it ends with one line.
    """

    def begin(record: logging.LogRecord) -> bool:
        place, event = results.absolute(), getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and place.exists() and not os.access(place, os.W_OK):
            raise WorkflowError(str(refused(results, OSError(errno.EACCES, os.strerror(errno.EACCES)))))
        if event == LogEvent.WORKFLOW_STARTED and place not in locked:
            locked[place] = ExitStack()
            atexit.register(locked[place].close)
            try:
                with interruptible():
                    locked[place].enter_context(held(place / LOCK, results))
            except (VaebenchError, Interrupted) as error:
                raise WorkflowError(str(error)) from None
        return True

    logger.addFilter(begin)

"""Statistics of a study: a file is one, named as the function in it, `name(*tables)`; `markdown(table)` is its page.

``INPUTS`` are names of the study's tidy tables, as frames: ``metrics`` (of runs) and ``summary`` (means over seeds),
both as `vaebench.report.statistic.judged` has them, ``differences``, ``compute``, and of a study of the latent geometry
``distances`` and ``agreement``. Controls are no flavours to be compared; flavours of other ``conditions`` never meet.
"""

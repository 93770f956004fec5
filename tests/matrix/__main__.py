"""``python -m matrix FOLDER POINTS [RULE...]``: try so many points of a planned study; a line of JSON for each."""

from __future__ import annotations

import json
import pickle
import sys
from itertools import islice
from pathlib import Path

from matrix.points import attempt, points
from matrix.study import Study

folder, most, *rules = sys.argv[1:]
study = Study(Path(folder).resolve(), pickle.loads(Path(folder, "plan.pickle").read_bytes()))
outcomes = filter(None, (attempt(study, point) for point in points(study, rules)))
for outcome in islice(outcomes, int(most)):
    print(json.dumps(outcome._asdict()), flush=True)

"""What a step of training asks of a GPU: kernels and megabytes of every flavour, counted without one.

python benchmarks/step_cost.py [FLAVOUR ...] runs the step of an MLP on a batch of images that are binarised anew, for
one run and for ten side by side, on torch's device "meta", which computes nothing: operations have shapes alone. Each
that is no view counts as one launch, though a few, such as a sort, take several. Megabytes (10^6 bytes) are those of
its inputs and outputs: of an expanded input what it holds, of one that is picked from what is picked.

Noise is what `vaebench.random` does, Adam what `vaebench.training.optimiser` does.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from train_speed import BATCH, IMAGE, LATENT

from vaebench import files, random
from vaebench.errors import VaebenchError
from vaebench.model.parts.design import Design
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training import optimiser
from vaebench.training.schedule import Schedule
from vaebench.training.stack import Stack
from vaebench.training.step import Step

IMAGES, WIDTHS = 60000, (1, 10)
SECTIONS = {random.__file__: "noise", optimiser.__file__: "Adam"}
LABELS = ("noise", "Adam", "other")
FREE = {"aten::_unsafe_view", "aten::empty", "aten::empty_like"}  # no views to torch, and no kernels either
PICKING = {"aten::index", "aten::gather"}


class Count(TorchDispatchMode):
    """Launches and bytes of the operations on a device within, by section."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.launches, self.bytes = Counter[str](), Counter[str]()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **kwargs or {})
        moved = traffic(operation, args, kwargs, result, self.device)
        if moved and not operation.is_view and operation._schema.name not in FREE:
            label = section()
            self.launches[label] += 1
            self.bytes[label] += moved
        return result


def section() -> str:
    """Which section of the step the operation under way is of."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename not in SECTIONS:
        frame = frame.f_back
    return SECTIONS.get(frame.f_code.co_filename, "other")


def traffic(operation: Any, args: Any, kwargs: Any, result: Any, device: str) -> int:
    """Bytes that an operation reads and writes on a device."""
    schema = operation._schema
    read = args[1:] if schema.name in PICKING else args
    written = result
    if result is None:  # in place, on lists; fused Adam would write to gradients only to scale them
        written = [
            value
            for argument, value in zip(schema.arguments, args, strict=False)
            if argument.alias_info is not None and argument.alias_info.is_write and argument.name != "grads"
        ]
    picked = result if schema.name in PICKING else ()
    values = (value for value in tree_leaves((read, kwargs, picked, written)) if isinstance(value, Tensor))
    return sum(size(value) for value in values if value.device.type == device)


def size(value: Tensor) -> int:
    """Bytes that a tensor holds: along an expanded axis it repeats itself."""
    held = math.prod(length for length, stride in zip(value.shape, value.stride(), strict=True) if stride)
    return value.element_size() * held


def step(name: str, width: int) -> Step:
    """The step of a flavour with its defaults."""
    network, likelihood = catalogue.load("networks", "mlp")(IMAGE), catalogue.load("likelihoods", "bernoulli")
    flavour = catalogue.load("flavours", name)
    model = flavour.initial(Design(IMAGE, LATENT, network, likelihood), {}, 0).to("meta").train()
    stack = Stack(flavour, {}, [model] * width)
    whole = torch.empty(IMAGES, *IMAGE, dtype=torch.uint8, device="meta")
    images = {"observed": whole, "grey": whole} if flavour.needs("grey") else {"observed": whole}
    keys = torch.empty(width, dtype=torch.int64, device="meta")
    optimisers = {player: optimiser.Adam(stack.state, names) for player, names in stack.owned.items()}
    return Step(stack, optimisers, Schedule(Training(batch_size=BATCH), IMAGES, keys), images, keys, keys, 0.0)


def cost(name: str, width: int) -> dict[str, dict[str, int]]:
    """Launches and bytes of a step by section, once all that lasts from step to step is made."""
    function = step(name, width)
    function(BATCH)
    with Count("meta") as count:
        function(BATCH)
    return {
        "launches": {label: count.launches[label] for label in LABELS},
        "bytes": {label: count.bytes[label] for label in LABELS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flavours", nargs="*", metavar="FLAVOUR", help="(all)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here")
    options = parser.parse_args()
    names = [catalogue.path_of("flavours", name).stem for name in options.flavours or catalogue.names("flavours")]
    heads = ["flavour", "runs", "launches", *LABELS, "MB", *LABELS]
    print(f"| {' | '.join(heads)} |\n|---|{'--:|' * (len(heads) - 1)}", flush=True)
    results: dict[str, dict[int, Any]] = {}
    for name in names:
        results[name] = {width: cost(name, width) for width in WIDTHS}
        for width, found in results[name].items():
            launches, moved = found["launches"].values(), [value / 1e6 for value in found["bytes"].values()]
            numbers = [f"{value:,}" for value in (sum(launches), *launches)]
            numbers += [f"{value:,.1f}" for value in (sum(moved), *moved)]
            print(f"| {' | '.join([name, str(width), *numbers])} |", flush=True)
    if options.json:
        facts = {"torch": torch.__version__, "batch": BATCH, "image": IMAGE, "latent": LATENT, "results": results}
        files.write(options.json, json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except VaebenchError as error:
        sys.exit(f"step_cost: {error}")

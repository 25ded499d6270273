"""Networks that fall apart: parts that share nothing but the input run beside one another.

A network with several looks at an image joins their last maps in one concatenation, and what
follows is small. On one thread OpenVINO computes one look after the other; as networks of their
own they take a processor each, and what is joined is what the whole network gives.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import openvino

from ai_engine.inference.backend import FloatArray
from ai_engine.inference.haste import is_in_haste
from ai_engine.inference.openvino_compiled import Compiled, Settings

_FEATURES = 1
"""The output that is the last map (`ai_engine.inference.backend.Activation`)."""

_PASSED = frozenset({"Transpose"})
"""What may lie between the concatenation and the output."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Branches:
    """A network's looks, each from its input, and what follows from all of them."""

    looks: tuple[openvino.Model, ...]
    joined: openvino.Model


def branches_of(model: openvino.Model) -> Branches | None:
    """Take a network apart where its last map is a concatenation; None where it isn't.

    ``model`` is not to be used afterwards: what is joined is made of its nodes.
    """
    if len(model.inputs) != 1 or len(model.outputs) <= _FEATURES:
        return None
    node = _before(model.results[_FEATURES])
    while node.get_type_name() in _PASSED:
        node = _before(node)
    if node.get_type_name() != "Concat" or _is_entangled(node):
        return None
    looks = tuple(
        openvino.Model([node.input_value(at)], model.get_parameters(), f"look {at}").clone()
        for at in range(node.get_input_size())
    )
    parameters = []
    for at in range(node.get_input_size()):
        parameter = openvino.op.Parameter(
            node.get_input_element_type(at), node.get_input_partial_shape(at)
        )
        node.input(at).replace_source_output(parameter.output(0))
        parameters.append(parameter)
    joined = openvino.Model(model.get_results(), parameters, "joined")
    return Branches(looks=looks, joined=joined)


class Looks:
    """Compiled looks that run at the same time in haste, and in turn otherwise.

    Safe to call from several threads. In turn the parts cost what the whole network does; it is not
    kept beside them, for it is the same weights and working memory once more. The threads end with
    the last reference to this.
    """

    def __init__(self, branches: Branches, settings: Settings) -> None:
        """Compile the parts; ``settings`` are those of each."""
        self._looks = [Compiled(each, settings) for each in branches.looks]
        self._joined = Compiled(branches.joined, settings)
        self._beside = ThreadPoolExecutor(len(self._looks), thread_name_prefix="look")

    def infer(self, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Run a batch and return the network's outputs."""
        if not is_in_haste():
            return self._joined.infer(*(each.infer(*inputs)[0] for each in self._looks))
        first, *others = self._looks
        begun = [self._beside.submit(each.infer, *inputs) for each in others]
        maps = [first.infer(*inputs)[0], *(each.result()[0] for each in begun)]
        return self._joined.infer(*maps)


def _before(node: openvino.Node) -> openvino.Node:
    return node.input_value(0).get_node()


def _is_entangled(node: openvino.Node) -> bool:
    """Whether what is concatenated was computed from one another, or together."""
    seen: set[str] = set()
    for at in range(node.get_input_size()):
        own = _computed(node.input_value(at).get_node())
        if seen & own:
            return True
        seen |= own
    return False


def _computed(node: openvino.Node) -> set[str]:
    """The names of all convolutions that a node rests on."""
    found: set[str] = set()
    waiting, known = [node], {node.get_friendly_name()}
    while waiting:
        one = waiting.pop()
        if "Convolution" in one.get_type_name():
            found.add(one.get_friendly_name())
        for value in one.input_values():
            before = value.get_node()
            if before.get_friendly_name() not in known:
                known.add(before.get_friendly_name())
                waiting.append(before)
    return found

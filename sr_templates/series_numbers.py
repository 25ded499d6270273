"""Series Numbers (0020,0011): a block for each model, and in it one number for each kind.

Several models may look at one study, and workstations sort and name series by their numbers: two
series of a study have different ones. The block follows from the model's name alone, so that it is
the same in every study, and whichever other models there are.
"""

import zlib

from ai_engine.prediction import ModelIdentity

BLOCK = 100
"""Numbers in a model's block: more than there are kinds, and objects of a vendor's program."""
_BLOCKS = 9000
LARGEST = BLOCK * _BLOCKS
"""How far above the first number of all the last one may be."""
_FIRST = frozenset({"chest-radiograph", "ct-high-attenuation"})


def series_number(base: int, model: ModelIdentity, offset: int) -> int:
    """Return the number of a model's series of one kind.

    Parameters
    ----------
    base
        First number of all (`EvidenceContext.series_number_base`). The models that come with the
        node, which never see the same study, begin with it.
    offset
        The kind's place in the block.
    """
    return base + BLOCK * _block(model.name) + offset


def _block(name: str) -> int:
    """Return a block from 1 on; two models share one with a chance of 1 in 8999."""
    return 0 if name in _FIRST else 1 + zlib.crc32(name.encode()) % (_BLOCKS - 1)

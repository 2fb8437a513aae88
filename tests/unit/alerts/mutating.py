"""Documents of a format with some of their values replaced: what a parser must survive."""

import copy
from collections.abc import Mapping

from hypothesis import strategies as st

from backend.alerts.fields import Object

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "-", "<NA>", "T1059", "TA0001", "1.2.3.4:5", "{", "[1", "\x1b[2J", "9" * 30, "0"]),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn, *documents: Mapping[str, object]) -> Object:
    """One of `documents` with up to six of its values, however deep, replaced or taken out."""
    made: Object = copy.deepcopy(dict(draw(st.sampled_from(documents))))
    for _ in range(draw(st.integers(1, 6))):
        here: Object = made
        while here:
            key = draw(st.sampled_from(sorted(here)))
            inner = here[key]
            if isinstance(inner, dict) and inner and draw(st.booleans()):
                here = inner
                continue
            if draw(st.integers(0, 4)):
                here[key] = draw(_VALUES)
            else:
                del here[key]
            break
    return made

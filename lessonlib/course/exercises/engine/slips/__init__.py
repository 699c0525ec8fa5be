"""The mistakes that learners make, one function for each kind.

Each is handed the code and one piece of its tree, and yields the changes that its kind of mistake makes there.
The table gives the kinds in the order of how likely they are.
"""

from lessonlib.course.exercises.engine.slips.brackets import bracket, order
from lessonlib.course.exercises.engine.slips.counts import constant, constant_size, default, factor, off_by_one
from lessonlib.course.exercises.engine.slips.loops import (
    after_loop,
    detached,
    in_place,
    pairing,
    return_in_loop,
    state_in_loop,
)
from lessonlib.course.exercises.engine.slips.names import attribute, ignored, recomputed, returned, variable
from lessonlib.course.exercises.engine.slips.omissions import added, left_out, twice
from lessonlib.course.exercises.engine.slips.operators import (
    branch,
    comparison,
    exchanged,
    function,
    operator,
    reduction,
    sign,
)
from lessonlib.course.exercises.engine.slips.places import Kind
from lessonlib.course.exercises.engine.slips.shapes import axis, keepdim, kind, new_axis, size, transposed

KINDS: dict[str, Kind] = {
    "axis": axis,
    "keepdim": keepdim,
    "reduction": reduction,
    "sign": sign,
    "left_out": left_out,
    "exchanged": exchanged,
    "bracket": bracket,
    "order": order,
    "return_in_loop": return_in_loop,
    "after_loop": after_loop,
    "state_in_loop": state_in_loop,
    "transposed": transposed,
    "new_axis": new_axis,
    "comparison": comparison,
    "branch": branch,
    "off_by_one": off_by_one,
    "size": size,
    "constant_size": constant_size,
    "constant": constant,
    "factor": factor,
    "default": default,
    "function": function,
    "operator": operator,
    "returned": returned,
    "recomputed": recomputed,
    "variable": variable,
    "ignored": ignored,
    "attribute": attribute,
    "pairing": pairing,
    "twice": twice,
    "in_place": in_place,
    "detached": detached,
    "added": added,
    "kind": kind,
}

"""Shapes, their strides, and larger shapes that they fit."""

_CASES = (((3,), (1,), (4, 3)), ((4, 1), (1, 1), (4, 5)), ((2, 3), (3, 1), (2, 3)), ((3, 1, 5), (5, 5, 1), (2, 3, 6, 5)),
          ((), (), (2, 2)), ((5, 2), (1, 5), (3, 5, 2)), ((1, 4), (4, 1), (6, 4)), ((1,), (1,), (1,)))
_ELSEWHERE = (((2, 1, 4), (4, 4, 1), (2, 7, 4)), ((6,), (2,), (2, 5, 6)), ((1, 1), (1, 1), (3, 2)), ((3, 3), (1, 3), (4, 3, 3)),
              ((4, 2), (2, 1), (4, 2)))


def cases(seed: int) -> list[dict]:
    """New axes in front, axes of size 1, both, none; a transposed tensor."""
    return [{"shape": shape, "strides": strides, "target": target}
            for shape, strides, target in (_CASES if seed == 0 else _ELSEWHERE)]

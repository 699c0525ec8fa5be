"""Pictures with a sentence that says what they show, steppers, and the ladder that every lesson opens with."""

from lessonlib.figures.display import COLORS, Picture, moving_picture, picture, set_caption, use_style
from lessonlib.figures.ladder import LADDER, ladder_picture, ladder_svg
from lessonlib.figures.stepper import Stepper, stepper

__all__ = ["COLORS", "LADDER", "Picture", "Stepper", "ladder_picture", "ladder_svg", "moving_picture", "picture",
           "set_caption", "stepper", "use_style"]

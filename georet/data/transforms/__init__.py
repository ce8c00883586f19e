"""georet's own transforms; options are keywords, the defaults are Sample4Geo's.

Joint transforms see all views of a pair, {view: uint8[H, W, 3]}; the others see one image. None
changes its input; one that does nothing this time returns it as it is. All randomness comes from
the generator that is passed in. Those that move pixels report what they did, where they are given
a context. A transform whose ``before_resize`` is true, at the head of a
view's list, is given the image as decoded, except in fast mode.
"""

from georet.data.transforms.colour import ColourJitter
from georet.data.transforms.degradation import BlurOrSharpen, Dropout, JpegArtefacts
from georet.data.transforms.field_of_view import FieldOfView
from georet.data.transforms.geometry import Flip, RotateRoll, RotateTile

__all__ = [
    "BlurOrSharpen",
    "ColourJitter",
    "Dropout",
    "FieldOfView",
    "Flip",
    "JpegArtefacts",
    "RotateRoll",
    "RotateTile",
]

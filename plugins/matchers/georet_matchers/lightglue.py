"""LightGlue (Lindenberger et al., ICCV 2023) with ALIKED or DISK as ONNX files of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from georet.errors import DataError
from georet.extras import need
from georet.types import Doubles, Floats, Pixels
from georet_matchers.refining import Matches, PairRefiner

_PAIR: Final = 2


class LightGlue(PairRefiner):
    """Matches by ONNX Runtime, with one file for both steps or two.

    One file (``model``): input float32[2, 3 or 1, H, W], RGB or grey in 0..1; outputs keypoints
    [2, N, 2] in pixels, matches [S, 3] (pair, first, second) and scores [S]. With ``matcher`` two
    files: ``model`` takes one picture [1, 3 or 1, H, W] and gives keypoints [1, N, 2], scores and
    descriptors [1, N, D]; the matcher takes two sets of keypoints, relative to the picture's middle
    and half its longer side, and of descriptors, and gives matches [S, 2] and scores. These are
    the signatures of the public exports; the files' licences are the user's to check
    (``georet matchers list``). ``least`` is the least score of a match.
    """

    def __init__(
        self,
        model: Path,
        matcher: Path | None = None,
        least: float = 0.0,
        inliers: int = 15,
        top: int = 5,
        rotations: int = 4,
        px: int = 512,
    ) -> None:
        super().__init__(inliers=inliers, top=top, rotations=rotations, px=px)
        self.least = least
        self._model = _session(Path(model))
        self._matcher = None if matcher is None else _session(Path(matcher))
        told = self._model.get_inputs()[0]
        if len(self._model.get_inputs()) != 1 or len(told.shape) != 4:
            raise DataError(
                f"takes {[one.name for one in self._model.get_inputs()]}, wanted one picture",
                where=str(model),
            )
        self._input, self._channels = told.name, 1 if told.shape[1] == 1 else 3
        fixed = [side for side in told.shape[2:] if isinstance(side, int) and side > 0]
        self._side = max(fixed) if fixed else px
        self._where = str(model)

    def matches(self, one: Pixels, other: Pixels) -> Matches:
        """Return what two pictures uint8[H, W, 3] have in common."""
        (first, first_scale), (second, second_scale) = map(self._squared, (one, other))
        if self._matcher is None:
            ours, theirs = self._together(np.stack([first, second]))
        else:
            ours, theirs = self._apart(first, second, self._matcher)
        # The network counts from the first pixel's centre.
        ours, theirs = (ours + 0.5) / first_scale, (theirs + 0.5) / second_scale
        inside = _within(ours, one) & _within(theirs, other)
        return ours[inside], theirs[inside]

    def _together(self, pictures: Floats) -> Matches:
        found = self._run(self._model, {self._input: pictures})
        keypoints = self._one(found, lambda a: a.ndim == 3 and a.shape[::2] == (_PAIR, 2))
        pairs = self._one(found, lambda a: a.ndim == 2 and a.shape[1] == 3).astype(np.int64)
        scores = self._one(found, lambda a: a.ndim == 1 and len(a) == len(pairs))
        pairs = pairs[scores >= self.least]
        points = keypoints.astype(np.float64)
        return points[0, pairs[:, 1]], points[1, pairs[:, 2]]

    def _apart(self, first: Floats, second: Floats, matcher: Any) -> Matches:
        both = [self._described(picture) for picture in (first, second)]
        middle = np.float32(self._side / 2)
        near = [((points - middle) / middle).astype(np.float32) for points, _ in both]
        names = [one.name for one in matcher.get_inputs()]
        if len(names) != 4:
            raise DataError(
                f"the matcher takes {names}, wanted two sets of keypoints and two of descriptors",
                where=self._where,
            )
        # Keypoints have two numbers each, whatever the inputs are called and in which order.
        is_point = [one.shape[-1] == 2 for one in matcher.get_inputs()]
        points, words = iter(near), iter(words for _, words in both)
        fed = {
            name: next(points if told else words)
            for name, told in zip(names, is_point, strict=True)
        }
        found = self._run(matcher, fed)
        pairs = self._one(found, lambda a: a.ndim == 2 and a.shape[1] == 2).astype(np.int64)
        scores = self._one(found, lambda a: a.ndim == 1 and len(a) == len(pairs))
        pairs = pairs[scores >= self.least]
        ours, theirs = (points[0].astype(np.float64) for points, _ in both)
        return ours[pairs[:, 0]], theirs[pairs[:, 1]]

    def _described(self, picture: Floats) -> tuple[Floats, Floats]:
        found = self._run(self._model, {self._input: picture[None]})
        points = self._one(found, lambda a: a.ndim == 3 and a.shape[2] == 2)
        words = self._one(found, lambda a: a.ndim == 3 and a.shape[2] > 2)
        return points.astype(np.float32), words.astype(np.float32)

    def _run(self, session: Any, fed: dict[str, Any]) -> Any:
        try:
            return session.run(None, fed)
        except Exception as error:  # ONNX Runtime raises types of its own that it does not export
            shapes = {name: list(array.shape) for name, array in fed.items()}
            raise DataError(
                f"can't be executed with {shapes}, which is no known signature: "
                f"{str(error).splitlines()[0][:200]}",
                where=self._where,
                hint="georet matchers list says which exports are known.",
            ) from error

    def _one(self, found: Any, is_wanted: Any) -> Any:
        kept = [array for array in found if is_wanted(array)]
        if len(kept) != 1:
            shapes = [list(array.shape) for array in found]
            raise DataError(
                f"gives arrays of the shapes {shapes}, which is no known signature",
                where=self._where,
                hint="georet matchers list says which exports are known.",
            )
        return kept[0]

    def _squared(self, image: Pixels) -> tuple[Floats, float]:
        """Return a picture float32[C, side, side] in 0..1, padded below and at the right."""
        height, width = image.shape[:2]
        scale = self._side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, size, interpolation=how)
        if self._channels == 1:
            small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[:, :, None]
        square = np.zeros((self._side, self._side, self._channels), np.float32)
        square[: size[1], : size[0]] = small.astype(np.float32) / 255
        return np.ascontiguousarray(square.transpose(2, 0, 1)), scale


def _within(points: Doubles, image: Pixels) -> Any:
    height, width = image.shape[:2]
    inside = (points >= 0) & (points <= (width, height))
    return inside.all(axis=1)


def _session(path: Path) -> Any:
    runtime = need("onnxruntime", extra="matchers", what="the refiner lightglue")
    if not path.is_file():
        raise DataError(
            "there is no such file",
            where=str(path),
            hint="georet matchers list says where weights come from.",
        )
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises types of its own that it does not export
        first = str(error).splitlines()[0][:200]
        raise DataError(f"is no ONNX that can be executed: {first}", where=str(path)) from error

"""Where on the edges of a city graph a photo was taken, or why that can't be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from georet.types import Doubles, Ints, Pixels
from georet_peng.city.graph import CityGraph
from georet_peng.city.plane import wrapped
from georet_peng.posing.features import Rays, rays_of
from georet_peng.posing.pose import Pose, pose_of
from georet_peng.posing.streets import Likely, Shared, StreetMap

LEAST_SHARED: Final = 6
"""Features that a photo must have, and share with a neighbouring street image for it to help."""
_WORTH: Final = 0.4
"""An image with less than this share of the likest one's likeness isn't tried."""
_APART_M: Final = 60.0
"""Street images farther apart than this don't show one place."""
_STARTS_M: Final = np.array([[1.0, 1.0], [5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]])
_WIDER: Final = 6.0
"""Directions to neighbouring landmarks err together: deviations are this much wider than they would
be, if each erred on its own."""
_FLOOR_M, _IMAGE_M = 0.1, 5.0

By = Literal["pose", "image"]


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What a place must reach before it is believed.

    ``agree``: features that agree with the pose. ``margin``: how many times as like the photo the
    likest street image must be as any elsewhere, where there is no pose. ``sigma_m``: how uncertain
    the pose may be along its worst axis. ``near_m``: how far it may lie from the nearest edge, and
    from the street image.
    """

    agree: int = 14
    margin: float = 2.0
    sigma_m: float = 5.0
    near_m: float = 15.0


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A place in metres on the graph's plane, or ``reason``, why there is none.

    ``by``: from landmarks and pairs (``pose``), or merely the place of the street image that shows
    the same (``image``). ``inliers`` are the features that agree, ``num_images`` the street images
    that they are from, ``landmarks`` float64[L, 5] azimuth, elevation, east, north, height of some.
    """

    reason: str = ""
    by: By = "pose"
    xy_m: Doubles | None = None
    heading_rad: float = 0.0
    covariance_m2: Doubles | None = None
    inliers: int = 0
    num_images: int = 0
    edge: int = -1
    from_edge_m: float = float("nan")
    street: int = -1
    landmarks: Doubles | None = None


def place(
    streets: StreetMap,
    canvas: Pixels,
    edges: Ints,
    gates: Gates,
    *,
    heading_rad: float | None = None,
    tries: int = 4,
) -> Placed:
    """Return where the photo of a canvas uint8[H, 2H, 3] was taken, given its likeliest edges.

    Street images at the ends of ``edges`` int64[K] are compared with the photo. Around each of the
    ``tries`` that are likest a pose is looked for, by that image and those at the nodes next to it;
    the one with most likeness times features that agree is held against the gates. Where it fails
    but one image is clearly the likest, that one's place is the answer.
    """
    graph, photo = streets.graph, rays_of(canvas, most=streets.most)
    nodes = np.unique(graph.ends[edges])
    rows = [row for node in nodes.tolist() for row in graph.streets_at[node]]
    if not rows:
        return Placed(reason="there are no street images at these edges")
    if len(photo) < LEAST_SHARED:
        return Placed(reason=f"{len(photo)} features are too few")
    found = streets.likely(photo, rows, heading_rad)
    if heading_rad is None:
        found[:tries] = [
            each._replace(turn_rad=streets.turned_to(photo, each.row, each.turn_rad))
            for each in found[:tries]
        ]
    posed = [
        (pose, likely, parts)
        for likely in found[:tries]
        if likely.likeness >= _WORTH * found[0].likeness
        for pose, parts in [_pose_about(streets, photo, likely)]
        if pose is not None
    ]
    if posed:
        # A wrong image of many windows can have more that agrees than the right one.
        pose, likely, parts = max(posed, key=lambda each: _num_agreeing(each[0]) * each[1].likeness)
        answer = _judged(streets, photo, pose, likely, parts, gates)
        if not answer.reason:
            return answer
        reason = answer.reason
    else:
        reason = "no pose suits what it shares with the street images"
    return _image(graph, found, gates, reason)


def _pose_about(streets: StreetMap, photo: Rays, first: Likely) -> tuple[Pose | None, list[Shared]]:
    """Return the pose of a photo near a street image, and what it shares with which of them."""
    others = [row for row in streets.around(first.row) if row != first.row]
    parts = [streets.shared_at(photo, first.row, first.turn_rad)]
    for row in others:
        shared = streets.shared_at(photo, row, first.turn_rad)
        if len(shared) >= LEAST_SHARED:
            parts.append(shared)
    sights = streets.sights(photo, parts)
    at = streets.graph.streets_m[first.row] + _STARTS_M
    starts = np.column_stack([at, np.full(len(at), first.turn_rad)])
    return pose_of(sights, starts), parts


def _num_agreeing(pose: Pose) -> int:
    return int(pose.landmarks.sum() + pose.pairs.sum())


def _judged(
    streets: StreetMap, photo: Rays, pose: Pose, first: Likely, parts: list[Shared], gates: Gates
) -> Placed:
    graph, agree = streets.graph, _num_agreeing(pose)
    covariance = pose.covariance[:2, :2] * _WIDER**2 + np.eye(2) * _FLOOR_M**2
    sigma_m = float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
    away = graph.from_edges_m(pose.xy_m[None])[0]
    edge, beyond = int(away.argmin()), float(away.min())
    from_image = float(np.hypot(*(pose.xy_m - graph.streets_m[first.row])))
    reason = ""
    if agree < gates.agree:
        reason = f"{agree} features agree on a pose, {gates.agree} are needed"
    elif not pose.landmarks.any():
        reason = "no landmark of two street images is in it"
    elif sigma_m > gates.sigma_m:
        reason = f"its place is uncertain by {sigma_m:.0f} m, {gates.sigma_m:g} m are allowed"
    elif beyond > gates.near_m or from_image > 2 * gates.near_m:
        reason = f"its pose lies {max(beyond, from_image):.0f} m off the streets that it shows"
    sights = streets.sights(photo, parts)
    shown = np.column_stack([sights.seen, sights.xyz_m])[pose.landmarks]
    images = {*sights.images[pose.landmarks].ravel().tolist(), *sights.sources[pose.pairs].tolist()}
    return Placed(
        reason=reason,
        xy_m=pose.xy_m,
        heading_rad=pose.heading_rad,
        covariance_m2=covariance,
        inliers=agree,
        num_images=len(images),
        edge=edge,
        from_edge_m=beyond,
        street=first.row,
        landmarks=shown,
    )


def _image(graph: CityGraph, found: list[Likely], gates: Gates, reason: str) -> Placed:
    """Return the likest street image's own place, if it is that clear; else ``reason``."""
    best, at_m = found[0], graph.streets_m
    elsewhere = [
        each.likeness
        for each in found[1:]
        if np.hypot(*(at_m[each.row] - at_m[best.row])) > _APART_M
    ]
    if best.likeness <= gates.margin * max(elsewhere, default=0.0):
        return Placed(reason=reason)
    away = graph.from_edges_m(at_m[best.row][None])[0]
    return Placed(
        by="image",
        xy_m=at_m[best.row],
        heading_rad=float(wrapped(best.turn_rad)),
        covariance_m2=np.eye(2) * _IMAGE_M**2,
        num_images=1,
        edge=int(away.argmin()),
        from_edge_m=float(away.min()),
        street=best.row,
    )

"""The plugin ``datasets``: readers and writers of the field's data sets, and checks of both."""

from __future__ import annotations

from collections.abc import Iterable

from georet import Command, Component, hookimpl


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the data sets; each reads a tree in the layout of its owners below ``root``."""
    yield Component(
        "cvusa",
        "georet_datasets.readers.cvusa:Cvusa",
        summary="CVUSA: panoramas among tiles of the US",
    )
    yield Component(
        "cvact",
        "georet_datasets.readers.cvact:Cvact",
        summary="CVACT: panoramas among tiles of Canberra",
    )
    yield Component(
        "vigor",
        "georet_datasets.readers.vigor:Vigor",
        summary="VIGOR: panoramas anywhere on the tiles of four cities",
    )
    yield Component(
        "university1652",
        "georet_datasets.readers.university:University1652",
        summary="University-1652: drone photos and street photos of buildings among tiles",
    )
    yield Component(
        "sues200",
        "georet_datasets.readers.sues200:Sues200",
        summary="SUES-200: drone photos from four heights among tiles",
    )
    yield Component(
        "denseuav",
        "georet_datasets.readers.denseuav:DenseUav",
        summary="DenseUAV: drone photos among dense tiles of university campuses",
    )
    yield Component(
        "uav_visloc",
        "georet_datasets.flights.uav_visloc:UavVisLoc",
        summary="UAV-VisLoc: drone photos among tiles cut from satellite maps",
    )
    yield Component(
        "any_visloc",
        "georet_datasets.flights.any_visloc:AnyVisLoc",
        summary="AnyVisLoc: oblique drone photos among tiles cut from aerial or satellite maps",
    )
    yield Component(
        "vpair",
        "georet_datasets.flights.vpair:Vpair",
        summary="VPAIR: photos of a flight among rendered views of the same places",
    )
    yield Component(
        "pairs_csv",
        "georet_datasets.readers.pairs_csv:PairsCsv",
        summary="Your own pairs, listed in one CSV file",
    )


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet data`` and ``georet init``."""
    yield Command(
        "init",
        "georet_datasets.init:app",
        summary="Write a commented configuration for data of your own",
    )
    yield Command(
        "data", "georet_datasets.cli:app", summary="Write or check a data set's tree of files"
    )

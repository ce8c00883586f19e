"""The encoder: uint8 images in, unit-length embeddings out, by one branch or several."""

from __future__ import annotations

from georet.config import SHARED as SHARED
from georet.encoder.aggregation import Aggregation as Aggregation
from georet.encoder.branch import EPS as EPS
from georet.encoder.branch import Branch as Branch
from georet.encoder.branch import LinearMap as LinearMap
from georet.encoder.branch import asks_of as asks_of
from georet.encoder.branch import real as real
from georet.encoder.branch import unit as unit
from georet.encoder.building import bare_options as bare_options
from georet.encoder.building import build_encoder as build_encoder
from georet.encoder.network import Encoder as Encoder
from georet.encoder.network import has_maps as has_maps
from georet.encoder.weights import tensors_sha256 as tensors_sha256
from georet.encoder.weights import weights_sha256 as weights_sha256

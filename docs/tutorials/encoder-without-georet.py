# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # An encoder without georet
#
# An export is a folder with an ONNX file, a manifest that says what goes in and what comes out, and
# the proof that it gives what torch gives. Whoever embeds with it needs ONNX Runtime, NumPy and
# Pillow. Here: `pip install 'georet[demo,onnx,serve]' httpx`.

# %% language="bash"
# georet export 'timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128' --onnx \
#     --out exported --images 64

# %%
import json
from pathlib import Path

artefact = next(Path("exported").rglob("artefact.json")).parent
manifest = json.loads((artefact / "artefact.json").read_text())
manifest["preprocessing"], manifest["main"]

# %% [markdown]
# Photos are turned upright, resized by the rule that the manifest names, and go in as bytes; mean
# and standard deviation are inside the file. For the rule `bilinear-antialias` Pillow does the
# same to the bit.

# %%
import hashlib

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

height, width = manifest["preprocessing"]["outside"]["size"]
assert manifest["preprocessing"]["outside"]["resize_rule"] == "bilinear-antialias"
model = (artefact / manifest["main"]).read_bytes()
assert hashlib.sha256(model).hexdigest() == manifest["files"][manifest["main"]]["sha256"]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def read(file):
    """Return a photo as uint8[height, width, 3]; narrow first, then low, as the rule says."""
    photo = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    narrow = photo.resize((width, photo.height), Image.Resampling.BILINEAR)
    return np.asarray(narrow.resize((width, height), Image.Resampling.BILINEAR))


def embed(file):
    """Return the embedding float32[D] of unit length."""
    return session.run(["embedding"], {"image": read(file)[None]})[0][0]


# %%
photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
Image.fromarray(photo).resize((800, 600), Image.Resampling.BICUBIC).save("photo.jpg")
vector = embed("photo.jpg")
vector.shape, float(np.linalg.norm(vector))

# %% [markdown]
# Is it georet's own? The same photo through georet and torch:

# %%
from georet import Encoder

name = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128"
own = Encoder.from_pretrained(name).embed(["photo.jpg"])[0]
cosine = float(own @ vector)
assert cosine > 0.9999
cosine

# %% [markdown]
# A service around it is a dozen lines; it knows nothing of torch or georet.

# %%
import io

from fastapi import Body, FastAPI
from fastapi.testclient import TestClient

app = FastAPI()


@app.post("/embed")
def answer(photo: bytes = Body(media_type="image/jpeg")) -> list[float]:
    """Return the embedding of the JPEG in the body."""
    return embed(io.BytesIO(photo)).tolist()


client = TestClient(app)
given = client.post(
    "/embed", content=Path("photo.jpg").read_bytes(), headers={"content-type": "image/jpeg"}
)
assert np.allclose(given.json(), vector, atol=1e-6)
len(given.json())

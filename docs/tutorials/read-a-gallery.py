# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A gallery in GeoPandas and DuckDB
#
# A gallery is a folder of GeoParquet files: footprints, embeddings and thumbnails of tiles.
# Whatever reads that format reads galleries. Here:
# `pip install 'georet[demo,gallery,plot]' geopandas duckdb`.
#
# A map first. This one is drawn; take a GeoTIFF of your own.

# %%
import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin

rng = np.random.default_rng(4)
ground = sum(
    np.asarray(Image.fromarray(rng.integers(0, 90, (n, n, 3), np.uint8)).resize((1200, 1200)))
    for n in (5, 30, 200)
)
with rasterio.open(
    "area.tif", "w", driver="GTiff", width=1200, height=1200, count=3, dtype="uint8",
    crs="EPSG:32632", transform=from_origin(500_000, 5_200_000, 0.5, 0.5),
) as file:  # fmt: skip
    file.write(ground.transpose(2, 0, 1).astype(np.uint8))

# %% language="bash"
# georet gallery build area.tif --side 60m --overlap 0.5 --out area.gallery \
#     --encoder 'timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128'

# %%
from georet import Gallery

gallery = Gallery.open("area.gallery")
gallery

# %% [markdown]
# ## GeoPandas

# %%
from pathlib import Path

import geopandas
import pandas

shards = sorted(Path("area.gallery/shards").glob("*.parquet"))
tiles = pandas.concat(map(geopandas.read_parquet, shards))
tiles[["id", "latitude", "longitude", "side_m", "geometry"]].head()

# %% [markdown]
# How alike are all tiles to the first one? Embeddings have length 1, so a product is a cosine.

# %%
embeddings = np.stack(tiles["embedding"])
tiles["alike"] = embeddings @ embeddings[0]
tiles.plot("alike", legend=True, alpha=0.5)

# %% [markdown]
# georet draws the same without GeoPandas:

# %%
gallery.plot(values=tiles["alike"].to_numpy())

# %% [markdown]
# ## DuckDB

# %%
import duckdb

nearest = duckdb.sql("""
    select b.id, list_cosine_similarity(a.embedding, b.embedding) as cosine
    from 'area.gallery/shards/*.parquet' a, 'area.gallery/shards/*.parquet' b
    where a.row = 0 order by cosine desc limit 5
""")
nearest

# %% [markdown]
# Both agree with georet's own exact search:

# %%
scores, rows = gallery.index().search(embeddings[:1], 5)
ids = [gallery.tiles.ids[row] for row in rows[0]]
assert ids == [row[0] for row in nearest.fetchall()]
ids

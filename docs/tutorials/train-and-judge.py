# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Train and judge
#
# A run on the embedded benchmark, cut short: a third of the photos, one epoch. It needs
# `pip install 'georet[demo,plot]'`, no network, no GPU, and about a minute. Its figures are those
# of a training that was hardly begun.

# %% language="bash"
# georet train --plugins sample4geo --out runs/first --set train.epochs=1 \
#     --set dataset.train_renders=1 --set 'evaluate.during=[]' --set 'evaluate.final=[cross]'

# %% [markdown]
# The folder of the run is all there is to know: `config.yaml`, checkpoints, events, metrics of each
# gallery, and `report.html`. From Python a run shows itself and draws its loss.

# %%
from georet import Run

run = Run.open("runs/first")
run

# %%
run.plot()

# %% [markdown]
# `run.metrics` are the same figures as numbers, set by set. `georet eval` judges again, also other
# checkpoints, other galleries and other continents.

# %%
run.metrics["cross"]

# %% language="bash"
# georet eval runs/first --only cross

# %% [markdown]
# A second seed is a second run; `georet report RUN RUN ...` puts runs side by side and shows mean
# and spread over seeds. Was something changed by hand? `georet verify` knows.

# %% language="bash"
# georet report runs/first
# georet verify runs/first

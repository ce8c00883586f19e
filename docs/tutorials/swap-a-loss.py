# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Swap a loss
#
# A loss is a module that gets the embedded batch. One file with a hook makes it a plugin, and one
# `--set` uses it; nothing else of the recipe changes.

# %%
# %%writefile mine.py
import torch

from georet import Component, hookimpl


class SoftMargin(torch.nn.Module):
    """Softplus of what a negative is nearer than the positive, mean over all of the batch."""

    def forward(self, embedded):
        """EmbeddedBatch of B pairs -> float[]."""
        cosines = embedded.query @ embedded.reference.T
        excess = embedded.logit_scale * (cosines - cosines.diag()[:, None])
        return torch.nn.functional.softplus(excess).mean()


@hookimpl
def georet_losses():
    """Bring the loss."""
    yield Component("soft_margin", SoftMargin, summary="Softplus of negative minus positive")


# %% [markdown]
# Before it trains anything it can be checked: shapes, gradients, what the trainer will ask of it.

# %%
import importlib.util

from georet.testing import check_loss

spec = importlib.util.spec_from_file_location("mine", "mine.py")
mine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mine)
check_loss(mine.SoftMargin())

# %% [markdown]
# The same short training twice, once with the recipe's own loss and once with ours.

# %% language="bash"
# short="--set train.epochs=1 --set dataset.train_renders=1 --set evaluate.during=[]"
# short="$short --set evaluate.final=[cross]"
# georet train --plugins sample4geo $short --out runs/info_nce
# georet train --plugins sample4geo,./mine.py --set 'losses=[soft_margin]' $short --out runs/mine

# %% language="bash"
# georet report runs/info_nce runs/mine

# %%
from georet import Run

losses = {name: Run.open(f"runs/{name}") for name in ("info_nce", "mine")}
axes = losses["info_nce"].plot()
losses["mine"].plot(axes)
axes.legend(list(losses))

# %% [markdown]
# Two losses are no evidence with one seed each. `--set seed=1`, `seed=2`, ... and the same report
# give mean and spread. `georet plugins new my_losses` writes such a plugin as a distribution with
# tests.

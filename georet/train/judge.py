"""Evaluation while training and at its end, and which checkpoint is the best."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from georet.errors import ConfigError
from georet.evaluate.evaluator import (
    FOLDER,
    Result,
    choose,
    evaluate_sets,
    num_images,
    write_result,
)
from georet.evaluate.setting import setting_of
from georet.progress import stage
from georet.train import setup

if TYPE_CHECKING:
    from georet.train.trainer import Trainer
    from georet.types import EvaluationSet

LOWER_IS_BETTER = ("_error_m",)
"""Endings of metrics that fall as the encoder gets better."""


class Judge:
    """Evaluates the run's encoder and remembers, in the run's state, when it was best."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, config = trainer, trainer.config.evaluate
        sets = trainer.data.evaluations
        self._during = choose(sets, config.during or list(sets)[:1], where="evaluate.during")
        self._final = choose(sets, config.final, where="evaluate.final") | self._during
        self._metrics = setup.make_metrics(trainer.plugins)
        self._best_set, _, self._best_metric = (
            config.best or f"{next(iter(self._during), '')}/recall@1"
        ).partition("/")
        if self._best_set not in self._during:
            raise ConfigError(
                f"{config.best!r} is not `set/metric` of a set evaluated while training",
                where="evaluate.best",
                hint=f"Sets: {', '.join(self._during)}.",
            )

    @property
    def has_lost_patience(self) -> bool:
        """Whether the best is too many evaluations old."""
        patience = self._trainer.config.evaluate.patience
        return patience is not None and self._trainer.state.evaluations_since_best >= patience

    def is_best(self, epoch: int) -> bool:
        """Evaluate after an epoch and say whether the encoder was never better."""
        return self._remember(self._evaluate(self._during, epoch, is_final=False), epoch)

    def final(self) -> tuple[dict[str, Result], bool]:
        """Evaluate the last weights on every gallery and keep what the report needs.

        The flag says whether these weights are the best as well.
        """
        trainer, epoch = self._trainer, self._trainer.state.epoch - 1
        results = self._evaluate(self._final, epoch, is_final=True)
        folder, setting = trainer.run_dir / FOLDER, setting_of(trainer.config)
        for name, result in results.items():
            write_result(folder, name, self._final[name], result, setting)
        return results, not trainer.state.is_finished and self._remember(results, epoch)

    def _remember(self, results: dict[str, Result], epoch: int) -> bool:
        state, value = self._trainer.state, self._value(results)
        if state.best is None or value > state.best:
            state.best, state.best_epoch, state.evaluations_since_best = value, epoch, 0
            return True
        state.evaluations_since_best += 1
        return False

    def _evaluate(
        self, sets: dict[str, EvaluationSet], epoch: int, *, is_final: bool
    ) -> dict[str, Result]:
        trainer = self._trainer
        title = "final evaluation" if is_final else f"epoch {epoch + 1} evaluation"
        with trainer.timed("evaluate", epoch), stage(num_images(sets), title) as bar:
            results = evaluate_sets(
                trainer.embedder,
                sets,
                top_k=trainer.config.evaluate.top_k,
                metrics=self._metrics,
                advance=partial(trainer.advance, bar),
                field_of_view=trainer.config.evaluate.field_of_view,
            )
        self._note(results, epoch, is_final=is_final)
        return results

    def _note(self, results: dict[str, Result], epoch: int, *, is_final: bool) -> None:
        trainer, step = self._trainer, self._trainer.state.step
        if is_final and trainer.state.is_finished:
            return
        final = {"final": True} if is_final else {}
        for name, result in results.items():
            trainer.events.write(
                "eval", epoch=epoch, step=step, set=name, metrics=result.metrics, **final
            )
            trainer.events.scalars({f"{name}/{k}": v for k, v in result.metrics.items()}, step)
        metrics = {name: result.metrics for name, result in results.items()}
        trainer.plugins.observe("georet_eval_end", trainer=trainer, epoch=epoch, metrics=metrics)

    def _value(self, results: dict[str, Result]) -> float:
        metrics = results[self._best_set].metrics
        if self._best_metric not in metrics:
            raise ConfigError(
                f"no metric {self._best_metric!r}",
                where="evaluate.best",
                hint=f"There are: {', '.join(metrics)}.",
            )
        value = metrics[self._best_metric]
        return -value if self._best_metric.endswith(LOWER_IS_BETTER) else value

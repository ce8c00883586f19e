"""Evaluation while training and at its end, and which checkpoint is the best."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from georet.configure.stages import make_stages
from georet.errors import ConfigError
from georet.evaluate.evaluator import (
    Result,
    evaluate_sets,
    metrics_in,
    num_images,
    write_result,
)
from georet.evaluate.setting import setting_of
from georet.evaluate.stages import Stage
from georet.progress import stage
from georet.run_layout import EVALUATION, WITHOUT_FITS
from georet.train import setup
from georet.train.parts import Log, Parts
from georet.types import EvaluationSet

LOWER_IS_BETTER = ("_error_m", "_error_deg")
"""Endings of metrics that fall as the encoder gets better."""


class Judge:
    """Evaluates the run's encoder and remembers, in the run's state, when it was best."""

    def __init__(self, parts: Parts, log: Log) -> None:
        self._parts, self._log, config = parts, log, parts.config.evaluate
        sets = parts.data.evaluations
        self._during, self._final = setup.judged_sets(parts.config, sets, parts.plugins)
        self._metrics = setup.make_metrics(parts.config, parts.plugins, parts.run_dir)
        self._stages = make_stages(config.stages, parts.plugins)
        self._best_set, _, self._best_metric = (
            config.best or f"{next(iter(self._during), '')}/recall@1"
        ).partition("/")

    @property
    def has_lost_patience(self) -> bool:
        """Whether the best is too many evaluations old."""
        patience = self._parts.config.evaluate.patience
        return patience is not None and self._parts.state.evaluations_since_best >= patience

    def is_best(self, epoch: int) -> bool:
        """Evaluate after an epoch and say whether the encoder was never better."""
        results = self._evaluate(self._during, epoch, is_final=False)
        self._parts.rate.evaluated({name: result.metrics for name, result in results.items()})
        return self._remember(results)

    def without_fits(self) -> None:
        """Evaluate the last weights before anything is fitted, and keep that below a name."""
        parts = self._parts
        results = self._judged(self._final, "evaluation without fits")
        setting = setting_of(parts.config) | {"without_fits": True}
        for name, result in results.items():
            folder = parts.run_dir / EVALUATION / WITHOUT_FITS
            if parts.ranks.is_first:
                write_result(folder, name, self._final[name], result, setting)
            self._log.events.write(
                "eval_without_fits", step=parts.state.step, set=name, metrics=result.metrics
            )

    def final(self) -> tuple[dict[str, Result], bool]:
        """Evaluate the last weights on every gallery and keep what the report needs.

        The flag says whether these weights are the best as well.
        """
        parts, epoch = self._parts, self._parts.state.epoch - 1
        results = self._evaluate(self._final, epoch, is_final=True)
        folder, setting = parts.run_dir / EVALUATION, setting_of(parts.config)
        for name, result in results.items() if parts.ranks.is_first else ():
            write_result(folder, name, self._final[name], result, setting)
        return results, not parts.state.is_finished and self._remember(results)

    def _remember(self, results: dict[str, Result]) -> bool:
        state, metrics = self._parts.state, results[self._best_set].metrics
        if self._best_metric not in metrics:
            raise ConfigError(
                f"no metric {self._best_metric!r}",
                where="evaluate.best",
                hint=f"There are: {', '.join(metrics)}.",
            )
        value = metrics[self._best_metric]
        if self._best_metric.endswith(LOWER_IS_BETTER):
            value = -value
        if state.best is None or value > state.best:
            state.best, state.evaluations_since_best = value, 0
            return True
        state.evaluations_since_best += 1
        return False

    def _evaluate(
        self, sets: dict[str, EvaluationSet], epoch: int, *, is_final: bool
    ) -> dict[str, Result]:
        title = "final evaluation" if is_final else f"epoch {epoch + 1} evaluation"
        # While training, what they bring would be paid for again and again.
        stages = self._stages if is_final else []
        with self._log.timed("evaluate", epoch):
            results = self._judged(sets, title, stages)
        state, events = self._parts.state, self._log.events
        if is_final and state.is_finished:
            return results
        final = {"final": True} if is_final else {}
        for name, result in results.items():
            events.write(
                "eval", epoch=epoch, step=state.step, set=name, metrics=result.metrics, **final
            )
            events.scalars({f"{name}/{k}": v for k, v in result.metrics.items()}, state.step)
        metrics = metrics_in(results)
        parts = self._parts
        self._log.observe(
            "georet_eval_end",
            epoch=epoch,
            metrics=metrics,
            run_dir=parts.run_dir,
            config=parts.config,
        )
        return results

    def _judged(
        self, sets: dict[str, EvaluationSet], title: str, stages: Sequence[Stage] = ()
    ) -> dict[str, Result]:
        config = self._parts.config.evaluate
        num = num_images(sets, len(stages))
        self._parts.ranks.at(title)
        with self._parts.judged(), stage(num, title) as bar:
            return evaluate_sets(
                self._parts.embedder,
                sets,
                top_k=config.top_k,
                metrics=self._metrics,
                advance=partial(self._log.advance, bar),
                field_of_view=config.field_of_view,
                stages=stages,
                ranks=self._parts.ranks,
            )

"""Whatever goes wrong in a plugin names the plugin and its distribution."""

from __future__ import annotations

import pytest

from georet.errors import ConfigError, PluginError
from georet.plugins import load_plugins

HEAD = "from georet import Command, Component, hookimpl\n@hookimpl\n"


def failure(site, source: str) -> str:
    site.plugin("north", source)
    with pytest.raises(PluginError) as caught:
        load_plugins(["north"])
    message = str(caught.value)
    assert "plugin 'north' (dist-north 1.0)" in message
    return message


def test_an_exception_on_import_is_an_error_when_the_plugin_is_named(site, loss_source):
    message = failure(site, loss_source["raises"])
    assert "RuntimeError: no licence for Tuesdays" in message
    assert "module_north.py:1" in message
    assert "--no-plugin north" in message


def test_a_plugin_that_is_not_named_may_be_broken(site, loss_source):
    site.plugin("north", loss_source["raises"])
    assert "north" not in load_plugins().versions


def test_a_syntax_error_is_an_error_with_file_and_line(site):
    assert "module_north.py, line 2" in failure(site, "a = 1\nb = = 2\n")


def test_an_exit_on_import_does_not_end_the_program(site):
    assert "SystemExit" in failure(site, "raise SystemExit(3)")


def test_ctrl_c_on_import_says_for_whom_it_was_waited(site):
    assert "stopped by Ctrl-C while it was imported" in failure(site, "raise KeyboardInterrupt")


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("generator", "georet_losses: ZeroDivisionError"),
        ("not_iterable", "georet_losses: TypeError: 'NoneType' object is not iterable"),
        ("wrong_item", "declares 'same', which is not a georet.Component"),
        ("twice", "declares losses 'same' twice"),
    ],
)
def test_a_wrong_declaration_names_the_plugin(site, loss_source, case, text):
    assert text in failure(site, loss_source[case])


def test_an_awkward_name_is_refused(site):
    source = HEAD + "def georet_losses():\n    yield Component('a:b', dict)\n"
    assert "'a:b' is not a usable name" in failure(site, source)


def test_a_misspelt_hook_is_an_error_with_the_closest_one(site):
    message = failure(site, HEAD + "def georet_loses():\n    return []\n")
    assert "there is no hook 'georet_loses'" in message
    assert "did you mean 'georet_losses'?" in message


def test_a_hook_without_marker_is_an_error(site):
    message = failure(site, "def georet_losses():\n    return []\n")
    assert "georet_losses: is named like a hook and lacks @georet.hookimpl" in message


def test_an_argument_that_the_hook_does_not_have_is_an_error(site):
    message = failure(site, HEAD + "def georet_step_end(trainer, stepp):\n    pass\n")
    assert "stepp" in message
    assert "georet_step_end" in message


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("georet_losses() -> Component", "returns Component, the hook says Iterable[Component]"),
        ("georet_step_end(step: float) -> None", "argument 'step' is float, the hook says int"),
        ("georet_step_end(step) -> bool", "returns bool, the hook says None"),
        ("georet_plan_ready(plan: 'EmbeddingBank')", "argument 'plan' is EmbeddingBank"),
        ("georet_fit_end(error: Exception)", "argument 'error' is Exception"),
    ],
)
def test_an_annotation_that_contradicts_the_hook_is_an_error(site, signature, text):
    assert text in failure(site, f"{HEAD}def {signature}:\n    return []\n")


@pytest.mark.parametrize(
    "signature",
    [
        "georet_losses() -> list[Component]",
        "georet_losses() -> 'Iterator[Component]'",
        "georet_step_end(step: int, loss: 'torch.Tensor') -> None",
        "georet_step_end(trainer: object, step: 'int | float')",
        "georet_fit_end(error: 'typing.Optional[BaseException]')",
        "georet_eval_end(metrics: 'Mapping[str, Mapping[str, float]]')",
    ],
)
def test_an_annotation_that_agrees_with_the_hook_is_accepted(site, signature):
    site.plugin("north", f"{HEAD}def {signature}:\n    return []\n")
    assert "north" in load_plugins(["north"]).versions


def test_another_hook_api_is_an_error(site):
    assert "was written for hook API 2, this georet has 1" in failure(site, "georet_hook_api = 2")


def test_this_hook_api_is_accepted(site):
    site.plugin("north", "georet_hook_api = 1")
    assert "north" in load_plugins(["north"]).versions


def test_an_order_of_calls_can_not_be_asked_for(site):
    source = (
        "from georet import hookimpl\n@hookimpl(tryfirst=True)\ndef georet_losses():\n    return []"
    )
    assert "tryfirst" in failure(site, source)


def test_two_distributions_with_one_plugin_name_are_an_error_that_names_both(site):
    site.module("module_north", "raise RuntimeError('imported')")
    site.install("dist-a", "1.2", north="module_north")
    site.install("dist-b", "3.4", north="module_north")
    with pytest.raises(PluginError) as caught:
        load_plugins(["north"])
    assert "dist-a 1.2" in str(caught.value)
    assert "dist-b 3.4" in str(caught.value)
    assert "imported" not in str(caught.value)


@pytest.mark.parametrize("name", ["core", "orbitview"])
def test_a_second_claim_on_a_name_of_georet_names_both(site, name):
    site.module("module_north", "")
    site.install("a-dist", "1.2", **{name: "module_north"})
    with pytest.raises(PluginError, match=r"claimed by several .*: georet .*, a-dist 1\.2"):
        load_plugins([name])


def test_observers_are_called_in_the_order_of_selection_with_what_they_ask_for(site):
    for name in ("north", "south"):
        source = f"""
            from georet import hookimpl

            @hookimpl
            def georet_plan_ready(plan, epoch):
                plan.append(({name!r}, epoch))
        """
        site.plugin(name, source)
    seen: list[tuple[str, int]] = []
    plugins = load_plugins(["south", "north"])
    plugins.observe("georet_plan_ready", trainer=None, epoch=3, plan=seen)
    assert seen == [("south", 3), ("north", 3)]


def test_what_an_observer_raises_names_the_plugin(site):
    site.plugin("north", HEAD + "def georet_step_end(step):\n    1 / 0\n")
    plugins = load_plugins(["north"])
    with pytest.raises(PluginError, match=r"'north' \(dist-north 1.0\), georet_step_end: ZeroDiv"):
        plugins.observe("georet_step_end", trainer=None, step=1, loss=None)


def test_errors_of_georet_and_interrupts_pass_an_observer_unchanged(site):
    source = """
        from georet import hookimpl
        from georet.errors import ConfigError

        @hookimpl
        def georet_configure(config):
            raise ConfigError("too small") if config else KeyboardInterrupt
    """
    site.plugin("north", source)
    plugins = load_plugins(["north"])
    with pytest.raises(ConfigError, match=r"^too small$"):
        plugins.observe("georet_configure", config=True)
    with pytest.raises(KeyboardInterrupt):
        plugins.observe("georet_configure", config=False)

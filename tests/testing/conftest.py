from georet.testing.fixtures import runner, tiny_run

__all__ = ["runner", "tiny_run"]

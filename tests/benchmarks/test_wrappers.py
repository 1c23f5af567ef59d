"""The wrappers for the benchmarks of others, run as those run them.

Their code is not here; a stand-in keeps what their documentation says: an algorithm is made from
a configuration, fitted once, and asked at each group of query arguments, singly or in a batch.
"""

import importlib
import inspect
import itertools
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import likewise as lw

WRAPPERS = Path(__file__).resolve().parents[2] / "benchmarks"
PROJECTS = {"ann_benchmarks": "docker_tag", "vibe": "singularity_image"}
METRICS = {
    "ann_benchmarks": {"angular": "cosine", "euclidean": "euclidean"},
    "vibe": {"cosine": "cosine", "normalized": "cosine", "euclidean": "euclidean", "ip": "dot"},
}
CASES = [(project, metric) for project, metrics in METRICS.items() for metric in metrics]
BASE = '''
class BaseANN:
    """What both projects give an algorithm."""

    def get_additional(self):
        return {}

    def __str__(self):
        return self.name
'''


@pytest.fixture
def module(request, tmp_path, monkeypatch):
    """The wrapper of a project, imported from where it goes in a checkout of that project."""
    algorithms = tmp_path / request.param / "algorithms"
    (algorithms / "base").mkdir(parents=True)
    (algorithms / "base" / "module.py").write_text(BASE)
    shutil.copytree(WRAPPERS / request.param, algorithms / "likewise")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield importlib.import_module(f"{request.param}.algorithms.likewise.module")
    for name in set(sys.modules) - before:
        if name.split(".")[0] == request.param:
            del sys.modules[name]


def definitions(project, metric, dimension, count):
    """(constructor, arguments, query arguments) of each run group, as the projects expand them."""
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((WRAPPERS / project / "config.yml").read_text(encoding="utf-8"))
    values = {"@metric": metric, "@dimension": dimension, "@count": count}
    for algorithm in config["float"]["any"]:
        assert algorithm["module"] == f"{project}.algorithms.likewise"
        assert algorithm[PROJECTS[project]].endswith("likewise")
        for group in algorithm["run_groups"].values():
            for arguments in combinations(group["args"]):
                base = [values.get(argument, argument) for argument in algorithm["base_args"]]
                yield algorithm["constructor"], base + arguments, combinations(group["query_args"])


def combinations(choices):
    """Of one value for each argument; lists are positions, dicts have names for them."""
    lists = list(choices.values()) if isinstance(choices, dict) else choices
    return [list(c) for c in itertools.product(*(v if isinstance(v, list) else [v] for v in lists))]


def takes_effort():
    return "effort" in inspect.signature(lw.index.Graph.search).parameters


@pytest.mark.parametrize(("module", "metric"), CASES, indirect=["module"])
def test_a_wrapper_answers_as_its_project_asks(module, metric):
    rng = np.random.default_rng(0)
    project = module.__name__.split(".")[0]
    rows, queries = (rng.standard_normal((n, 12)).astype(np.float32) for n in (1_500, 10))
    if metric == "normalized":
        rows, queries = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (rows, queries))
    ((constructor, arguments, asked),) = definitions(project, metric, 12, 10)
    algorithm = getattr(module, constructor)(*arguments)
    assert isinstance(algorithm, module.BaseANN)
    assert algorithm.get_additional() == {}
    algorithm.fit(rows)
    exact = lw.index.Exact(METRICS[project][metric]).fit(rows).search(queries, 10).ids
    if not takes_effort():
        asked = [[0.8], [0.99]]
    names = set()
    for one in asked[:2] + asked[-1:]:
        algorithm.set_query_arguments(*one)
        names.add(str(algorithm))
        singly = np.array([algorithm.query(query, 10) for query in queries])
        algorithm.batch_query(queries, 10)
        np.testing.assert_array_equal(algorithm.get_batch_results(), singly)
        assert all(len(set(found)) == 10 for found in singly.tolist())
    assert len(names) == len({tuple(one) for one in asked[:2] + asked[-1:]})
    found = [
        len(set(a) & set(b)) / 10 for a, b in zip(singly.tolist(), exact.tolist(), strict=True)
    ]
    assert np.mean(found) > 0.9


@pytest.mark.parametrize("module", PROJECTS, indirect=True)
def test_arguments_of_the_graph_are_passed_on(module):
    algorithm = module.Likewise("euclidean", 4, {"random_state": 7})
    algorithm.fit(np.random.default_rng(0).standard_normal((50, 4)))
    algorithm.set_query_arguments(0.9)
    assert str(algorithm) == "Likewise(random_state=7, recall=0.9)"
    with pytest.raises(lw.errors.UnknownArgument):
        module.Likewise("euclidean", 4, {"no_such": 1})


@pytest.mark.parametrize("module", PROJECTS, indirect=True)
def test_a_metric_that_the_graph_does_not_take_is_refused(module):
    with pytest.raises(NotImplementedError, match="hamming"):
        module.Likewise("hamming", 4)


@pytest.mark.parametrize("project", PROJECTS)
def test_a_wrapper_can_be_read_outside_its_project(project):
    module = importlib.import_module(f"benchmarks.{project}.module")
    assert module.BaseANN is object
    assert (WRAPPERS / project / "config.yml").is_file()
    recipe = "Dockerfile" if project == "ann_benchmarks" else "image.def"
    assert "likewise" in (WRAPPERS / project / recipe).read_text(encoding="utf-8")

"""The reference says what the code does: names, defaults and numbers are compared with it."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

import pytest_rtmedload
from pytest_rtmedload.clients.http.client import HttpClient
from pytest_rtmedload.plugin import config, explicit_run
from pytest_rtmedload.plugin.marker import ARGUMENTS
from pytest_rtmedload.plugin.options import OPTIONS, Option
from pytest_rtmedload.plugin.sizing import CRITICAL_ERRORS, DEFAULT_ERRORS
from pytest_rtmedload.report import csv_report, json_report, sample_file
from pytest_rtmedload.report.ci import junit
from pytest_rtmedload.report.files import PREFIX, SUFFIXES
from pytest_rtmedload.results import details, model, outcomes
from pytest_rtmedload.results.plan import Evidence
from pytest_rtmedload.spec import criteria
from pytest_rtmedload.spec.groups import GROUPS
from pytest_rtmedload.spec.load_spec import DEFAULT_TIMEOUT_S, MOST_IN_FLIGHT
from pytest_rtmedload.spec.shapes import parse_shape
from pytest_rtmedload.spec.suites import DEFAULT_SUITE, SUITES
from pytest_rtmedload.users.load import Load
from tests.docs.pages import REFERENCE, bullet, names, section, tables


def table(heading: str, number: int = 0) -> list[list[str]]:
    return tables(section(REFERENCE, heading))[number]


def test_every_argument_of_the_marker_in_its_order_of_names() -> None:
    rows = table("The load marker")
    documented = [name for row in rows for name in names(row[0])]
    assert set(documented) == set(ARGUMENTS)
    assert len(documented) == len(set(documented))


def test_defaults_of_the_marker() -> None:
    defaults = {name: row[1] for row in table("The load marker") for name in names(row[0])}
    assert defaults["timeout"] == f"{DEFAULT_TIMEOUT_S:g} s"
    assert defaults["errors"] == f"{DEFAULT_ERRORS:g} ({CRITICAL_ERRORS:g} if critical)"
    assert str(MOST_IN_FLIGHT) in defaults["max_in_flight"]
    shapes = next(row[2] for row in table("The load marker") if row[0] == "`shape`")
    for shape in names(shapes):
        parse_shape(shape.strip('"'))


def test_every_option_in_all_its_spellings() -> None:
    rows = table("Options")
    assert len(rows) == len(OPTIONS)
    documented = {names(row[0])[0]: row for row in rows}
    for option in OPTIONS:
        switch, short, ini, environment, default, _ = documented[option.switch]
        assert names(switch) == [option.switch, *(["--no-load-live"] if option.name == "live" else [])]
        assert names(short) == list(option.aliases)
        assert names(ini) == [ini_name(option)]
        assert names(environment) == [option.variable, *option.variables]
        assert default
        assert ("several times" in documented[option.switch][5]) == option.many


def ini_name(option: Option) -> str:
    return option.ini


def test_every_further_variable() -> None:
    read = set(re.findall(r'_from_variable\(environment, "(\w+)"', inspect.getsource(config)))
    assert {names(row[0])[0] for row in table("Options", 1)} == read


def test_named_defaults_of_options() -> None:
    defaults = {names(row[0])[0]: row[4].strip("`") for row in table("Options")}
    assert defaults["--load-suite"] == DEFAULT_SUITE
    source = inspect.getsource(config.load_config)
    assert f'strongest("report_dir", "{defaults["--load-report-dir"]}")' in source
    assert defaults["--load-dialect"] == config.DEFAULT_DIALECT


@pytest.mark.parametrize("name", SUITES)
def test_every_number_of_the_suites(name: str) -> None:
    rows = {names(row[0])[0]: row[1:] for row in table("Suites")}
    assert list(rows) == list(SUITES)
    users, measured, ramp, warmup, think, evidence = rows[name]
    suite = SUITES[name]
    assert users == " / ".join(str(suite.users[group]) for group in GROUPS)
    if suite.iterations == 1:
        assert measured == "one iteration"
    else:
        assert measured == " / ".join(f"{suite.duration[group]:g}" for group in GROUPS)
    assert (ramp, warmup, think) == tuple(f"{value:g} s" for value in (suite.ramp, suite.warmup, suite.think))
    assert evidence == ("latency not judged" if suite.evidence is Evidence.NONE else str(suite.evidence))


def test_what_a_virtual_user_has() -> None:
    names_in_use = {*dir(Load), *re.findall(r"self\.([a-z]\w*)\b", inspect.getsource(Load))}
    public = {name for name in names_in_use if not name.startswith("_")}
    assert attributes(table("The load fixture")) == public


def test_what_the_client_takes() -> None:
    text = section(REFERENCE, "load.http")
    methods = {name for name, _ in inspect.getmembers(HttpClient, inspect.isfunction) if not name.startswith("_")}
    assert methods - {"aclose"} <= set(names(text))
    options = set(inspect.signature(HttpClient.request).parameters) - {"self", "method", "url", "unknown"}
    assert options <= {name.partition("=")[0] for name in names(text)}


def test_what_an_explicit_run_returns() -> None:
    source = inspect.getsource(explicit_run.LoadResult)
    public = {*re.findall(r"self\.([a-z]\w*)(?::[^=\n]+)? = ", source), *re.findall(r"def ([a-z]\w*)", source)}
    assert attributes(table("The load_run fixture")) == public


def attributes(rows: list[list[str]]) -> set[str]:
    """`load.think(shortest)` and `await load.think(…)` are about `think`."""
    return {re.split(r"[.(]", name)[1] for row in rows for name in names(row[0])}


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("`summary`", model.Summary),
        ("`outcomes[]`", outcomes.TestOutcome),
        ("`run`", model.RunInfo),
        ("`run.agent`", model.AgentInfo),
        ("`criteria[]`", model.CriterionResult),
        ("`tests[]`", model.TestResult),
        ("`tests[].metrics{}` and `tests[].tags{}{}`", model.MetricResult),
        ("`tests[].values{}`", model.ValueResult),
        ("`tests[].errors[]`", details.ErrorResult),
        ("`tests[].generator`", model.GeneratorResult),
        ("`tests[].generator.shards[]`", model.ShardResult),
        ("`tests[].recordings[]`", details.CallTape),
        ("`tests[].stages[]`", model.StageResult),
        ("`tests[].capacity`", details.CapacityResult),
        ("`tests[].drift[]`", details.DriftResult),
        ("`tests[].slowest[]`", details.SlowOperation),
        ("`tests[].conversations[]`", details.ConversationResult),
        ("`tests[].conversations[].turns[]`", details.ConversationTurn),
        ("`tests[].timeline[]`", model.TimelinePoint),
        ("`tests[].timeline[].metrics{}`", model.TimelineMetric),
    ],
)
def test_every_field_of_the_json_result(label: str, kind: type) -> None:
    assert set(bullet(section(REFERENCE, "JSON"), label)) == {field.name for field in dataclasses.fields(kind)}


def test_every_field_of_a_target_and_of_the_top_level() -> None:
    schema = json_report.schema()
    text = section(REFERENCE, "JSON")
    assert bullet(text, "`tests[].targets[]`") == schema["$defs"]["target"]["required"]
    assert bullet(text, "top level") == schema["required"]


def test_columns_files_and_properties() -> None:
    text = section(REFERENCE, "CSV")
    assert bullet(text, "metrics") == list(csv_report.METRIC_COLUMNS)
    assert bullet(text, "time line") == list(csv_report.TIMELINE_COLUMNS)
    assert bullet(text, "samples") == list(sample_file.COLUMNS)
    files = [names(row[0])[0] for row in table("Results")]
    assert sorted(files) == sorted(f"{PREFIX}<YYYYmmdd_HHMMSS>{suffix}" for suffix in SUFFIXES)
    properties = re.findall(r'\("(load\.\w+)"', inspect.getsource(junit.properties))
    assert [name for name in names(section(REFERENCE, "JUnit")) if name in properties] == properties


def test_every_criterion_with_its_limit() -> None:
    coded = {
        criterion.name: (criterion.kind, criterion.limit * (100 if criterion.subject.measure.of_shares else 1))
        for criterion in criteria.DEFAULT_CRITERIA
    }
    kind, times = coded["critical latency"]
    coded["critical latency"] = (kind, (times - 1) * 100)
    documented = {
        name: (kind, float(re.findall(r"([\d.]+) (?:%|ms)", asked)[0]))
        for name, kind, asked in table("Criteria of the run")
    }
    assert documented == {name: (kind, pytest.approx(limit)) for name, (kind, limit) in coded.items()}


def test_every_public_name() -> None:
    documented = [name for row in table("Public names") for cell in row for name in names(cell) if name != "def"]
    assert sorted(documented) == sorted({*pytest_rtmedload.__all__, "load.http", "load.ws"})


def test_contents_list_every_section() -> None:
    text = REFERENCE.read_text()
    listed = re.findall(r"^- \[([^\]]+)\]\(#", text, re.MULTILINE)
    assert listed == re.findall(r"^## (.+)$", text, re.MULTILINE)

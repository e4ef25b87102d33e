"""Looking projects up, with Postgres there and away, and scoring by a project's own policy."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.errors import NotFound, Unavailable
from app.projects import Projects
from app.schemas.projects import DEFAULT_PROJECT, ProjectSettings
from app.storage.access.projects import add_project, read_projects, save_settings
from app.storage.engine import Engine, create_engine, writing
from monitoring.models import Record
from monitoring.verdict import Policy
from tests.integration.worker_rig import running_rig

STRICT = ProjectSettings(policy=Policy(thresholds={"alarm": 0.05}))


async def test_a_project_keeps_what_was_saved(engine: Engine) -> None:
    async with writing(engine) as connection:
        assert await add_project(connection, "shop", "The shop", STRICT)
        assert not await add_project(connection, "shop", "Another", ProjectSettings())
        assert await save_settings(connection, "shop", ProjectSettings(retention_days=7))
        assert not await save_settings(connection, "nobody", STRICT)
        found = {project.project_id: project for project in await read_projects(connection)}
    assert set(found) == {DEFAULT_PROJECT, "shop"}
    assert (found["shop"].name, found["shop"].settings) == ("The shop", ProjectSettings(retention_days=7))


async def test_a_project_is_found_as_soon_as_it_is_asked_for(engine: Engine) -> None:
    projects = Projects(engine)
    with pytest.raises(NotFound):
        await projects.find("shop")
    async with writing(engine) as connection:
        await add_project(connection, "shop", "The shop", STRICT)
    assert await projects.find("shop") == STRICT


async def test_an_unchanged_project_keeps_its_objects(engine: Engine) -> None:
    projects = Projects(engine)
    before = await projects.find(DEFAULT_PROJECT)
    await projects.refresh()
    assert await projects.find(DEFAULT_PROJECT) is before


async def test_the_last_reading_holds_while_postgres_is_away(engine: Engine) -> None:
    projects = Projects(engine)
    before = await projects.find(DEFAULT_PROJECT)
    away = create_engine("postgresql://nobody@127.0.0.1:1/none", application="test")
    projects._engine = away  # noqa: SLF001 the same process, another server
    assert await projects.find(DEFAULT_PROJECT) is before
    with pytest.raises(Unavailable):
        await Projects(away).find(DEFAULT_PROJECT)


async def test_records_are_judged_by_the_policy_of_their_project(database_url: str, redis_url: str) -> None:
    async with running_rig(database_url, redis_url) as rig:
        async with writing(rig.engine) as connection:
            await add_project(connection, "shop", "The shop", STRICT)
        record = Record(prompt="Say it", response="All is well")
        for project_id in (DEFAULT_PROJECT, "shop"):
            await rig.ingest.accept([record], project_id=project_id, source="live")
        await rig.drain()
        flags = await rig.rows("SELECT project_id, flags FROM traces ORDER BY project_id")
    assert [(row["project_id"], bool(row["flags"])) for row in flags] == [("default", False), ("shop", True)]


async def test_records_of_no_project_are_given_up_with_the_reason(database_url: str, redis_url: str) -> None:
    async with running_rig(database_url, redis_url) as rig:
        async with writing(rig.engine) as connection:
            await add_project(connection, "gone", "Gone before its records", ProjectSettings())
        await rig.ingest.accept([Record(prompt="a", response="b")], project_id="gone", source="live")
        async with writing(rig.engine) as connection:
            await connection.execute(text("DELETE FROM projects WHERE project_id = 'gone'"))
        await rig.drain()
        async with rig.engine.connect() as connection:
            (letter,) = (await connection.execute(text("SELECT reason, detail FROM dead_letters"))).all()
    assert (letter.reason, letter.detail) == ("NotFound", "There is no project gone.")

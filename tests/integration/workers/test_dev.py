"""The project of `hub dev`: a sandbox, but where somebody set a channel up and has an address there."""

from __future__ import annotations

from pydantic import SecretStr

from hub.config import Settings
from hub.runtime import Hub, open_hub
from hub.store import suppressions
from tests.support.deliveries import make_sandbox, put_category, sent, states, steps
from tests.support.mail_sink import mail_sink
from tests.support.publishing import publish

AT_ONCE = [{"channel": "in_app"}, {"channel": "email"}, {"channel": "sms"}]


async def test_what_is_set_up_is_sent_and_the_rest_is_tried(settings: Settings) -> None:
    async with mail_sink() as sink:
        dev = settings.model_copy(
            update={"smtp_url": SecretStr(sink.url), "email_from": "Hub <hub@example.com>", "public_url": None}
        )
        async with open_hub(dev, role="test") as hub:
            (project,) = await hub.db.fetch("SELECT project_id FROM projects WHERE name = 'default'")
            project_id: int = project["project_id"]
            await make_sandbox(hub, project_id)
            await put_category(hub, project_id, "both", ladder=AT_ONCE)
            for dev_project_id in (None, project_id):
                hub.dev_project_id = dev_project_id
                title = f"{dev_project_id}"
                recipients = [{"id": "ada", "email": "ada@example.com"}, "bob"]
                await publish(hub, project_id, recipients=recipients, title=title, category="both")
                await publish(hub, project_id, recipients=["ada"], title="no", category="both", sandbox=True)
                async with steps(hub) as worker:
                    await worker.run()
            assert [(mail.recipients, mail.message["subject"]) for mail in sink.mails] == [
                (["ada@example.com"], f"{project_id}")
            ]
            tried = await sent(hub)
            everybody = {(user, channel, "None") for user in ("ada", "bob") for channel in ("email", "sms")}
            rest = {
                (user, channel, f"{project_id}") for user, channel in (("ada", "sms"), ("bob", "email"), ("bob", "sms"))
            }
            assert {one for one in tried if one[2] != "no"} == everybody | rest
            assert [one[:2] for one in tried if one[2] == "no"].count(("ada", "email")) == 2


async def test_who_is_suppressed_gets_nothing_not_even_in_the_sandbox(hub: Hub, project_id: int) -> None:
    await make_sandbox(hub, project_id)
    await put_category(hub, project_id, "mail", ladder=[{"channel": "in_app"}, {"channel": "email"}])
    async with hub.db.acquire() as conn:
        await suppressions.add(conn, project_id, "email", "Ada@example.com", "bounced", None)
    await publish(hub, project_id, recipients=[{"id": "ada", "email": "ada@example.com"}], title="t", category="mail")
    async with steps(hub) as worker:
        await worker.run()
    assert await states(hub) == [("email", "skipped", "suppressed")]
    assert await sent(hub) == []

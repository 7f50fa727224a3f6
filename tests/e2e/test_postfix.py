"""Through a real Postfix: one mail arrives, one bounces later, one is refused at once; and the next one is not sent."""

from __future__ import annotations

import asyncio
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

from pydantic import SecretStr

from hub.config import Settings
from hub.runtime import open_hub
from tests.support.api_server import serve_api
from tests.support.deliveries import put_category, states, steps
from tests.support.mail_sink import mail_sink
from tests.support.postfix import running_postfix
from tests.support.publishing import publish
from tests.support.system import until

MAIL = {"Content-Type": "message/rfc822"}


async def test_mail_through_postfix(settings: Settings, project_id: int, tmp_path: Path) -> None:
    async with mail_sink() as bounces, running_postfix(bounces.port, tmp_path / "postfix.log") as postfix:
        changed = settings.model_copy(
            update={
                "smtp_url": SecretStr(f"smtp://127.0.0.1:{postfix.lazy}?name=postfix&bounces=bounces%40sender.test"),
                "email_from": "Acme <news@sender.test>",
                "public_url": "https://hub.example.com",
            }
        )
        async with (
            open_hub(changed, role="test") as hub,
            steps(hub) as worker,
            serve_api(hub, project_id) as (_, call),
        ):
            await put_category(hub, project_id, "general", ladder=[{"channel": "in_app"}, {"channel": "email"}])

            async def send(user: str, title: str) -> list[tuple[str, str, str | None]]:
                recipient = {"id": user, "name": "Ada Löve", "email": f"{user}@good.test"}
                notification = await publish(hub, project_id, recipients=[recipient], title=title)
                await worker.run()
                return await states(hub, notification)

            assert await send("ada", "Grüße ✉") == [("email", "sent", None)], postfix.said()
            await until(lambda: bool(postfix.delivered()), "the mail in Ada's mailbox", 60)
            found = BytesParser(policy=default).parsebytes(postfix.delivered()[0])
            assert found["Subject"] == "Grüße ✉"
            assert found["Return-Path"] == "<bounces@sender.test>"
            assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

            assert await send("bob", "Nobody reads this") == [("email", "sent", None)]
            async with asyncio.timeout(60):
                while not bounces.mails:
                    await asyncio.sleep(0.05)
            (report,) = bounces.mails
            assert report.recipients == ["bounces@sender.test"]
            answer = await call("POST", "/v1/inbound/email", raw=report.content, headers=MAIL)
            assert (answer.json["kind"], answer.json["suppressed"]) == ("bounced", True), report.content
            assert await send("bob", "Again") == [("email", "skipped", "suppressed")]
            (entry,) = (await call("GET", "/v1/suppressions")).json["items"]
            assert (entry["address"], entry["reason"], entry["detail"]) == ("bob@good.test", "bounced", "5.1.1")

        strict = SecretStr(f"smtp://127.0.0.1:{postfix.strict}?name=postfix")
        async with open_hub(changed.model_copy(update={"smtp_url": strict}), role="test") as hub, steps(hub) as worker:
            recipient = {"id": "cy", "email": "cy@good.test"}
            refused = await publish(hub, project_id, recipients=[recipient], title="t")
            await worker.run()
            assert await states(hub, refused) == [("email", "dead", "rejected")]
            again = await publish(hub, project_id, recipients=[recipient], title="t")
            await worker.run()
            assert await states(hub, again) == [("email", "skipped", "suppressed")]

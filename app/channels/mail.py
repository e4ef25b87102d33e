"""Sending a message by e-mail."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from app.channels.errors import DeliveryError
from app.channels.network import Network
from app.channels.notice import Notice
from app.schemas.channels import EmailTarget

__all__ = ["MOST_SECONDS", "send_mail", "write_mail"]

MOST_SECONDS = 20.0
"""Seconds that a message may take as a whole, however slowly the server answers."""
_STEP_SECONDS = 10.0
_FOR_GOOD = 500
_MOST_SUBJECT = 200


def write_mail(notice: Notice, target: EmailTarget) -> EmailMessage:
    """Return the message as plain text. The messages of one alert form one thread."""
    message = notice.message
    mail = EmailMessage()
    mail["From"] = target.sender
    mail["To"] = ", ".join(target.recipients)
    mail["Subject"] = _line(notice.summary)[:_MOST_SUBJECT]
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{notice.delivery_id}@llm-monitor>"
    mail["References"] = f"<{message.rule_id}.{int(message.since.timestamp())}@llm-monitor>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [notice.summary, "", *(f"{name}: {value}" for name, value in notice.facts)]
    for title, listed in (("Groups", notice.group_lines), ("Examples", notice.example_lines)):
        if listed:
            lines += ["", f"{title}:", *(f"- {_line(line)}" for line in listed)]
    mail.set_content("\n".join([*lines, "", notice.url, ""]))
    return mail


async def send_mail(network: Network, target: EmailTarget, mail: EmailMessage) -> str | None:
    """Send a message to all recipients at once; raises DeliveryError if nobody gets it.

    Returns how many recipients were refused, None if none was.
    """
    try:
        async with asyncio.timeout(MOST_SECONDS):
            refused = await _send(network, target, mail)
    except TimeoutError as error:
        raise DeliveryError(f"The mail server took longer than {MOST_SECONDS:g} seconds.") from error
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [one.code for one in error.recipients]
        raise DeliveryError(
            "The mail server refused every recipient.", permanent=all(code >= _FOR_GOOD for code in codes)
        ) from error
    except aiosmtplib.SMTPResponseException as error:
        asked = (
            "the user name and the password"
            if isinstance(error, aiosmtplib.SMTPAuthenticationError)
            else "it"
        )
        raise DeliveryError(
            f"The mail server answered {error.code} and refused {asked}.",
            permanent=error.code >= _FOR_GOOD,
            status_code=error.code,
        ) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise DeliveryError("The conversation with the mail server failed.") from error
    return f"The mail server refused {refused} of {len(target.recipients)} recipients." if refused else None


async def _send(network: Network, target: EmailTarget, mail: EmailMessage) -> int:
    connection = await network.connect(target.host, target.port, plain=target.security == "none")
    client = aiosmtplib.SMTP(
        hostname=target.host,
        port=None,
        sock=connection,
        use_tls=target.security == "tls",
        start_tls=target.security == "starttls",
        tls_context=network.tls,
        username=target.username,
        password=target.password,
        local_hostname=socket.gethostname(),
        timeout=_STEP_SECONDS,
    )
    try:
        await client.connect()
        refused, _ = await client.send_message(mail, sender=target.sender, recipients=list(target.recipients))
        with suppress(aiosmtplib.SMTPException):  # the message is taken by then
            await client.quit()
    finally:
        transport = client.transport
        client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()  # does not wait for a server that never says goodbye
    return len(refused)


def _line(text: str) -> str:
    """Return a text without what would end a line of a header or a list."""
    return " ".join(text.split())

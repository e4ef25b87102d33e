"""Why an attempt to deliver a message failed."""

from __future__ import annotations

__all__ = ["DeliveryError"]


class DeliveryError(Exception):
    """An attempt failed. `detail` is shown to the project's admins and holds no secret.

    After a `permanent` failure there is no other attempt, because it would end in the same way.
    `status_code` is the answer's, `retry_after` the seconds for which the receiver asks to wait.
    """

    def __init__(
        self,
        detail: str,
        *,
        permanent: bool = False,
        status_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent
        self.status_code = status_code
        self.retry_after = retry_after

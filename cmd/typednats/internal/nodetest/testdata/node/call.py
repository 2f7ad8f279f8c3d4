import asyncio
import json
from urllib.parse import unquote

import nats
from check import CheckReply, CheckRequest, NotFound


async def check(nc, sku: str) -> CheckReply:
    request = CheckRequest(sku=sku)
    msg = await nc.request(
        "inventory.api.v1.check",
        json.dumps(request.to_dict()).encode(),
        timeout=2,
        headers={"Typednats-Timeout": "2000"},
    )
    headers = msg.headers or {}
    if headers.get("Nats-Service-Error-Type") == "NotFound":
        missing = NotFound.from_dict(json.loads(msg.data))
        raise LookupError(missing.id)
    if "Nats-Service-Error-Code" in headers:
        text = headers.get("Typednats-Error-Text")
        raise RuntimeError(unquote(text) if text else headers["Nats-Service-Error"])
    return CheckReply.from_dict(json.loads(msg.data))


async def main() -> None:
    nc = await nats.connect("localhost:4222")
    for sku in ["chair", "sofa"]:
        try:
            print(sku, (await check(nc, sku)).available)
        except LookupError as missing:
            print(missing, "is missing")
    await nc.drain()


asyncio.run(main())

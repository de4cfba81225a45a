"""The Python SDKs as clients: one connection, one report on standard output.

python.py PACKAGE TRANSPORT ERA, with PACKAGE `mcp1`, `mcp2` or `fastmcp`, TRANSPORT `http` or `sse`, ERA `legacy` or `modern`. What to
call, and what must come back, is JSON in the variable EXPECTED (see `run`); the private authority is in SSL_CERT_FILE.
"""

import asyncio
import contextlib
import importlib.metadata
import json
import os
import ssl
import sys

FAMILY, TRANSPORT, ERA = sys.argv[1:]
EXPECTED = json.loads(os.environ["EXPECTED"])
TRUSTED = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
MODE = "auto" if ERA == "modern" else "legacy"
SSE_URL = EXPECTED["url"].replace("/mcp", "/sse")


def headers(key):
    return {"Authorization": f"Bearer {key}"}


@contextlib.asynccontextmanager
async def mcp1(key):
    """mcp 1.x: streams into a session; it knows the older revisions only."""
    from mcp import ClientSession
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamablehttp_client

    over = sse_client(SSE_URL, headers(key)) if TRANSPORT == "sse" else streamablehttp_client(EXPECTED["url"], headers(key))
    async with over as (read, write, *_), ClientSession(read, write) as session:
        hello = await session.initialize()
        session.revision, session.told = hello.protocolVersion, hello.instructions
        session.server = hello.serverInfo
        yield session


@contextlib.asynccontextmanager
async def mcp2(key):
    """mcp 2.x: one client for both eras."""
    import httpx2
    from mcp import Client
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    async with httpx2.AsyncClient(headers=headers(key), verify=TRUSTED, timeout=30) as http:
        over = sse_client(SSE_URL, headers(key)) if TRANSPORT == "sse" else streamable_http_client(EXPECTED["url"], http_client=http)
        async with Client(over, mode=MODE if TRANSPORT == "http" else "legacy") as client:
            client.revision, client.told, client.server = client.protocol_version, client.instructions, client.server_info
            yield client


@contextlib.asynccontextmanager
async def fastmcp(key):
    """fastmcp, whose plain methods raise and unpack; those named `_mcp` give what the protocol says."""
    from fastmcp import Client
    from fastmcp.client.transports import StreamableHttpTransport

    over = StreamableHttpTransport(EXPECTED["url"], headers=headers(key), verify=TRUSTED)
    async with Client(over, mode=MODE) as client:
        client.revision, client.told, client.server = client.protocol_version, client.instructions, client.server_info
        yield client


def attribute(found, *names):
    """What 1.x names in camel case and 2.x in snake case."""
    return next(getattr(found, name) for name in names if hasattr(found, name))


def must(holds, told):
    if not holds:
        raise AssertionError(str(told)[:600])


class Checks:
    """Every method is one check; its name, in words, is the fact."""

    def __init__(self, client):
        self.client = client

    def method(self, name):
        return getattr(self.client, f"{name}_mcp", None) or getattr(self.client, name)

    async def call(self, name, arguments):
        result = await self.method("call_tool")(name, arguments)
        return attribute(result, "is_error", "isError"), result.content, attribute(result, "structured_content", "structuredContent")

    async def items(self, name):
        listed = await self.method(f"list_{name}")()
        return getattr(listed, name)

    async def connects_in_the_era(self):
        must(self.client.revision == ("2026-07-28" if ERA == "modern" else "2025-11-25"), self.client.revision)

    async def learns_who_answers(self):
        must(self.client.server.name == "elk-mcp", self.client.server)

    async def gets_instructions(self):
        must(len(self.client.told) > 100, self.client.told)

    async def lists_the_tools(self):
        must([tool.name for tool in await self.items("tools")] == EXPECTED["tools"], "not those of the catalogue")

    async def calls_a_tool_without_arguments(self):
        failed, _, structured = await self.call("list_indices", {})
        must(not failed and len(structured["rows"]) == EXPECTED["indices"], structured)

    async def searches_in_text_and_in_json(self):
        failed, content, structured = await self.call("search_logs", EXPECTED["search"])
        must(not failed and structured["totals"]["matched"] == EXPECTED["matched"], structured)
        must(content[0].text.startswith(structured["summary"]), content[0].text)

    async def is_told_what_is_wrong_with_a_call(self):
        failed, content, structured = await self.call("search_logs", {"frobnicate": 1})
        must(failed and content[0].text.startswith("bad_argument") and structured is None, content)

    async def is_refused_an_unknown_tool(self):
        await self.refused(self.call("no_such_tool", {}))

    async def reads_every_resource(self):
        resources = await self.items("resources")
        must(resources, "there is none")
        for resource in resources:
            result = await self.method("read_resource")(resource.uri)
            must(result.contents[0].text, resource.uri)

    async def is_refused_an_unknown_resource(self):
        await self.refused(self.method("read_resource")("elk://none"))

    async def gets_every_prompt(self):
        prompts = await self.items("prompts")
        must(prompts, "there is none")
        for prompt in prompts:
            arguments = {each.name: EXPECTED["prompt_arguments"].get(each.name, "x") for each in prompt.arguments or []}
            result = await self.method("get_prompt")(prompt.name, arguments)
            must(result.messages[0].content.text, prompt.name)

    async def gets_completions(self):
        types = importlib.import_module("mcp.types")
        prompt = next(prompt for prompt in await self.items("prompts") if prompt.arguments)
        reference = types.PromptReference(type="ref/prompt", name=prompt.name)
        result = await self.method("complete")(reference, {"name": prompt.arguments[0].name, "value": ""})
        must(isinstance(result.completion.values, list), result)

    async def asks_for_progress(self):
        async def told(progress, total, message):
            must(progress >= 0, progress)

        name = "progress_handler" if FAMILY == "fastmcp" else "progress_callback"
        result = await self.method("call_tool")("get_service_overview", {}, **{name: told})
        must(not attribute(result, "is_error", "isError"), result)

    async def cancels_and_goes_on(self):
        call = asyncio.ensure_future(self.call("get_log_patterns", {}))
        await asyncio.sleep(0)
        call.cancel()
        must(isinstance((await asyncio.gather(call, return_exceptions=True))[0], asyncio.CancelledError), "was answered")
        failed, _, _ = await self.call("list_indices", {})
        must(not failed, "the next call failed")

    async def calls_twenty_tools_at_once(self):
        answers = await asyncio.gather(*(self.call("search_logs", EXPECTED["search"]) for _ in range(20)))
        must(all(structured["totals"]["matched"] == EXPECTED["matched"] for _, _, structured in answers), "one differs")

    async def refused(self, call):
        try:
            result = await call
        except Exception as error:
            must(getattr(getattr(error, "error", error), "code", 0) < 0, repr(error))
        else:
            raise AssertionError(f"was answered: {result}"[:600])


def words(group):
    """Every word of an error and of the errors inside it."""
    inner = getattr(group, "exceptions", None) or [cause for cause in (group.__cause__, group.__context__) if cause]
    return " ".join([repr(group), *(words(each) for each in inner)])


async def main():
    connect = {"mcp1": mcp1, "mcp2": mcp2, "fastmcp": fastmcp}[FAMILY]
    failures = 0

    async def check(name, work):
        nonlocal failures
        try:
            await asyncio.wait_for(work, 30)
            print(json.dumps({"check": name, "ok": True}), flush=True)
        except Exception as error:
            failures += 1
            print(json.dumps({"check": name, "ok": False, "told": words(error)[:600]}), flush=True)

    async with connect(EXPECTED["key"]) as client:
        checks = Checks(client)
        for name in [name for name in vars(Checks) if name[0] != "_" and name not in ("method", "call", "items", "refused")]:
            await check(name.replace("_", " "), getattr(checks, name)())
        revision = client.revision

    async def wrong_key():
        try:
            async with connect("elk_not_the_key_not_the_key") as client:
                await Checks(client).call("list_indices", {})
        except Exception:
            # Some say 401, some that the connection ended.
            return
        raise AssertionError("was let in")

    await check("is refused with a wrong key", wrong_key())
    version = importlib.metadata.version("fastmcp" if FAMILY == "fastmcp" else "mcp")
    print(json.dumps({"version": version, "revision": revision}))
    return 1 if failures else 0


sys.exit(asyncio.run(main()))

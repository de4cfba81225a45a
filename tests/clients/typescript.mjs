// The TypeScript SDKs as clients: one connection, one report on standard output.
// typescript.mjs PACKAGE TRANSPORT ERA, with PACKAGE `client` (2.x) or `sdk` (1.x), TRANSPORT `http`, `sse`, `stdio` or `remote` (mcp-remote
// in front), ERA `legacy` or `modern`. What to call, and what must come back, is JSON in EXPECTED (see `run`).

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [family, transport, era] = process.argv.slice(2);
const expected = JSON.parse(process.env.EXPECTED);
const folder = process.env.NODE_FOLDER;
const resolve = createRequire(join(folder, 'package.json')).resolve;
const load = async (...names) => Object.assign({}, ...(await Promise.all(names.map((name) => import(pathToFileURL(resolve(name)))))));
const packages = {
  client: ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio'],
  sdk: ['index', 'streamableHttp', 'sse', 'stdio'].map((name) => `@modelcontextprotocol/sdk/client/${name}.js`),
};
const sdk = await load(...packages[family]);
const version = JSON.parse(readFileSync(join(folder, 'node_modules/@modelcontextprotocol', family, 'package.json'))).version;

function connection(key) {
  const headers = { Authorization: `Bearer ${key}` };
  const url = new URL(expected.url);
  switch (transport) {
    case 'http':
      return new sdk.StreamableHTTPClientTransport(url, { requestInit: { headers } });
    case 'sse':
      return new sdk.SSEClientTransport(new URL('/sse', url), { requestInit: { headers } });
    case 'stdio':
      return new sdk.StdioClientTransport({ command: expected.binary, args: ['stdio', '--demo'], stderr: 'ignore' });
    case 'remote': {
      const program = join(folder, 'node_modules/mcp-remote/dist/proxy.js');
      const env = { ...process.env, AUTHORIZATION: `Bearer ${key}` };
      const args = [program, url.href, '--transport', 'http-only', '--header', 'Authorization:${AUTHORIZATION}'];
      return new sdk.StdioClientTransport({ command: process.execPath, args, env, stderr: 'ignore' });
    }
  }
}

async function connect(key) {
  const mode = era === 'modern' ? 'auto' : 'legacy';
  const options = family === 'client' ? { versionNegotiation: { mode } } : {};
  const client = new sdk.Client({ name: 'elk-mcp-tests', version: '1' }, options);
  const over = connection(key);
  await client.connect(over);
  return { client, over };
}

const must = (holds, told) => {
  if (!holds) throw new Error(told);
};
const { client, over } = await connect(expected.key);
const revision = client.getNegotiatedProtocolVersion?.() ?? over.protocolVersion ?? 'not told';

const call = (name, args, options) =>
  family === 'client' ? client.callTool({ name, arguments: args }, options) : client.callTool({ name, arguments: args }, undefined, options);
const refused = (promise) => promise.then(() => undefined, (error) => error);

const checks = {
  'connects in the era': () => must(revision === 'not told' || revision === (era === 'modern' ? '2026-07-28' : '2025-11-25'), revision),
  'learns who answers': () => must(client.getServerVersion()?.name === 'elk-mcp', JSON.stringify(client.getServerVersion())),
  'gets instructions': () => must(client.getInstructions()?.length > 100, client.getInstructions()),
  'lists the tools': async () => {
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    must(names.join() === expected.tools.join(), names.join());
  },
  'calls a tool without arguments': async () => {
    const { isError, structuredContent } = await call('list_indices', {});
    must(!isError && structuredContent.rows.length === expected.indices, JSON.stringify(structuredContent));
  },
  'searches, in text and in JSON': async () => {
    const { isError, content, structuredContent } = await call('search_logs', expected.search);
    must(!isError && structuredContent.totals.matched === expected.matched, JSON.stringify(structuredContent));
    must(content[0].text.startsWith(structuredContent.summary), content[0].text);
  },
  'is told what is wrong with a call': async () => {
    const { isError, content, structuredContent } = await call('search_logs', { frobnicate: 1 });
    must(isError && content[0].text.startsWith('bad_argument') && structuredContent === undefined, JSON.stringify(content));
  },
  'is refused an unknown tool': async () => must((await refused(call('no_such_tool', {})))?.code === -32602, 'was not refused'),
  'reads every resource': async () => {
    const { resources } = await client.listResources();
    must(resources.length > 0, 'there is none');
    for (const { uri } of resources) {
      const [content] = (await client.readResource({ uri })).contents;
      must(content.uri === uri && content.text.length > 0, uri);
    }
  },
  'is refused an unknown resource': async () => must((await refused(client.readResource({ uri: 'elk://none' })))?.code < 0, 'was not refused'),
  'gets every prompt': async () => {
    const { prompts } = await client.listPrompts();
    must(prompts.length > 0, 'there is none');
    for (const prompt of prompts) {
      const args = Object.fromEntries((prompt.arguments ?? []).map(({ name }) => [name, expected.prompt_arguments[name] ?? 'x']));
      const { messages } = await client.getPrompt({ name: prompt.name, arguments: args });
      must(messages.length > 0 && messages[0].content.text.length > 0, prompt.name);
    }
  },
  'gets completions': async () => {
    const { prompts } = await client.listPrompts();
    const prompt = prompts.find(({ arguments: args }) => args?.length);
    const ref = { type: 'ref/prompt', name: prompt.name };
    const { completion } = await client.complete({ ref, argument: { name: prompt.arguments[0].name, value: '' } });
    must(Array.isArray(completion.values), JSON.stringify(completion));
  },
  'asks for progress': async () => {
    const { isError } = await call('get_service_overview', {}, { onprogress: () => {} });
    must(!isError, 'failed');
  },
  'cancels, and goes on': async () => {
    const controller = new AbortController();
    const cancelled = refused(call('get_log_patterns', {}, { signal: controller.signal }));
    controller.abort('changed my mind');
    must((await cancelled) !== undefined, 'was answered');
    must(!(await call('list_indices', {})).isError, 'the next call failed');
  },
  'calls twenty tools at once': async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => call('search_logs', expected.search)));
    must(results.every((result) => result.structuredContent?.totals.matched === expected.matched), 'one differs');
  },
  'is refused with a wrong key': async () => {
    if (transport === 'stdio' || transport === 'remote') return 'no key';
    const error = await refused(connect('elk_not_the_key_not_the_key'));
    must(error !== undefined && /401|unauthori[sz]ed/i.test(`${error} ${error.code} ${error.status}`), String(error));
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(JSON.stringify({ check: name, ok: true }));
  } catch (error) {
    failed += 1;
    console.log(JSON.stringify({ check: name, ok: false, told: String(error?.message ?? error).slice(0, 600) }));
  }
}
await client.close();
console.log(JSON.stringify({ version, revision }));
process.exit(failed ? 1 : 0);

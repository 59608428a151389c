// SPDX-License-Identifier: MIT
// What an application sees that uses the stock `openai` package against weir. tests/clients/run starts
// the daemons (as an end-to-end case does) and this file in the directory where the package was
// installed; it tells us where they are by environment variables. One line per check:
// `ok NAME` or `FAIL NAME: why`.
'use strict';

const assert = require('node:assert');
const path = require('node:path');

// The package lies where it was installed, not beside this file: the source tree stays clean.
const sdkPath = require.resolve('openai', { paths: [process.env.WEIR_CLIENT_MODULES] });
const OpenAI = require(sdkPath);
const sim = process.env.WEIR_SIM_URL;
const base = process.env.WEIR_URL;
const key = process.env.WEIR_KEY;
const messages = [{ role: 'user', content: 'Say something.' }];

// Retries of the SDK itself would hide what weir answers.
const client = new OpenAI.OpenAI({ apiKey: key, baseURL: `${base}/v1`, maxRetries: 0, timeout: 30000 });

async function script(model, list, repeat = 'last') {
  const answer = await fetch(`${sim}/control/models/${encodeURIComponent(model)}`, {
    method: 'PUT', body: JSON.stringify({ script: list, repeat }),
  });
  assert.ok(answer.ok, `weir-sim refused the script: ${answer.status}`);
}

async function simStats(model) {
  const stats = await (await fetch(`${sim}/control/stats`)).json();
  return stats.models[model] ?? { requests: 0, active: 0, completed: 0, aborted: 0 };
}

async function simWait(conditions) {
  const query = new URLSearchParams({ timeout: '10000', ...conditions });
  const answer = await fetch(`${sim}/control/wait?${query}`);
  assert.strictEqual(answer.status, 200, `weir-sim: ${query} did not come true`);
}

async function row(pair) {
  const answer = await fetch(`${base}/v1/ratelimits`, { headers: { Authorization: `Bearer ${key}` } });
  const document = await answer.json();
  const rows = Array.isArray(document) ? document : document.ratelimits;
  return rows.find((r) => `${r.provider}/${r.model}` === pair);
}

// Polls until the pair's row passes the test; 10 s at most.
async function rowBecomes(pair, test, what) {
  const deadline = Date.now() + 10000;
  for (;;) {
    const seen = await row(pair);
    if (test(seen)) return seen;
    assert.ok(Date.now() < deadline, `${pair} never became ${what}: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function start(model, more = {}, options = {}) {
  return client.chat.completions
    .create({ model, messages, stream: true, ...more }, options)
    .withResponse();
}

// Reads a stream to its end: { text, chunks, provider, error }.
async function drain(model, more = {}, options = {}) {
  const { data, response } = await start(model, more, options);
  const seen = { text: '', chunks: [], provider: response.headers.get('x-weir-provider'), error: null };
  try {
    for await (const chunk of data) {
      seen.chunks.push(chunk);
      seen.text += chunk.choices[0]?.delta?.content ?? '';
    }
  } catch (error) {
    seen.error = error;
  }
  return seen;
}

const whole = Array.from({ length: 10 }, (_, i) => `t${i} `).join('');

const checks = {
  async streaming() {
    const seen = await drain('plain');
    assert.ifError(seen.error);
    assert.strictEqual(seen.text, whole);
    assert.strictEqual(seen.provider, 'alpha/plain');
    assert.ok(seen.chunks.some((c) => c.choices[0]?.finish_reason === 'stop'));
    assert.ok(seen.chunks.every((c) => !c.usage), 'the usage that only weir asked for stays with weir');
  },

  async 'usage that was asked for'() {
    const seen = await drain('plain', { stream_options: { include_usage: true } });
    assert.ifError(seen.error);
    assert.strictEqual(seen.text, whole);
    assert.ok(seen.chunks.at(-1).usage.total_tokens > 0, 'usage is in the last chunk');
  },

  async 'streaming helper'() {
    const runner = client.chat.completions.stream({ model: 'plain', messages });
    const final = await runner.finalChatCompletion();
    assert.strictEqual(final.choices[0].message.content, whole);
  },

  async 'without streaming'() {
    const { data, response } = await client.chat.completions
      .create({ model: 'plain', messages }).withResponse();
    assert.strictEqual(data.object, 'chat.completion');
    assert.strictEqual(data.choices[0].message.content, whole);
    assert.strictEqual(response.headers.get('x-weir-provider'), 'alpha/plain');
    assert.ok(data._request_id, 'the SDK finds the request id');
  },

  async 'a late failure raises APIError'() {
    await script('late', ['cut=3']);
    const seen = await drain('late');
    assert.strictEqual(seen.text, 't0 t1 t2 ');
    assert.ok(seen.error instanceof OpenAI.APIError, `raised ${seen.error}`);
    assert.strictEqual(seen.error.code, 'stream_error');
    assert.strictEqual(seen.error.type, 'server_error');
    assert.match(seen.error.message, /alpha\/late/);
  },

  async 'an explained late failure raises APIError, with the trail'() {
    await script('late', ['cut=3']);
    const seen = await drain('late', {}, { headers: { 'X-Weir-Explain': '1' } });
    assert.ok(seen.error instanceof OpenAI.APIError, `raised ${seen.error}`);
    assert.strictEqual(seen.error.code, 'stream_error');
    assert.match(seen.error.error.trail, /^alpha\/late=stream_lost;\d+ms$/);
  },

  async 'silence and truncation raise APIError too'() {
    for (const [fault, code] of [['stall=2', 'stream_idle_timeout'], ['eof=2', 'stream_truncated'],
      ['error-event=2', 'stream_error'], ['finish=error', 'stream_error'], ['close-after=2', 'stream_error']]) {
      await script('ends', [fault]);
      const began = Date.now();
      const seen = await drain('ends');
      assert.ok(Date.now() - began < 6000, `${fault}: noticed after ${Date.now() - began} ms`);
      assert.ok(seen.error instanceof OpenAI.APIError, `${fault}: raised ${seen.error}`);
      assert.strictEqual(seen.error.code, code, fault);
      await script('ends', ['ok']);
      assert.ifError((await drain('ends')).error);
    }
  },

  async 'three failures, skip, recovery'() {
    await script('core', ['cut=2', 'cut=2', 'cut=2', 'ok']);
    for (let n = 0; n < 3; n++) {
      const seen = await drain('core');
      assert.strictEqual(seen.provider, 'alpha/core');
      assert.ok(seen.error instanceof OpenAI.APIError);
    }
    const began = Date.now();
    for (let n = 0; n < 3; n++) {
      const seen = await drain('core');
      assert.ifError(seen.error);
      assert.strictEqual(seen.provider, 'beta/spare');
      assert.strictEqual(seen.text, whole);
    }
    assert.strictEqual((await simStats('core')).requests, 3, 'requests that reached the resting pair');
    const resting = await row('alpha/core');
    assert.strictEqual(resting.status, 'exhausted');
    assert.strictEqual(resting.reason, 'mid-stream failures exceeded threshold');
    await rowBecomes('alpha/core', (r) => r.status === 'recovering', 'recovering');
    assert.ok(Date.now() - began > 1500, 'the cooldown ended early');
    const seen = await drain('core');
    assert.ifError(seen.error);
    assert.strictEqual(seen.provider, 'alpha/core');
    await rowBecomes('alpha/core', (r) => r.status === 'available', 'available');
  },

  async 'one completed stream resets, an answer without streaming does not'() {
    await script('reset', ['cut=2', 'cut=2', 'ok', 'cut=2', 'ok', 'cut=2']);
    for (let n = 1; n <= 2; n++) assert.ok((await drain('reset')).error);
    await rowBecomes('alpha/reset', (r) => r.midStreamFailures === 2, 'at 2 failures');
    assert.ifError((await drain('reset')).error);
    await rowBecomes('alpha/reset', (r) => r.midStreamFailures === 0, 'reset');
    assert.ok((await drain('reset')).error);
    await rowBecomes('alpha/reset', (r) => r.midStreamFailures === 1, 'at 1 failure');
    await client.chat.completions.create({ model: 'reset', messages });
    assert.ok((await drain('reset')).error);
    const seen = await rowBecomes('alpha/reset', (r) => r.midStreamFailures === 2, 'at 2 failures');
    assert.strictEqual(seen.status, 'available');
  },

  async 'an abort by the client does not count'() {
    await script('abort', ['tokens=100000,delay=20']);
    for (let n = 1; n <= 4; n++) {
      const { data } = await start('abort');
      let count = 0;
      for await (const _ of data) {
        if (++count === 3) data.controller.abort();
      }
      await simWait({ model: 'abort', aborted: String(n) });
    }
    const seen = await row('alpha/abort');
    assert.deepStrictEqual([seen.status, seen.midStreamFailures, seen.failures], ['available', 0, 0]);
  },

  async 'a break out of the loop does not count'() {
    await script('abort', ['tokens=100000,delay=20']);
    const before = (await simStats('abort')).aborted;
    const { data } = await start('abort');
    for await (const _ of data) break;
    await simWait({ model: 'abort', aborted: String(before + 1) });
    assert.strictEqual((await row('alpha/abort')).midStreamFailures, 0);
  },

  async 'an abort before the first token'() {
    await script('abort', ['hang']);
    const before = await simStats('abort');
    const controller = new AbortController();
    const pending = start('abort', {}, { signal: controller.signal });
    pending.catch(() => {});
    await simWait({ model: 'abort', requests: String(before.requests + 1) });
    controller.abort();
    await assert.rejects(pending, OpenAI.APIUserAbortError);
    await simWait({ model: 'abort', aborted: String(before.aborted + 1) });
    assert.strictEqual((await row('alpha/abort')).failures, 0);
  },

  async models() {
    const ids = [];
    for await (const model of await client.models.list()) ids.push([model.id, model.owned_by]);
    assert.deepStrictEqual(ids[0], ['plain', 'weir']);
    assert.ok(ids.some(([id, owner]) => id === 'spare' && owner === 'beta'), JSON.stringify(ids));
  },

  async 'tool calls'() {
    await script('tools', ['tool']);
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
    const seen = await drain('tools', { tools });
    assert.ifError(seen.error);
    const calls = seen.chunks.flatMap((c) => c.choices[0]?.delta?.tool_calls ?? []);
    assert.ok(calls[0].function.name, JSON.stringify(calls));
    JSON.parse(calls.map((c) => c.function?.arguments ?? '').join(''));
    assert.ok(seen.chunks.some((c) => c.choices[0]?.finish_reason === 'tool_calls'));
    const answer = await client.chat.completions.create({ model: 'tools', messages, tools });
    assert.ok(answer.choices[0].message.tool_calls.length > 0);
  },

  async 'a wrong key is AuthenticationError'() {
    const stranger = new OpenAI.OpenAI({ apiKey: 'wrong', baseURL: `${base}/v1`, maxRetries: 0 });
    await assert.rejects(stranger.models.list(), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
      assert.deepStrictEqual([error.status, error.code], [401, 'invalid_api_key']);
      return true;
    });
  },

  async 'a bad request is BadRequestError'() {
    await assert.rejects(client.chat.completions.create({ model: 'plain' }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError, String(error));
      assert.deepStrictEqual([error.status, error.code], [400, 'invalid_request']);
      return true;
    });
  },

  async 'an unknown path is NotFoundError'() {
    await assert.rejects(client.get('/no-such-thing'), OpenAI.NotFoundError);
  },

  async 'an exhausted chain is InternalServerError with the wait'() {
    await script('gone', ['status=429,retry-after=30']);
    await assert.rejects(start('gone'), (error) => {
      assert.ok(error instanceof OpenAI.InternalServerError, String(error));
      assert.deepStrictEqual([error.status, error.code], [503, 'all_providers_exhausted']);
      assert.match(error.message, /alpha\/gone/);
      assert.ok(Number(error.headers.get('retry-after')) > 20, 'Retry-After');
      return true;
    });
  },

  async 'the SDK retries by itself and is served'() {
    await script('again', ['status=429,header=retry-after-ms/1000', 'ok']);
    const patient = new OpenAI.OpenAI({ apiKey: key, baseURL: `${base}/v1`, maxRetries: 2 });
    const began = Date.now();
    const answer = await patient.chat.completions.create({ model: 'again', messages });
    assert.strictEqual(answer.choices[0].message.content, whole);
    assert.ok(Date.now() - began > 900, 'it waited as retry-after-ms said');
  },

  async 'twenty at once'() {
    const seen = await Promise.all(Array.from({ length: 20 }, () => drain('plain')));
    for (const one of seen) {
      assert.ifError(one.error);
      assert.strictEqual(one.text, whole);
    }
  },
};

async function main() {
  let failed = 0;
  const version = require(path.join(path.dirname(sdkPath), 'package.json')).version;
  console.log(`# openai ${version}, node ${process.version}`);
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok   ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}: ${error.stack}`);
    }
  }
  process.exitCode = failed === 0 ? 0 : 1;
}

main();

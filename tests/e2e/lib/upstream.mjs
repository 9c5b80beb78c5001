// A provider stand-in that does exactly what a test tells it, and remembers byte for byte what it received.
import { createServer } from "node:http";
import { once } from "node:events";
import { createHash } from "node:crypto";

/** A promise and the functions that end it: how a test and a script of the upstream wait for each other. */
export function signal() {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

export const event = (value) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
/** One event of an Anthropic stream. */
export const named = (value) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;

/** A chat.completion body of OpenAI; what `extra` has replaces members. */
export function completion(content, usage, extra = {}) {
  return {
    id: "chatcmpl-upstream", object: "chat.completion", created: 1_700_000_000, model: "upstream-2026-01-01",
    choices: [{ index: 0, message: { role: "assistant", content, refusal: null }, logprobs: null, finish_reason: "stop" }],
    ...(usage ? { usage } : {}), ...extra,
  };
}

/** prompt + completion as OpenAI reports them. */
export const tokens = (prompt, output, extra = {}) => ({ prompt_tokens: prompt, completion_tokens: output, total_tokens: prompt + output, ...extra });

/** One chunk of an OpenAI chat stream. */
export const delta = (content, finish = null, extra = {}) => event({
  id: "chatcmpl-upstream", object: "chat.completion.chunk", created: 1_700_000_000, model: "upstream-2026-01-01",
  choices: [{ index: 0, delta: content === null ? {} : { content }, logprobs: null, finish_reason: finish }], ...extra,
});
export const usageChunk = (usage) => event({
  id: "chatcmpl-upstream", object: "chat.completion.chunk", created: 1_700_000_000, model: "upstream-2026-01-01", choices: [], usage,
});
export const DONE = "data: [DONE]\n\n";

/** A message body of Anthropic. */
export function message(text, usage, extra = {}) {
  return {
    id: "msg_upstream", type: "message", role: "assistant", model: "claude-upstream-20260101",
    content: [{ type: "text", text }], stop_reason: "end_turn", stop_sequence: null, usage, ...extra,
  };
}

class Call {
  constructor(request, response, body) {
    this.request = request;
    this.response = response;
    this.socket = request.socket;
    this.method = request.method;
    this.path = request.url;
    this.headers = request.headers;
    this.body = body;
    /** Resolves when the gateway closed the connection before the answer had ended. */
    this.gone = new Promise((resolve) => response.on("close", () => !response.writableFinished && resolve()));
  }
  get text() { return this.body.toString("utf8"); }
  get json() { return JSON.parse(this.text); }
  /** A whole answer with content-length. */
  reply(status, value, headers = {}) {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    this.response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length, ...headers });
    this.response.end(bytes);
  }
  /** Starts an event stream (chunked). */
  stream(headers = {}) {
    this.response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", ...headers });
    this.response.flushHeaders();
  }
  /** Sends a piece; resolves when the kernel has it. */
  send(text) {
    return new Promise((resolve) => this.response.write(text, resolve));
  }
  end(text) { this.response.end(text); }
  /** A whole event stream in one go. */
  events(...parts) {
    this.stream();
    this.response.end(parts.join(""));
  }
  /** Exact bytes on the wire, then the connection closes: the framing is the test's own. */
  raw(bytes) { this.socket.end(bytes); }
  /** A TCP reset, now. */
  reset() { this.socket.resetAndDestroy(); }
}

/**
 * Starts the stand-in. `next(script)` says how the next unscripted request is answered, `always(script)` how those are
 * for which nothing was said. A script is an async function of a Call, or [status, body, headers].
 */
export async function startUpstream() {
  const queue = [];
  let fallback = [500, { error: { message: "the test did not expect this request" } }];
  const calls = [];
  const arrivals = [];
  const failures = [];
  const run = async (call) => {
    const script = queue.shift() ?? fallback;
    try {
      if (Array.isArray(script)) call.reply(...script);
      else await script(call);
    } catch (error) {
      failures.push(error);
      call.socket.destroy();
    }
  };
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, (request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("error", () => {});
    request.on("end", () => {
      const call = new Call(request, response, Buffer.concat(parts));
      calls.push(call);
      arrivals.splice(0).forEach((wake) => wake());
      run(call);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    /** As OpenAI's SDK takes a base URL. */
    url: `${origin}/v1`,
    calls,
    failures,
    get last() { return calls.at(-1); },
    next(script) { queue.push(script); return this; },
    always(script) { fallback = script; return this; },
    /** Resolves once `count` requests have arrived in all. */
    async arrived(count) {
      while (calls.length < count) await new Promise((wake) => arrivals.push(wake));
      return calls[count - 1];
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      if (failures.length > 0) throw failures[0];
    },
  };
}

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

// The vendors' own SDKs, pointed at the gateway by base URL and key alone, as a customer would.
import { requirePackage } from "./tollgate.mjs";

const OpenAI = requirePackage("openai");
const Anthropic = requirePackage("@anthropic-ai/sdk");
export { OpenAI, Anthropic };

/** Retries are off: a test wants to see the first answer. */
export const openai = (server, key, options = {}) =>
  new OpenAI.OpenAI({ apiKey: key, baseURL: `${server.gateway}/v1`, maxRetries: 0, ...options });
export const anthropic = (server, key, options = {}) =>
  new Anthropic.Anthropic({ apiKey: key, baseURL: server.gateway, maxRetries: 0, ...options });

/** The error a promise is rejected with; fails when it is not. */
export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the call succeeded");
}

/** All of an async iterable. */
export async function collect(stream) {
  const all = [];
  for await (const item of stream) all.push(item);
  return all;
}

/** Complete server-sent events of a raw answer, as they come. Each: {event, data, text}. */
export async function* events(response) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of response.body) {
    rest += decoder.decode(part, { stream: true });
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const text = rest.slice(0, end);
      if (text.trim() === "") continue; // an empty event is none
      const field = (name) => text.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield { event: field("event"), data: field("data"), text };
    }
  }
}

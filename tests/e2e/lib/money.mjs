// The arithmetic of charges, written a second time: BigInt only, straight from the published rule
// charge = round_half_even(sum of quantity x price x multiplier), in nano-dollars.
import assert from "node:assert/strict";
import { nanos, until } from "./tollgate.mjs";

/** Digits of a decimal text as an integer with `places` decimals. */
function scaled(text, places) {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  assert(match && (match[2] ?? "").length <= places, `not a decimal with at most ${places} places: ${text}`);
  return BigInt(match[1] + (match[2] ?? "").padEnd(places, "0"));
}

export function halfEven(numerator, denominator) {
  const quotient = numerator / denominator, twice = (numerator % denominator) * 2n;
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) return quotient + 1n;
  return quotient;
}

const perRequest = new Set(["request", "web_search", "pages", "images", "input_seconds", "output_seconds"]);
const parents = { cache_read: "input", cache_write_5m: "input", cache_write_1h: "cache_write_5m", audio_in: "input", image_in: "input", audio_out: "output", image_out: "output" };

/** The charge in nano-dollars for `usage` at `price` (USD per million tokens, or per unit) times the multipliers. */
export function chargeOf(price, usage, ...multipliers) {
  let sum = 0n; // in USD x 10^-18
  for (const [bucket, quantity] of Object.entries(usage)) {
    let name = bucket;
    while (price[name] === undefined && parents[name]) name = parents[name];
    if (price[name] === undefined) continue;
    sum += BigInt(quantity) * scaled(price[name], 12) * (perRequest.has(name) ? 1_000_000n : 1n);
  }
  let denominator = 1_000_000_000n;
  for (const multiplier of multipliers) {
    sum *= scaled(multiplier, 9);
    denominator *= 1_000_000_000n;
  }
  return halfEven(sum, denominator);
}

/** Nano-dollars as the API writes them. */
export function usd(amount) {
  const sign = amount < 0n ? "-" : "", value = amount < 0n ? -amount : amount;
  const fraction = (value % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return `${sign}${value / 1_000_000_000n}${fraction ? `.${fraction}` : ""}`;
}

export const accountOf = (server, customer) => server.must("GET", `/api/accounts/${customer.account}`);

/** Everything that moved an account's balance, newest first, over all pages. */
export async function transactionsOf(server, customer) {
  const all = [];
  for (let cursor = ""; ;) {
    const page = await server.must("GET", `/api/accounts/${customer.account}/transactions?limit=1000${cursor}`);
    all.push(...page.data);
    if (page.next_cursor === null) return all;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
}

/** All records of an account, newest first, once there are at least `count`. */
export async function recordsOf(server, customer, count = 0) {
  return until(async () => {
    const page = await server.must("GET", `/api/usage/records?account_id=${customer.account}&limit=1000`);
    return page.data.length >= count && page.data;
  }, `${count} records of ${customer.account}`);
}

/**
 * A ledger of expectations for one customer: `paid` compares one request's record, transaction and the balance with the
 * charge computed here; `nothing` that a request left no charge and no hold behind.
 */
export class Books {
  constructor(server, customer, credit) {
    this.server = server;
    this.customer = customer;
    this.balance = nanos(credit);
    this.charged = 0;
  }
  async settled() {
    return until(async () => {
      const account = await accountOf(this.server, this.customer);
      return account.held === "0" && account;
    }, "nothing held");
  }
  async paid(requestId, expected) {
    const record = await this.server.record(requestId);
    const { price, usage, multipliers = [], headers, ...fields } = expected;
    const want = expected.charge ?? chargeOf(price, { ...usage, request: 1 }, ...multipliers);
    delete fields.charge;
    assert.equal(record.charge, usd(want), `charge of ${JSON.stringify(record)}`);
    for (const [bucket, quantity] of Object.entries(usage ?? {})) assert.equal(record.usage[bucket] ?? 0, quantity, `usage.${bucket}`);
    for (const [name, value] of Object.entries({ outcome: "success", status: 200, account_id: this.customer.account, key_id: this.customer.keyId, ...fields }))
      assert.deepEqual(record[name], value, `record.${name}`);
    const account = await this.settled();
    const before = this.balance;
    this.balance -= want;
    assert.equal(account.balance, usd(this.balance), "balance of the account");
    if (headers) {
      assert.equal(headers.get("x-tollgate-cost"), usd(want));
      assert.equal(headers.get("x-tollgate-balance"), usd(this.balance));
      assert.equal(headers.get("x-tollgate-provider"), record.provider);
      assert.equal(headers.get("x-tollgate-model"), record.provider_model);
    }
    if (want !== 0n) {
      this.charged++;
      const [last] = await transactionsOf(this.server, this.customer);
      assert.equal(last.reference, requestId);
      assert.equal(last.kind, "usage");
      assert.equal(last.amount, usd(-want));
      assert.equal(last.balance_before, usd(before));
      assert.equal(last.balance_after, usd(this.balance));
      assert.equal(last.key_id, this.customer.keyId);
    }
    return record;
  }
  /** The request `requestId` was recorded, and took nothing. */
  async nothing(requestId, fields) {
    const record = await this.server.record(requestId);
    assert.equal(record.charge, "0");
    for (const [name, value] of Object.entries(fields)) assert.deepEqual(record[name], value, `record.${name}`);
    await this.untouched();
    return record;
  }
  async untouched() {
    const account = await this.settled();
    assert.equal(account.balance, usd(this.balance), "balance of the account");
    assert.equal((await transactionsOf(this.server, this.customer)).filter((row) => row.kind === "usage").length, this.charged);
  }
}

/** The sum over the whole transaction list equals the balance, and each row continues the one before it. */
export async function checkBooks(server, customer) {
  return until(async () => { // the wallet is live, the list follows within a moment
    const rows = (await transactionsOf(server, customer)).reverse();
    let balance = 0n;
    for (const row of rows) {
      if (nanos(row.balance_before) !== balance) throw Object.assign(new Error(`row ${row.id} does not start where the one before it ended`), { fatal: true });
      balance += nanos(row.amount);
      if (nanos(row.balance_after) !== balance) throw Object.assign(new Error(`row ${row.id} does not add up`), { fatal: true });
    }
    const account = await accountOf(server, customer);
    if (nanos(account.balance) !== balance) throw new Error(`the balance is ${account.balance}, the transactions sum up to ${usd(balance)}`);
    return { rows, balance };
  }, "transactions that add up to the balance", 10_000);
}

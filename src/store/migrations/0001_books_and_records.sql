-- Portable dialect: {{id}} = identity primary key, never reused;
-- {{serial}} = the same for tables that nothing is deleted from; {{int}} = 64-bit integer; {{blob}} = bytes;
-- {{end}} / {{end_norowid}} close a table. Lines between "-- begin X" and "-- end X" are for backend X only.
-- Times are milliseconds since 1970 UTC, money is nano-USD, multipliers are parts per billion, 0 = none for ids.

create table meta(key text primary key, value text not null {{end_norowid}};
create table setting(key text primary key, value text not null {{end_norowid}};
-- Numbers handed out under a row lock, so that they become visible in order also with several writers.
create table counter(name text primary key, value {{int}} not null {{end_norowid}};
insert into counter(name, value) values('record', 0);

create table account(
  id {{id}}, name text not null, external_id text unique, kind {{int}} not null, multiplier {{int}} not null check(multiplier >= 0),
  overdraft {{int}} not null check(overdraft >= 0), suspended {{int}} not null, created_at {{int}} not null {{end}};

create table api_key(
  id {{id}}, account_id {{int}} not null references account(id), team_id {{int}} not null, user_id {{int}} not null, name text not null,
  hash {{blob}} not null unique, prefix text not null, sealed {{blob}} not null,
  scopes text not null, models text not null, routes text not null, allowed_ips text not null, tags text not null,
  rpm {{int}} not null, tpm {{int}} not null, concurrency {{int}} not null,
  cap_day {{int}}, cap_week {{int}}, cap_month {{int}}, cap_total {{int}},
  expires_at {{int}}, enabled {{int}} not null, revoked_at {{int}}, created_at {{int}} not null, last_used_at {{int}},
  previous_hash {{blob}} unique, previous_until {{int}} {{end}};
create index api_key_account on api_key(account_id, id);

create table service_token(
  id {{id}}, name text not null, hash {{blob}} not null unique, prefix text not null, scopes text not null,
  created_at {{int}} not null, expires_at {{int}}, revoked_at {{int}} {{end}};

create table provider(
  id {{id}}, name text not null unique, kind text not null, base_url text not null, sealed_api_key {{blob}} not null,
  options_json text not null, expose text not null, enabled {{int}} not null, created_at {{int}} not null {{end}};
create table model(
  id {{id}}, name text not null unique, targets_json text not null, price_json text not null, multiplier {{int}} not null,
  strategy text not null, options_json text not null, enabled {{int}} not null, created_at {{int}} not null {{end}};
create table price_version(
  id {{id}}, hash {{blob}} not null unique, scope text not null, source text not null, effective_from {{int}} not null,
  created_at {{int}} not null, body text not null {{end}};
create index price_version_scope on price_version(scope, id);

-- The books. `position` orders transactions and records alike. A floor of 0 means: may never go below zero, whatever the code does. account_id 0 = the house.
create table ledger_account(
  id {{serial}}, account_id {{int}} not null, kind {{int}} not null, ref text not null,
  debits_posted {{int}} not null default 0 check(debits_posted >= 0),
  credits_posted {{int}} not null default 0 check(credits_posted >= 0),
  floor {{int}},
  unique(account_id, kind, ref),
  constraint no_overdraft check(floor is null or credits_posted - debits_posted >= floor) {{end}};
create table ledger_txn(
  id {{serial}}, kind {{int}} not null, account_id {{int}} not null, business_key text not null unique, reference text not null,
  description text not null, amount {{int}} not null, balance_before {{int}} not null, balance_after {{int}} not null,
  position {{int}} not null, records {{int}} not null, booked_at {{int}} not null,
  check(balance_before + amount = balance_after) {{end}};
create index ledger_txn_account on ledger_txn(account_id, position) where kind <> 1;
create table transfer(
  id {{serial}}, txn_id {{int}} not null references ledger_txn(id), debit_account {{int}} not null references ledger_account(id),
  credit_account {{int}} not null references ledger_account(id), amount {{int}} not null check(amount > 0),
  check(debit_account <> credit_account) {{end}};
create table credit_grant(
  id {{serial}}, account_id {{int}} not null, ledger_account_id {{int}} not null unique references ledger_account(id),
  txn_id {{int}} not null references ledger_txn(id), kind {{int}} not null, amount {{int}} not null check(amount > 0),
  priority {{int}} not null, expires_at {{int}}, created_at {{int}} not null, reference text not null, is_open {{int}} not null {{end}};
create index credit_grant_open on credit_grant(account_id) where is_open = 1;
create index credit_grant_expiry on credit_grant(expires_at) where is_open = 1 and expires_at is not null;
-- A cache over the books, checked by verify: balance = grants - overdraft.
create table wallet(
  account_id {{int}} primary key, balance {{int}} not null, earned {{int}} not null, spent {{int}} not null {{end}};
create table key_spend(key_id {{int}} primary key, total {{int}} not null {{end}};

create table journal_mark(
  node text primary key, segment {{int}} not null, frame_end {{int}} not null, seq {{int}} not null {{end_norowid}};
create table open_hold(
  request_id {{blob}} primary key, account_id {{int}} not null, key_id {{int}} not null, amount {{int}} not null, seq {{int}} not null,
  draft {{blob}} not null, progress {{blob}} not null {{end_norowid}};

-- Records stand in the order they were booked. Repeated texts are numbers in `dim`; what is never searched is in `detail`.
create table dim(id {{serial}}, value {{blob}} not null unique {{end}};
create table record(
  id {{int}} primary key, request_id {{blob}} not null, time {{int}} not null, account_id {{int}} not null, key_id {{int}} not null,
  model {{int}} not null, provider {{int}} not null, route {{int}} not null, status {{int}} not null, outcome {{int}} not null,
  cost {{int}} not null, charge {{int}} not null check(charge >= 0), balance_after {{int}} not null, latency_ms {{int}} not null,
  detail {{blob}} not null {{end}};
-- uid = time and tail of the request id; the next free number when two ids share it.
create table record_uid(uid {{int}} primary key, record_id {{int}} not null {{end}};
-- Inverted index: per batch one row per value that occurs, `ids` = the further ids as varint distances from first_id.
create table posting(
  dimension {{int}} not null, value {{int}} not null, first_id {{int}} not null, n {{int}} not null, ids {{blob}} not null,
  primary key(dimension, value, first_id) {{end_norowid}};
create table record_minute(minute {{int}} primary key, min_id {{int}} not null, max_id {{int}} not null {{end}};

create table rollup_key(
  key_id {{int}} not null, hour {{int}} not null, model {{int}} not null, provider {{int}} not null, route {{int}} not null,
  outcome {{int}} not null,
  requests {{int}} not null, errors {{int}} not null, input {{int}} not null, output {{int}} not null, cache_read {{int}} not null,
  cache_write {{int}} not null, reasoning {{int}} not null, cost {{int}} not null, charge {{int}} not null, latency_sum {{int}} not null,
  latency_max {{int}} not null, first_byte_sum {{int}} not null, first_byte_count {{int}} not null,
  primary key(key_id, hour, model, provider, route, outcome) {{end_norowid}};
create table rollup_account(
  account_id {{int}} not null, hour {{int}} not null, model {{int}} not null, provider {{int}} not null, route {{int}} not null,
  outcome {{int}} not null,
  requests {{int}} not null, errors {{int}} not null, input {{int}} not null, output {{int}} not null, cache_read {{int}} not null,
  cache_write {{int}} not null, reasoning {{int}} not null, cost {{int}} not null, charge {{int}} not null, latency_sum {{int}} not null,
  latency_max {{int}} not null, first_byte_sum {{int}} not null, first_byte_count {{int}} not null,
  primary key(account_id, hour, model, provider, route, outcome) {{end_norowid}};
create table rollup_all(
  hour {{int}} not null, model {{int}} not null, provider {{int}} not null, route {{int}} not null,
  outcome {{int}} not null,
  requests {{int}} not null, errors {{int}} not null, input {{int}} not null, output {{int}} not null, cache_read {{int}} not null,
  cache_write {{int}} not null, reasoning {{int}} not null, cost {{int}} not null, charge {{int}} not null, latency_sum {{int}} not null,
  latency_max {{int}} not null, first_byte_sum {{int}} not null, first_byte_count {{int}} not null,
  primary key(hour, model, provider, route, outcome) {{end_norowid}};
create table rollup_key_hour(
  hour {{int}} not null, account_id {{int}} not null, key_id {{int}} not null,
  requests {{int}} not null, errors {{int}} not null, input {{int}} not null, output {{int}} not null, cache_read {{int}} not null,
  cache_write {{int}} not null, reasoning {{int}} not null, cost {{int}} not null, charge {{int}} not null, latency_sum {{int}} not null,
  latency_max {{int}} not null, first_byte_sum {{int}} not null, first_byte_count {{int}} not null,
  primary key(hour, account_id, key_id) {{end_norowid}};
create table rollup_key_day(
  day {{int}} not null, account_id {{int}} not null, key_id {{int}} not null,
  requests {{int}} not null, errors {{int}} not null, input {{int}} not null, output {{int}} not null, cache_read {{int}} not null,
  cache_write {{int}} not null, reasoning {{int}} not null, cost {{int}} not null, charge {{int}} not null, latency_sum {{int}} not null,
  latency_max {{int}} not null, first_byte_sum {{int}} not null, first_byte_count {{int}} not null,
  primary key(day, account_id, key_id) {{end_norowid}};

create table audit(
  id {{serial}}, at {{int}} not null, actor text not null, action text not null, resource text not null, before_json text not null,
  after_json text not null, ip text not null, request_id text not null {{end}};

create table idempotency(
  scope text not null, key text not null, request_hash {{blob}} not null, state {{int}} not null, status {{int}} not null,
  content_type text not null, body {{blob}} not null, at {{int}} not null, primary key(scope, key) {{end_norowid}};
create index idempotency_at on idempotency(at);
create table replay(
  key_id {{int}} not null, idempotency_key {{blob}} not null, request_hash {{blob}} not null, sealed {{blob}} not null,
  expires_at {{int}} not null, primary key(key_id, idempotency_key) {{end_norowid}};
create index replay_expires on replay(expires_at);

-- begin sqlite
create trigger transfer_no_update before update on transfer begin select raise(abort, 'transfer is append-only'); end;
create trigger transfer_no_delete before delete on transfer begin select raise(abort, 'transfer is append-only'); end;
create trigger ledger_txn_no_update before update on ledger_txn begin select raise(abort, 'ledger_txn is append-only'); end;
create trigger ledger_txn_no_delete before delete on ledger_txn begin select raise(abort, 'ledger_txn is append-only'); end;
create trigger price_version_no_update before update on price_version begin select raise(abort, 'price_version is append-only'); end;
create trigger price_version_no_delete before delete on price_version begin select raise(abort, 'price_version is append-only'); end;
create trigger audit_no_update before update on audit begin select raise(abort, 'audit is append-only'); end;
create trigger audit_no_delete before delete on audit begin select raise(abort, 'audit is append-only'); end;
-- end sqlite
-- begin postgres
create function deny_change() returns trigger language plpgsql as $$ begin raise exception '% is append-only', tg_table_name; end $$;
create trigger append_only before update or delete on transfer for each row execute function deny_change();
create trigger append_only before update or delete on ledger_txn for each row execute function deny_change();
create trigger append_only before update or delete on price_version for each row execute function deny_change();
create trigger append_only before update or delete on audit for each row execute function deny_change();
create trigger no_truncate before truncate on transfer for each statement execute function deny_change();
create trigger no_truncate before truncate on ledger_txn for each statement execute function deny_change();
create trigger no_truncate before truncate on price_version for each statement execute function deny_change();
create trigger no_truncate before truncate on audit for each statement execute function deny_change();
-- end postgres

#pragma once
// The double-entry primitives. All of them work inside the caller's write transaction.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/ledger_store.hpp"
#include "store/sql/database.hpp"

namespace tollgate::store::sql {

/// Kinds of ledger accounts. Stored by number: append only.
enum class BookKind : std::uint8_t {
    grant = 1,        ///< credit of one grant; floor 0
    overdraft = 2,    ///< what an account owes beyond its grants (a receivable)
    revenue = 3,      ///< one per node, so that no row is hot
    external_cash = 4,///< money from and to the outside world
    promo_expense = 5,
    adjustment = 6,
    breakage = 7,     ///< expired credit
};

struct Wallet {
    std::int64_t balance = 0, earned = 0, spent = 0;
};

struct TransactionDraft {
    TransactionKind kind = TransactionKind::usage;
    std::int64_t account = 0;
    std::string_view business_key, reference, description;
    std::int64_t amount = 0, balance_before = 0;
    std::int64_t position = 0, records = 0, now = 0;
};

struct OpenGrant {
    std::int64_t grant, book, remaining;
};

class Books {
public:
    explicit Books(Database& db) : db_(db) {}

    /// `n` fresh positions in the one order of records and transactions; returns the last. Takes the lock that
    /// serialises all booking, so it comes first in every booking transaction.
    std::int64_t take_positions(std::int64_t n);
    /// The ledger account, made when missing. Only grants have a floor.
    std::int64_t book(std::int64_t account, BookKind kind, std::string_view ref);
    std::int64_t insert(TransactionDraft const& draft);
    /// One debit and one credit. Throws ConstraintViolation when a floor would be broken.
    void transfer(std::int64_t txn, std::int64_t debit, std::int64_t credit, std::int64_t amount);
    /// As transfer, but the caller credits `credit` itself with `credit_only`, once for many.
    void transfer_debit_side(std::int64_t txn, std::int64_t debit, std::int64_t credit, std::int64_t amount);
    void credit_only(std::int64_t book, std::int64_t amount);

    Wallet wallet(std::int64_t account);
    void put_wallet(std::int64_t account, Wallet const& wallet);

    /// In burn order: priority, expiry (never last), creation, id.
    std::vector<OpenGrant> open_grants(std::int64_t account);
    void close_grant(std::int64_t grant);

private:
    Database& db_;
};

} // namespace tollgate::store::sql

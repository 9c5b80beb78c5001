#pragma once
// The two secrets of a data folder: the pepper (hashes keys; never changes) and the master key (seals secrets at rest;
// can be rotated). Kept apart, so that rotating one does not touch the other.
#include <filesystem>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace tollgate::identity {

struct DataSecrets {
    Secret pepper;             ///< 32 random bytes as hex
    Secret master_key;
    bool pepper_made = false;     ///< this call made the file: right only for a new data folder
    bool master_key_made = false;
};

/// Reads `pepper` and `master.key` of `data_dir`, and makes what is missing (mode 0600, synced to disk before it is
/// used). A non-empty `master_key` from the environment is used instead of the file, which is then neither read nor made.
/// Files that others may read are tightened to 0600.
/// Errors: unavailable (folder not writable, damaged or empty file, master key under 16 characters), naming the path
/// and what to do.
Result<DataSecrets> load_data_secrets(std::filesystem::path const& data_dir, Secret const& master_key);

/// Replaces master.key atomically: for rotation, after everything sealed was sealed anew. Errors: unavailable.
Result<void> replace_master_key(std::filesystem::path const& data_dir, Secret const& master_key);

/// 16 hex characters that identify a secret without revealing it. The store keeps the pepper's, so that a store which
/// meets another pepper is a start-up error instead of a 401 for every caller.
std::string secret_fingerprint(Secret const& secret);

} // namespace tollgate::identity
